import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../../kernel/db/db.ts'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import { done, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { ImageStore } from '../../../ports/image-store.ts'
import { dropBlobs } from '../data/blobs.ts'
import { activeColumns, stagedBlob } from '../data/writing.ts'
import type { Image } from '../images/schema.ts'
import {
  changeImage,
  findImage,
  findImageFor,
  updateImage,
  type ImageChange,
} from '../images/store.ts'
import { roomForBytes, type Quota } from '../quota.ts'
import type { ImageTaskTable } from '../tasks/schema.ts'
import { findTask, forgetTasks, updateTask } from '../tasks/store.ts'
import { openUrl, readUri, type DownloadRules } from './download.ts'
import type { ImportBody } from './schema.ts'

export const IMPORT_KIND = 'image.import'

const HOUR_MS = 60 * 60_000
/** Glance keeps tasks that have ended for two days. */
const TASK_KEPT_MS = 48 * HOUR_MS

interface Deps {
  readonly store: ImageStore
  readonly quota: Quota
  readonly download: DownloadRules
  readonly region: string
}

/**
 * Imports, by task id. A run that was killed is simply made again: staged bytes are where they were, a download begins anew
 * under another name. A download that fails is not tried again; the user reads why in the task and in the image.
 */
export function importReconciler(deps: Deps): Reconciler {
  return {
    kind: IMPORT_KIND,
    concurrency: 2,
    deadlineMs: HOUR_MS,
    patience: { attempts: 1 },
    async reconcile(ctx, id) {
      const task = await findTask(ctx, id)
      if (task === undefined || task.status === 'success' || task.status === 'failure') return done
      const image = await findImage(ctx, task.image_id)
      if (image === undefined || image.status !== 'importing') return done
      await updateTask(ctx, id, { status: 'processing' })
      try {
        await runImport(ctx, task, image, deps)
      } catch (error) {
        // stopping: the next start makes the run again; too late: the runner calls giveUp
        if (ctx.signal.aborted) throw error
        await failImport(ctx, id, reasonOf(error), deps.store.kind)
      }
      return done
    },
    giveUp: async (ctx, id, reason) => await failImport(ctx, id, reason, deps.store.kind),
    sweep: {
      everyMs: HOUR_MS,
      async keys(ctx) {
        await forgetTasks(ctx)
        return []
      },
    },
  }
}

async function runImport(ctx: Ctx, task: ImageTaskTable, image: Image, deps: Deps): Promise<void> {
  const { method } = fromJson<{ import_req: ImportBody }>(task.input).import_req
  const staged = stagedBlob(image)
  if (method.name === 'glance-direct' && image.staged !== null && staged !== undefined) {
    // staged bytes lie in the same store: importing them is giving them another name in the row
    await finish(ctx, task, image, {
      columns: activeColumns(image, image.staged, staged),
      properties: {},
    })
    return
  }
  const room = await roomForBytes(ctx, deps.quota, image.owner)
  const source = await openSource(ctx, task, method, deps)
  const blob = randomUUID()
  await inTx(ctx, async (tx) => {
    await updateImage(tx, image.id, { blob }, { status: ['importing'] })
    await dropBlobs(tx, [image.blob])
  })
  const stored = await deps.store.write(blob, source.content, { maxBytes: room })
  await roomForBytes(ctx, deps.quota, image.owner, stored.sizeBytes) // others may have uploaded meanwhile
  const formats = {
    container_format: image.container_format,
    disk_format: image.disk_format,
    ...source.formats,
  }
  await finish(ctx, task, image, {
    columns: { ...formats, ...activeColumns(formats, blob, stored) },
    properties: source.properties,
  })
}

interface Source {
  readonly content: Readable
  readonly properties: Readonly<Record<string, string>>
  readonly formats: Partial<Pick<Image, 'container_format' | 'disk_format'>>
}

async function openSource(
  ctx: Ctx,
  task: ImageTaskTable,
  method: ImportBody['method'],
  deps: Deps,
): Promise<Source> {
  if (method.name === 'glance-download') return await openImageSource(ctx, task, method, deps)
  const content = await openUrl(readUri(method.uri ?? '', deps.download), deps.download, ctx.signal)
  return { content, properties: {}, formats: {} }
}

/** Properties that go along with the bytes of another image: those that say how it runs. As Glance has them by default. */
const CARRIED = /^(hw_|trait:)|^(os_distro|os_secure_boot|os_type)$/

async function openImageSource(
  ctx: Ctx,
  task: ImageTaskTable,
  method: ImportBody['method'],
  deps: Deps,
): Promise<Source> {
  const {
    glance_image_id: id = '',
    glance_region: region,
    glance_service_interface: face = 'public',
  } = method
  if (region !== deps.region)
    throw new Error(`this cloud has no region '${String(region)}': it has ${deps.region}`)
  if (!['public', 'internal', 'admin'].includes(face))
    throw new Error(`there is no service interface '${face}'`)
  const source = await findImageFor(ctx, id, task.owner ?? '')
  if (source === undefined) throw new Error(`there is no image ${id} that the project may see`)
  if (source.status !== 'active' || source.blob === null)
    throw new Error(`image ${id} is ${source.status}, only active images can be copied`)
  return {
    content: await deps.store.read(source.blob),
    properties: Object.fromEntries(
      Object.entries(source.properties).filter(([name]) => CARRIED.test(name)),
    ),
    formats: { container_format: source.container_format, disk_format: source.disk_format },
  }
}

async function finish(
  ctx: Ctx,
  task: ImageTaskTable,
  image: Image,
  change: ImageChange,
): Promise<void> {
  await inTx(ctx, async (tx) => {
    const columns = { ...change.columns, importing_to: '', failed_import: '' }
    if (await updateImage(tx, image.id, columns, { status: ['importing'] })) {
      await changeImage(tx, image.id, { columns: {}, properties: change.properties })
      await updateTask(tx, task.id, { status: 'success', message: '', expires_at: expiry(tx) })
      return
    }
    // the image was deleted or given up meanwhile: nobody is left to tell, its bytes go
    await dropBlobs(tx, [change.columns.blob ?? null])
  })
}

/** The image takes data again, and says which store has none. */
async function failImport(ctx: Ctx, id: string, reason: string, storeId: string): Promise<void> {
  const task = await findTask(ctx, id)
  if (task === undefined) return
  const image = await findImage(ctx, task.image_id)
  await inTx(ctx, async (tx) => {
    const columns = {
      status: 'queued',
      blob: null,
      staged: null,
      staged_digest: null,
      staged_size: null,
      importing_to: '',
      failed_import: storeId,
    } as const
    const changed = await updateImage(tx, task.image_id, columns, { status: ['importing'] })
    if (changed && image !== undefined) await dropBlobs(tx, [image.blob, image.staged])
    await updateTask(tx, id, {
      status: 'failure',
      message: reason.slice(0, 2000),
      expires_at: expiry(tx),
    })
  })
}

function expiry(ctx: Ctx): string {
  return new Date(ctx.now().getTime() + TASK_KEPT_MS).toISOString()
}
