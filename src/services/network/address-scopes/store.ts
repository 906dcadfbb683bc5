import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { integer, standardColumns, type ListSpec } from '../standard/list-spec.ts'
import type { StandardRow } from '../standard/schema.ts'
import { findRow } from '../standard/store.ts'
import { db, type AddressScopeTable } from '../tables.ts'

export type AddressScopeRow = AddressScopeTable & StandardRow

export const addressScopeSpec: ListSpec = {
  table: 'net_address_scopes',
  columns: { ...standardColumns, ip_version: integer('version') },
  sharedBy: ['access_as_shared'],
}

export async function getAddressScope(ctx: Ctx, id: string): Promise<AddressScopeRow> {
  const row = await findRow<AddressScopeRow>(ctx, addressScopeSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'AddressScopeNotFound',
      `Address scope ${id} could not be found.`,
    )
  return row
}

export async function insertAddressScope(tx: Ctx, row: AddressScopeTable): Promise<void> {
  await db(tx).insertInto('net_address_scopes').values(row).execute()
}

export async function deleteAddressScope(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_address_scopes').where('id', '=', id).execute()
}

/** Prefixes behind a router that are in an address scope of its external network: they are known there as they are. */
export async function prefixesInScope(ctx: Ctx, routerId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_addresses as a', 'a.port_id', 'p.id')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .innerJoin('net_subnet_pools as q', 'q.id', 's.pool_id')
    .innerJoin('net_routers as r', 'r.id', 'p.device_id')
    .innerJoin('net_subnets as o', 'o.network_id', 'r.gateway_network')
    .innerJoin('net_subnet_pools as u', 'u.id', 'o.pool_id')
    .select('s.cidr')
    .distinct()
    .where('r.id', '=', routerId)
    .where('p.device_owner', '=', 'network:router_interface')
    .where('p.deleted', '=', 0)
    .whereRef('u.scope_id', '=', 'q.scope_id')
    .whereRef('o.version', '=', 's.version')
    .orderBy('s.cidr')
    .execute()
  return rows.map(({ cidr }) => cidr)
}

/** Routers with a leg in a network that has a subnet of the pool. */
export async function routersOfPool(ctx: Ctx, poolId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_subnets as s')
    .innerJoin('net_ports as p', 'p.network_id', 's.network_id')
    .select('p.device_id')
    .distinct()
    .where('s.pool_id', '=', poolId)
    .where('p.device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
    .where('p.deleted', '=', 0)
    .execute()
  return rows.map((row) => row.device_id)
}
