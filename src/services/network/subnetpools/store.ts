import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { flag, integer, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import { db, type SubnetPoolTable } from '../tables.ts'
import type { SubnetPoolRow } from './schema.ts'

export const subnetPoolSpec: ListSpec = {
  table: 'net_subnet_pools',
  columns: {
    ...standardColumns,
    ip_version: integer('version'),
    default_prefixlen: integer('default_len'),
    min_prefixlen: integer('min_len'),
    max_prefixlen: integer('max_len'),
    default_quota: integer('quota'),
    is_default: flag('is_default'),
    address_scope_id: text('scope_id'),
  },
  sharedBy: ['access_as_shared'],
}

/** A pool that who asks may use; 404 otherwise. */
export async function getSubnetPool(ctx: Ctx, id: string): Promise<SubnetPoolRow> {
  const row = await findRow<SubnetPoolRow>(ctx, subnetPoolSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'SubnetPoolNotFound',
      `Subnet pool ${id.slice(0, 255)} could not be found.`,
    )
  return row
}

export async function insertSubnetPool(tx: Ctx, row: SubnetPoolTable): Promise<void> {
  await db(tx).insertInto('net_subnet_pools').values(row).execute()
}

export async function deleteSubnetPool(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_subnet_pools').where('id', '=', id).execute()
}

export async function defaultPoolOf(ctx: Ctx, version: 4 | 6): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_subnet_pools')
    .select('id')
    .where('is_default', '=', 1)
    .where('version', '=', version)
    .executeTakeFirst()
  return row?.id
}

/** Prefixes that subnets took from the pool; the pool's row is locked on PostgreSQL, so that two never carve the same piece. */
export async function takenFrom(
  tx: Ctx,
  poolId: string,
): Promise<readonly { readonly cidr: string; readonly project_id: string }[]> {
  if (tx.db.dialect === 'postgres')
    await db(tx)
      .selectFrom('net_subnet_pools')
      .select('id')
      .where('id', '=', poolId)
      .forUpdate()
      .execute()
  return await db(tx)
    .selectFrom('net_subnets')
    .select(['cidr', 'project_id'])
    .where('pool_id', '=', poolId)
    .execute()
}

/** Other pools of an address scope, with their prefixes: within a scope nothing overlaps. */
export async function poolsInScope(ctx: Ctx, scopeId: string): Promise<readonly SubnetPoolTable[]> {
  return await db(ctx)
    .selectFrom('net_subnet_pools')
    .selectAll()
    .where('scope_id', '=', scopeId)
    .execute()
}
