import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { done, type Outcome, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { Workload } from '../../workload/face.ts'
import { endActions } from '../container-actions/store.ts'
import type { ContainerDeps } from '../deps.ts'
import type { ContainerFeed } from '../events/feed.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { limitsOf } from './limits.ts'
import { buryContainer, removeContainer } from './removal.ts'
import type { Container, Task } from './schema.ts'
import { openTask, statusOf } from './status.ts'
import { findContainer, idsWithTasks, updateContainer, updateWhile } from './store.ts'

const SWEEP_MS = 60_000

/**
 * Writes down what the workload has become: ends tasks and actions, removes what ended by itself and was to go then, and the
 * container itself when its workload is gone. What the API says does not wait for it (`status.ts` counts a settled workload
 * in at once).
 */
export function containerReconciler(deps: ContainerDeps, feed: ContainerFeed): Reconciler {
  return {
    kind: 'container.container',
    concurrency: 8,
    sweep: { everyMs: SWEEP_MS, keys: idsWithTasks },
    reconcile: async (ctx, id) => {
      const before = await findContainer(ctx, id)
      const outcome = before === undefined ? done : await reconcile(ctx, deps, before)
      if (before !== undefined) await say(ctx, deps, feed, before)
      return outcome
    },
  }
}

/** What has become of it, for those who listen. */
async function say(
  ctx: Ctx,
  deps: ContainerDeps,
  feed: ContainerFeed,
  before: Container,
): Promise<void> {
  if (!feed.hasListeners(before.projectId)) return
  const container = await findContainer(ctx, before.id)
  const workload = await deps.workload.find(ctx, before.id)
  const { id, name, projectId } = container ?? before
  const { status, reason, detail } =
    container === undefined
      ? { status: 'Deleted', reason: null, detail: '' }
      : statusOf(container, workload, ctx.now())
  const life = {
    exitCode: workload?.exitCode ?? null,
    oomKilled: workload?.oomKilled ?? false,
    restarts: workload?.restarts ?? 0,
    health: workload?.health ?? null,
  }
  feed.say({ uuid: id, name, projectId, status, reason, detail, ...life }, ctx.now())
}

async function reconcile(ctx: Ctx, deps: ContainerDeps, container: Container): Promise<Outcome> {
  const { id } = container
  if (container.capsuleId !== null) await nudge(ctx, 'container.capsule', container.capsuleId)
  const workload = await deps.workload.find(ctx, id)
  if (workload === undefined) {
    if (container.task?.kind === 'delete') await buryContainer(ctx, deps, container)
    return done
  }
  if (workload.wish === 'removed') {
    await noteStuck(ctx, container, workload)
    return done
  }
  if (workload.error !== null) await writeFailure(ctx, deps, container, workload, workload.error)
  else await writeSuccess(ctx, deps, container, workload)
  return done
}

/** A removal that cannot go on says why. */
async function noteStuck(ctx: Ctx, container: Container, workload: Workload): Promise<void> {
  if (workload.error === null || container.fault === workload.error) return
  await updateContainer(ctx, container.id, { fault: workload.error })
}

async function writeSuccess(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  workload: Workload,
): Promise<void> {
  await endActions(ctx, container.id, workload.settledGeneration)
  if (container.task !== undefined && openTask(container, workload) === undefined)
    await updateWhile(ctx, container.id, container.task, { task: null, fault: null })
  if (hasEnded(container, workload)) await removeContainer(ctx, deps, container)
}

/** It ran, its process ended, and with `auto_remove` that is its end. */
function hasEnded({ autoRemove }: Container, workload: Workload): boolean {
  return (
    autoRemove &&
    workload.generation === workload.settledGeneration &&
    workload.seen === 'stopped' &&
    workload.startedAt !== null
  )
}

/** The engine did not take the new limits: the old ones are wished again, and the reason stays to be seen. */
async function goBack(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  before: NonNullable<Task['before']>,
  reason: string,
): Promise<void> {
  await inTx(ctx, async (tx) => {
    const limits = limitsOf(before.cpu_milli / 1000, before.memory_mib)
    await deps.workload.change(tx, container.id, { limits, retry: true })
    await updateWhile(tx, container.id, container.task, { ...before, task: null, fault: reason })
  })
}

async function writeFailure(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
  workload: Workload,
  reason: string,
): Promise<void> {
  await endActions(ctx, container.id, workload.generation, reason)
  if (container.task?.before !== undefined) {
    await goBack(ctx, deps, container, container.task.before, reason)
    return
  }
  if (container.task === undefined && container.fault === reason) return
  await updateWhile(ctx, container.id, container.task, { task: null, fault: reason })
}
