import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { done, type Outcome, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { Workload } from '../../workload/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { moveResize } from '../os-migrations/store.ts'
import { removeServerGroupMember } from '../server-groups/store.ts'
import { endActions, endAllActions } from './instance-actions/store.ts'
import type { Server } from './schema.ts'
import { baseState, openTask, taskFacts } from './status.ts'
import { findServerEverMade, idsWithTasks, setTags, updateServer, updateWhile } from './store.ts'

const SWEEP_MS = 60_000

/**
 * Writes down what the workload has become: ends tasks and actions, and the server itself when its workload is gone. It
 * starts nothing; what the API says does not wait for it (`status.ts` counts a settled workload in at once).
 */
export function serverReconciler(deps: ComputeDeps): Reconciler {
  return {
    kind: 'compute.server',
    concurrency: 8,
    sweep: { everyMs: SWEEP_MS, keys: idsWithTasks },
    reconcile: async (ctx, id) => await reconcileServer(ctx, deps, id),
  }
}

async function reconcileServer(ctx: Ctx, deps: ComputeDeps, id: string): Promise<Outcome> {
  const server = await findServerEverMade(ctx, id)
  if (server === undefined || server.deletedAt !== null) return done
  const workload = await deps.workload.find(ctx, id)
  if (workload === undefined) {
    if (server.task?.kind === 'delete') await bury(ctx, deps, server)
    return done
  }
  if (workload.wish === 'removed') return done
  if (workload.error !== null) await writeFailure(ctx, server, workload, workload.error)
  else await writeSuccess(ctx, deps, server, workload)
  return done
}

/** Nothing runs and nothing is plugged any more: the row stays for the books only. */
async function bury(ctx: Ctx, deps: ComputeDeps, server: Server): Promise<void> {
  for (const port of await deps.network.portsOf(ctx, [server.id]))
    await deps.network.releasePort(ctx, port.id)
  if (server.shelvedImageId !== null) await deps.image.deleteImage(ctx, server.shelvedImageId)
  await inTx(ctx, async (tx) => {
    const now = ctx.now().toISOString()
    await updateServer(tx, server.id, {
      deleted_at: now,
      terminated_at: now,
      task: null,
      fault: null,
      updated_at: now,
    })
    await removeServerGroupMember(tx, server.id)
    await setTags(tx, server.id, [])
    await endAllActions(tx, server.id)
  })
}

async function writeSuccess(
  ctx: Ctx,
  deps: ComputeDeps,
  server: Server,
  workload: Workload,
): Promise<void> {
  await endActions(ctx, server.id, workload.settledGeneration)
  if (server.task === undefined) {
    // it ended or was started by itself: `changes-since` has to tell
    if (workload.settledAt !== null && workload.settledAt > server.updatedAt)
      await updateServer(ctx, server.id, { fault: null })
    return
  }
  if (openTask(server, workload) !== undefined) return
  const written = await updateWhile(ctx, server.id, server.task, {
    task: null,
    fault: null,
    state: baseState(server, workload),
    ...(server.launchedAt === null
      ? { launched_at: workload.startedAt ?? ctx.now().toISOString() }
      : {}),
  })
  if (written && server.task.kind === 'resize') await moveResize(ctx, server.id, 'finished')
  if (written && server.task.kind === 'unshelve' && server.shelvedImageId !== null)
    await dropShelved(ctx, deps, server.id, server.shelvedImageId)
}

async function writeFailure(
  ctx: Ctx,
  server: Server,
  workload: Workload,
  reason: string,
): Promise<void> {
  await endActions(ctx, server.id, workload.generation, reason)
  const message = reason.slice(0, 255)
  if (server.fault?.message === message && server.task === undefined) return
  if (server.task?.kind === 'resize') await moveResize(ctx, server.id, 'error')
  const waitsForSnapshot =
    server.task !== undefined && taskFacts[server.task.kind].bySnapshot === true
  const fault = toJson({ code: 500, message, details: reason, created: ctx.now().toISOString() })
  if (server.task === undefined) await updateServer(ctx, server.id, { fault })
  else
    await updateWhile(ctx, server.id, server.task, {
      fault,
      ...(waitsForSnapshot ? {} : { task: null }),
    })
}

async function dropShelved(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  imageId: string,
): Promise<void> {
  await deps.image.deleteImage(ctx, imageId)
  await updateServer(ctx, id, { shelved_image_id: null })
}
