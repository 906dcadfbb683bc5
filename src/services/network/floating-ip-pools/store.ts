import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db, type SubnetTable } from '../tables.ts'

/** Subnets of these networks that floating addresses are taken from. */
export async function floatingSubnets(
  ctx: Ctx,
  networkIds: readonly string[],
): Promise<readonly SubnetTable[]> {
  if (networkIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_subnets')
    .selectAll()
    .where('network_id', 'in', networkIds)
    .where('version', '=', 4)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}
