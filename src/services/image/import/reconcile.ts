import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../../kernel/db/db.ts'
import { done, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { ImageStore, StoredBlob } from '../../../ports/image-store.ts'
import { dropBlobs } from '../data/blobs.ts'
import { activeColumns, stagedBlob } from '../data/writing.ts'
import type { Image } from '../images/schema.ts'
import { findImage, updateImage } from '../images/store.ts'
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
      await runImport(ctx, task, image, deps)
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
    await finish(ctx, task, image, image.staged, staged)
    return
  }
  const url = readUri(method.uri ?? '', deps.download)
  const room = await roomForBytes(ctx, deps.quota, image.owner)
  const blob = randomUUID()
  await inTx(ctx, async (tx) => {
    await updateImage(tx, image.id, { blob }, { status: ['importing'] })
    await dropBlobs(tx, [image.blob])
  })
  const content = await openUrl(url, deps.download, ctx.signal)
  const stored = await deps.store.write(blob, content, { maxBytes: room })
  await roomForBytes(ctx, deps.quota, image.owner, stored.sizeBytes) // others may have uploaded meanwhile
  await finish(ctx, task, image, blob, stored)
}

async function finish(ctx: Ctx, task: ImageTaskTable, image: Image, blob: string, stored: StoredBlob): Promise<void> {
  await inTx(ctx, async (tx) => {
    const columns = { ...activeColumns(image, blob, stored), importing_to: '', failed_import: '' }
    // a deleted image took its task along; nobody is left to tell
    if (!(await updateImage(tx, image.id, columns, { status: ['importing'] }))) return await dropBlobs(tx, [blob])
    await updateTask(tx, task.id, { status: 'success', message: '', expires_at: expiry(tx) })
  })
}

/** The image takes data again, and says which store has none. */
async function failImport(ctx: Ctx, id: string, reason: string, storeId: string): Promise<void> {
  const task = await findTask(ctx, id)
  if (task === undefined) return
  const image = await findImage(ctx, task.image_id)
  await inTx(ctx, async (tx) => {
    const columns = { status: 'queued', blob: null, staged: null, staged_digest: null, staged_size: null, importing_to: '', failed_import: storeId } as const
    const changed = await updateImage(tx, task.image_id, columns, { status: ['importing'] })
    if (changed && image !== undefined) await dropBlobs(tx, [image.blob, image.staged])
    await updateTask(tx, id, { status: 'failure', message: reason.slice(0, 2000), expires_at: expiry(tx) })
  })
}

function expiry(ctx: Ctx): string {
  return new Date(ctx.now().getTime() + TASK_KEPT_MS).toISOString()
}
