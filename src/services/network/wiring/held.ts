import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { pendingTasks } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { driftOf, type Drift } from './plan.ts'
import type { Wiring } from './wiring.ts'

/**
 * Wanted rows against what the engine holds. What is missing though nobody had been asked to make it, somebody else has taken
 * away: it counts as repaired once it is there again. The order matters: rows are read before, so that one that is made
 * meanwhile is not taken for lost.
 */
export async function heldAgainst(
  ctx: Ctx,
  wiring: Wiring,
  kind: 'network' | 'external' | 'router',
  rows: readonly { readonly id: string; readonly wanted: boolean }[],
): Promise<Drift & { readonly held: readonly string[] }> {
  const before = await pendingTasks(ctx, [kinds[kind]])
  const held = (await wiring.port.list())[`${kind}s`]
  const drift = driftOf(rows, held)
  if (drift.missing.length > 0) {
    const now = await pendingTasks(ctx, [kinds[kind]])
    for (const id of drift.missing) {
      const task = `${kinds[kind]} ${id}`
      if (!before.has(task) && !now.has(task)) wiring.repairs.note({ kind, id })
    }
  }
  return { ...drift, held }
}
