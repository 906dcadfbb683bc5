import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db, type SubnetTable } from '../tables.ts'

/** Subnets of these networks with the number of addresses given out of each. */
export async function subnetsWithUse(
  ctx: Ctx,
  networkIds: readonly string[],
): Promise<
  readonly (Pick<SubnetTable, 'id' | 'name' | 'network_id' | 'version' | 'cidr' | 'pools'> & {
    readonly used: number
  })[]
> {
  if (networkIds.length === 0) return []
  const rows = await db(ctx)
    .selectFrom('net_subnets as s')
    .select((eb) => [
      's.id',
      's.name',
      's.network_id',
      's.version',
      's.cidr',
      's.pools',
      eb
        .selectFrom('net_addresses as a')
        .select((inner) => inner.fn.countAll().as('n'))
        .whereRef('a.subnet_id', '=', 's.id')
        .as('used'),
    ])
    .where('s.network_id', 'in', networkIds)
    .orderBy('s.created_at')
    .orderBy('s.id')
    .execute()
  return rows.map((row) => ({ ...row, used: Number(row.used ?? 0) }))
}
