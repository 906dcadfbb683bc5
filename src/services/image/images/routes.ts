import { randomUUID } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { validate } from '../../../kernel/http/validate.ts'
import { mustFor } from '../access.ts'
import { dropBlobs } from '../data/blobs.ts'
import { IMPORT_METHODS } from '../import/schema.ts'
import { readFilters } from '../listing/filters.ts'
import { listImages, sortKeys } from '../listing/store.ts'
import { pageLinks } from '../page-links.ts'
import { door } from '../policies.ts'
import { mustHaveRoomForImage, type Quota } from '../quota.ts'
import { attributesOf, changeOf, newImage } from './change.ts'
import { allowedName, applyPatch, PATCH_TYPES, readPatch } from './patch.ts'
import { NewImageBody, type Image } from './schema.ts'
import {
  changeImage,
  getImage,
  insertImage,
  noSuchImage,
  removeImage,
  updateImage,
} from './store.ts'
import { imageView } from './view.ts'

interface Deps {
  readonly storeId: string
  readonly quota: Quota
}

const Id = Type.Object({ id: Type.String() })

export function imageRoutes(deps: Deps): readonly Route[] {
  return [...collectionRoutes(deps), ...oneImageRoutes(deps.storeId), ...actionRoutes]
}

function collectionRoutes(deps: Deps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/v2/images',
      policy: 'add_image',
      body: Type.Unsafe<Record<string, unknown>>({ type: 'object' }),
      summary: 'Creates an image',
      handle: async (ctx, req) => await createImage(ctx, req, deps),
    }),
    route({
      method: 'GET',
      path: '/v2/images',
      policy: 'get_images',
      summary: 'Lists images',
      handle: async (ctx, req) => await index(ctx, req, deps.storeId),
    }),
    // only so that a lost id is a 404: without a route, the kernel would blame the method
    route({
      method: 'DELETE',
      path: '/v2/images',
      policy: door('delete_image'),
      summary: 'Refused: images are deleted one by one',
      handle: async () => {
        return await Promise.reject(
          cloudError('methodNotAllowed', 'Images are deleted one by one.', {
            headers: { Allow: 'GET, HEAD, POST' },
          }),
        )
      },
    }),
  ]
}

function oneImageRoutes(storeId: string): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2/images/:id',
      policy: 'get_image',
      params: Id,
      summary: 'Shows an image',
      handle: async (ctx, { params }) => imageView(await getImage(ctx, params.id), storeId),
    }),
    route({
      method: 'PATCH',
      path: '/v2/images/:id',
      policy: door('modify_image'),
      params: Id,
      accepts: PATCH_TYPES,
      body: Type.Unknown(),
      summary: 'Updates an image',
      handle: async (ctx, req) => await patchImage(ctx, req, req.params.id, storeId),
    }),
    route({
      method: 'DELETE',
      path: '/v2/images/:id',
      policy: door('delete_image'),
      params: Id,
      summary: 'Deletes an image',
      handle: async (ctx, { params }) => await deleteImage(ctx, await getImage(ctx, params.id)),
    }),
  ]
}

const actionRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v2/images/:id/actions/deactivate',
    policy: door('deactivate'),
    params: Id,
    summary: 'Deactivates an image',
    handle: async (ctx, { params }) => await setActive(ctx, params.id, false),
  }),
  route({
    method: 'POST',
    path: '/v2/images/:id/actions/reactivate',
    policy: door('reactivate'),
    params: Id,
    summary: 'Reactivates an image',
    handle: async (ctx, { params }) => await setActive(ctx, params.id, true),
  }),
]

async function createImage(
  ctx: Ctx,
  req: Req<unknown, unknown, Record<string, unknown>>,
  deps: Deps,
): Promise<Reply> {
  // reserved names first: whatever their value, they are a 403, and the schema would call some of them a 400
  for (const name of Object.keys(req.body)) if (name !== 'id') allowedName(name)
  validate(NewImageBody, req.body, 'body', 'image')
  const body = req.body as NewImageBody // just validated
  const image = newImage(ctx, body.id ?? randomUUID(), projectOf(ctx), body)
  await mustHaveRoomForImage(ctx, deps.quota, image.owner)
  await insertImage(ctx, image)
  return reply(201, imageView(image, deps.storeId), {
    Location: `${req.serviceUrl}/v2/images/${image.id}`,
    'OpenStack-image-import-methods': IMPORT_METHODS.join(','),
    'OpenStack-image-store-ids': deps.storeId,
  })
}

async function index(ctx: Ctx, req: Req, storeId: string): Promise<Record<string, unknown>> {
  const query = req.rawQuery
  projectOf(ctx) // without one there is nothing to see
  if (query.has('sort') && (query.has('sort_key') || query.has('sort_dir'))) {
    throw cloudError(
      'badRequest',
      'The sort parameter cannot be used together with sort_key or sort_dir.',
    )
  }
  const dir = query.get('sort_dir')?.toLowerCase() === 'asc' ? 'asc' : 'desc'
  const page = pageOf(withDefaultDirection(query), {
    sortable: sortKeys,
    defaultSort: [{ key: 'created_at', dir }],
    defaultLimit: 25,
  })
  const { images, more } = await listImages(ctx, readFilters(query), page)
  return {
    images: images.map((image) => imageView(image, storeId)),
    ...pageLinks('/v2/images', query, more ? images.at(-1)?.id : undefined),
    schema: '/v2/schemas/images',
  }
}

/** Glance sorts descending where no direction is given. */
function withDefaultDirection(query: URLSearchParams): URLSearchParams {
  const filled = new URLSearchParams(query)
  const sort = query.get('sort')
  if (sort !== null && sort !== '') {
    filled.set(
      'sort',
      sort
        .split(',')
        .map((item) => (item.includes(':') ? item : `${item}:desc`))
        .join(','),
    )
  } else if (!query.has('sort_dir')) filled.set('sort_dir', 'desc')
  return filled
}

async function patchImage(
  ctx: Ctx,
  req: Req,
  id: string,
  storeId: string,
): Promise<Record<string, unknown>> {
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (!PATCH_TYPES.some((known) => known === type)) {
    throw cloudError('unsupportedMediaType', `Send ${PATCH_TYPES.join(' or ')}.`, {
      headers: { 'Accept-Patch': PATCH_TYPES.join(', ') },
    })
  }
  const operations = readPatch(req.body, type)
  return await inTx(ctx, async (tx) => {
    const image = await getImage(tx, id)
    mustFor(tx, 'modify_image', image.owner)
    const change = changeOf(tx, image, applyPatch(attributesOf(image), operations))
    if (operations.length > 0 && !(await changeImage(tx, id, change))) throw noSuchImage(id)
    return imageView(await getImage(tx, id), storeId)
  })
}

/** The row goes at once; its bytes follow. */
export async function deleteImage(ctx: Ctx, image: Image): Promise<void> {
  mustFor(ctx, 'delete_image', image.owner)
  if (image.protected === 1 && ctx.who !== undefined)
    throw cloudError('forbidden', `Image ${image.id} is protected and cannot be deleted.`)
  await inTx(ctx, async (tx) => {
    const gone = await removeImage(tx, image.id)
    if (gone === undefined) throw noSuchImage(image.id)
    await dropBlobs(tx, [gone.blob, gone.staged])
  })
}

async function setActive(ctx: Ctx, id: string, active: boolean): Promise<void> {
  const image = await getImage(ctx, id)
  mustFor(ctx, active ? 'reactivate' : 'deactivate', image.owner)
  const done = await updateImage(
    ctx,
    id,
    { status: active ? 'active' : 'deactivated' },
    { status: ['active', 'deactivated'] },
  )
  if (!done)
    throw cloudError(
      'forbidden',
      `Not allowed to ${active ? 'reactivate' : 'deactivate'} image in status '${image.status}'.`,
    )
}
