import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { done, type Outcome, type Reconciler } from '../../../../kernel/tasks/reconciler.ts'
import { endAction } from '../../container-actions/store.ts'
import type { ContainerDeps } from '../../deps.ts'
import { findContainer } from '../store.ts'
import { deleteCommit, findCommit, listCommitIds, type CommitRow } from './store.ts'

const SWEEP_MS = 60_000
const DEADLINE_MS = 30 * 60_000

/**
 * Writes a container's file system into the image that was reserved for it; the key is the image's id. The image service
 * takes the bytes whole or not at all, so a run that was killed is simply repeated. Given up, the reserved image goes again.
 */
export function commitReconciler(deps: ContainerDeps): Reconciler {
  return {
    kind: 'container.commit',
    concurrency: 2,
    deadlineMs: DEADLINE_MS,
    patience: { attempts: 3 },
    sweep: { everyMs: SWEEP_MS, keys: listCommitIds },
    reconcile: async (ctx, imageId) => await reconcile(ctx, deps, imageId),
    async giveUp(ctx, imageId, reason) {
      const job = await findCommit(ctx, imageId)
      if (job !== undefined) await cancel(ctx, deps, job, reason)
    },
  }
}

async function reconcile(ctx: Ctx, deps: ContainerDeps, imageId: string): Promise<Outcome> {
  const job = await findCommit(ctx, imageId)
  if (job === undefined) return done
  const container = await findContainer(ctx, job.container_id)
  if (container === undefined || container.task?.kind === 'delete')
    return await cancel(ctx, deps, job, 'The container was deleted meanwhile.')
  if ((await deps.workload.commitTo(ctx, job.container_id, imageId)) === 'imageGone')
    return await cancel(ctx, deps, job, 'The image was deleted meanwhile.')
  await inTx(ctx, async (tx) => {
    await deleteCommit(tx, imageId)
    await endAction(tx, job.action_id)
  })
  return done
}

/** The image will never be whole: it goes, and the action tells why. */
async function cancel(
  ctx: Ctx,
  deps: ContainerDeps,
  job: CommitRow,
  reason: string,
): Promise<Outcome> {
  await deps.image.deleteImage(ctx, job.image_id)
  await inTx(ctx, async (tx) => {
    await deleteCommit(tx, job.image_id)
    await endAction(tx, job.action_id, reason)
  })
  return done
}
