import { randomUUID } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Reply, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { mustFor } from '../access.ts'
import { mustHaveFormats } from '../data/writing.ts'
import type { Image } from '../images/schema.ts'
import { getImage, updateImage } from '../images/store.ts'
import { door } from '../policies.ts'
import { insertTask } from '../tasks/store.ts'
import { readUri, type DownloadRules } from './download.ts'
import { IMPORT_KIND } from './reconcile.ts'
import { IMPORT_METHODS, ImportBody, type ImportMethod } from './schema.ts'

interface Deps {
  readonly storeId: string
  readonly download: DownloadRules
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const Id = Type.Object({ id: Type.String() })

export function importRoutes(deps: Deps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/v2/images/:id/import',
      policy: door('modify_image'),
      params: Id,
      body: ImportBody,
      summary: 'Imports staged data, data from the web or of another image',
      handle: async (ctx, { params, body }) =>
        await startImport(ctx, await getImage(ctx, params.id), body, deps),
    }),
  ]
}

async function startImport(ctx: Ctx, image: Image, body: ImportBody, deps: Deps): Promise<Reply> {
  mustFor(ctx, 'modify_image', image.owner)
  const method = methodOf(body, deps)
  mustKnowStores(body, deps.storeId)
  mustHaveFormats(image)
  mustBeReady(image, method)
  const id = randomUUID()
  const now = ctx.now().toISOString()
  await inTx(ctx, async (tx) => {
    const began = await updateImage(
      tx,
      image.id,
      { status: 'importing', importing_to: deps.storeId, failed_import: '' },
      { status: [method === 'glance-direct' ? 'uploading' : 'queued'] },
    )
    if (!began)
      throw cloudError(
        'conflict',
        `Image ${image.id} changed its status while the import began: look at it again.`,
      )
    await insertTask(tx, {
      id,
      image_id: image.id,
      owner: image.owner,
      type: 'api_image_import',
      status: 'pending',
      message: '',
      input: toJson({ image_id: image.id, import_req: body, backend: [deps.storeId] }),
      request_id: ctx.requestId,
      user_id: whoOf(ctx).userId,
      created_at: now,
      updated_at: now,
      expires_at: null,
    })
    await nudge(tx, IMPORT_KIND, id)
  })
  return reply(202)
}

function methodOf(body: ImportBody, deps: Deps): ImportMethod {
  const { name, uri } = body.method
  const method = IMPORT_METHODS.find((known) => known === name)
  if (method === undefined) {
    const why = name === 'copy-image' ? ': there is one store, so there is nowhere to copy to' : ''
    throw cloudError(
      'badRequest',
      `Unknown import method '${name.slice(0, 60)}'${why}. There are: ${IMPORT_METHODS.join(', ')}.`,
    )
  }
  if (method === 'web-download') {
    if (uri === undefined)
      throw cloudError('badRequest', "The import method web-download needs a 'uri'.")
    readUri(uri, deps.download)
  }
  if (method === 'glance-download') mustNameImage(body.method)
  return method
}

function mustNameImage({ glance_image_id: id, glance_region: region }: ImportBody['method']): void {
  if (id === undefined || region === undefined) {
    throw cloudError(
      'badRequest',
      "The import method glance-download needs 'glance_image_id' and 'glance_region'.",
    )
  }
  if (!UUID.test(id))
    throw cloudError(
      'badRequest',
      'The image id does not look like a UUID: give the id of the image to copy from.',
    )
}

function mustKnowStores({ stores, all_stores: all }: ImportBody, storeId: string): void {
  if (stores !== undefined && all === true)
    throw cloudError('badRequest', 'Give either stores or all_stores, not both.')
  const unknown = stores?.find((store) => store !== storeId)
  if (unknown !== undefined)
    throw cloudError(
      'badRequest',
      `There is no store '${unknown.slice(0, 80)}': there is ${storeId}.`,
    )
}

function mustBeReady(image: Image, method: ImportMethod): void {
  const wanted = method === 'glance-direct' ? 'uploading' : 'queued'
  if (image.status !== wanted) {
    throw cloudError(
      'conflict',
      `Only images in status ${wanted} can be imported by ${method}; this one is ${image.status}.`,
    )
  }
  if (method === 'glance-direct' && image.staged_digest === null) {
    throw cloudError(
      'conflict',
      'The data is still being staged: import the image when that has ended.',
    )
  }
}
