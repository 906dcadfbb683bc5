import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { touch } from '../standard/store.ts'
import { policySpec, portsUnder, routersUnder } from './store.ts'

/** Rules of a policy changed: whoever is under it is told. */
export async function policyChanged(tx: Ctx, policyId: string): Promise<void> {
  await touch(tx, policySpec, policyId)
  for (const id of await portsUnder(tx, policyId)) await nudge(tx, kinds.port, id)
  for (const id of await routersUnder(tx, policyId)) await nudge(tx, kinds.router, id)
}
