import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { nudge } from '../../kernel/tasks/store.ts'
import type { WorkloadDeps } from './deps.ts'
import { findWorkload } from './store.ts'

/** Events of one workload within this time are looked at once. */
const QUIET_MS = 50
/** While its reconcile is under way, news of a workload are looked at again after this time. */
const BUSY_MS = 1_000

/**
 * Turns the engine's changes into nudges. Most events are the echo of our own steps: a look at the container tells them from
 * real news (it died, somebody stopped or removed it), which alone are written down.
 */
export async function watchEngine(
  ctx: Ctx,
  deps: WorkloadDeps,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Set<string>()
  const soon = (id: string, afterMs = QUIET_MS): void => {
    if (waiting.has(id)) return
    waiting.add(id)
    setTimeout(() => {
      waiting.delete(id)
      if (signal.aborted) return
      look(ctx, deps, id, () => soon(id, BUSY_MS)).catch((error: unknown) =>
        ctx.log.warn({ err: error, id }, 'looking at a changed workload'),
      )
    }, afterMs)
  }
  const changes = deps.compute.changes(signal)
  // What happened while nobody watched. An engine that is away tells every id when it returns.
  const held = await deps.compute.list().catch((error: unknown) => {
    ctx.log.warn({ err: error }, 'the engine is away; watching goes on')
    return []
  })
  for (const id of held) soon(id)
  for await (const id of changes) soon(id)
}

async function look(ctx: Ctx, deps: WorkloadDeps, id: string, later: () => void): Promise<void> {
  const row = await findWorkload(ctx, id)
  if (row !== undefined) {
    const underWay = row.generation !== row.settled_generation || row.repairing === 1
    if (underWay && row.error === null) return later()
    const {
      container,
      sandbox,
      health = null,
    } = await deps.compute.observe(id, row.sandbox_of ?? undefined)
    const word = container === 'running' || container === 'paused' ? container : 'stopped'
    const sandboxFine = sandbox === 'running' || row.power === 'stopped'
    const same = word === row.seen && health === row.health
    if (same && sandboxFine && container !== 'absent' && row.error === null) return
  }
  await nudge(ctx, 'workload', id)
}
