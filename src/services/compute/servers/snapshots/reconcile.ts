import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { again, done, type Outcome, type Reconciler } from '../../../../kernel/tasks/reconciler.ts'
import type { ComputeDeps } from '../../deps.ts'
import { endAction } from '../instance-actions/store.ts'
import type { Server } from '../schema.ts'
import { findServerEverMade, updateWhile } from '../store.ts'
import { deleteSnapshot, findSnapshot, listSnapshotIds, type SnapshotRow } from './store.ts'

const SETTLING_MS = 100
const SWEEP_MS = 60_000
const DEADLINE_MS = 30 * 60_000

/**
 * Writes a server's file system into the image that was reserved for it; the key is the image's id. The image service takes
 * the bytes whole or not at all, so a run that was killed is simply repeated. Given up, the reserved image goes again.
 */
export function snapshotReconciler(deps: ComputeDeps): Reconciler {
  return {
    kind: 'compute.snapshot',
    concurrency: 2,
    deadlineMs: DEADLINE_MS,
    patience: { attempts: 3 },
    sweep: { everyMs: SWEEP_MS, keys: listSnapshotIds },
    reconcile: async (ctx, imageId) => await reconcileSnapshot(ctx, deps, imageId),
    async giveUp(ctx, imageId, reason) {
      const job = await findSnapshot(ctx, imageId)
      if (job !== undefined) await cancel(ctx, deps, job, reason)
    },
  }
}

async function reconcileSnapshot(ctx: Ctx, deps: ComputeDeps, imageId: string): Promise<Outcome> {
  const job = await findSnapshot(ctx, imageId)
  if (job === undefined) return done
  const server = await findServerEverMade(ctx, job.server_id)
  const workload = await deps.workload.find(ctx, job.server_id)
  if (server?.task?.kind !== job.kind || workload === undefined)
    return await cancel(ctx, deps, job, 'The server was deleted or changed meanwhile.')
  if (workload.error !== null) return await cancel(ctx, deps, job, workload.error)
  if (workload.settledGeneration < job.generation) return again(SETTLING_MS)
  if ((await deps.workload.commitTo(ctx, job.server_id, imageId)) === 'imageGone')
    return await cancel(ctx, deps, job, 'The image was deleted meanwhile.')
  await finish(ctx, job, server)
  if (job.kind === 'backup') await rotate(ctx, deps, job)
  return done
}

async function finish(ctx: Ctx, job: SnapshotRow, server: Server): Promise<void> {
  await inTx(ctx, async (tx) => {
    if (server.task !== undefined) {
      await updateWhile(tx, server.id, server.task, {
        task: null,
        ...(job.kind === 'shelve'
          ? { state: 'shelved_offloaded', shelved_image_id: job.image_id }
          : {}),
      })
    }
    await deleteSnapshot(tx, job.image_id)
    await endAction(tx, job.action_id)
  })
}

/** The image will never be whole: it goes, the server is free again, the action tells why. */
async function cancel(
  ctx: Ctx,
  deps: ComputeDeps,
  job: SnapshotRow,
  reason: string,
): Promise<Outcome> {
  await deps.image.deleteImage(ctx, job.image_id)
  await inTx(ctx, async (tx) => {
    const server = await findServerEverMade(tx, job.server_id)
    if (server?.task?.kind === job.kind)
      await updateWhile(tx, server.id, server.task, { task: null })
    await deleteSnapshot(tx, job.image_id)
    await endAction(tx, job.action_id, reason)
  })
  return done
}

/** Backups of one kind beyond the newest `rotation` go. */
export async function rotate(
  ctx: Ctx,
  deps: ComputeDeps,
  job: Pick<SnapshotRow, 'server_id' | 'backup_type' | 'rotation'>,
): Promise<void> {
  const backups = (await deps.image.listImages(ctx)).filter(
    ({ properties, status }) =>
      status === 'active' &&
      properties['image_type'] === 'backup' &&
      properties['backup_type'] === job.backup_type &&
      properties['instance_uuid'] === job.server_id,
  )
  const newestFirst = backups.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
  for (const image of newestFirst.slice(job.rotation ?? 0))
    await deps.image.deleteImage(ctx, image.id)
}
