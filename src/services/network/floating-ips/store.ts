import type { Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { prepared } from '../../../kernel/db/prepared.ts'
import { neutronError } from '../fault.ts'
import { standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import { db, type FloatingIpTable, type NetworkTables } from '../tables.ts'
import type { FloatingIpRow } from './schema.ts'

export const floatingIpSpec: ListSpec = {
  table: 'net_floating_ips',
  columns: {
    ...standardColumns,
    floating_network_id: text('network_id'),
    floating_ip_address: text('address'),
    port_id: text('port_id'),
    fixed_ip_address: text('fixed_address'),
    router_id: text('router_id'),
    status: text('status'),
  },
}

export async function getFloatingIp(ctx: Ctx, id: string): Promise<FloatingIpRow> {
  const row = await findRow<FloatingIpRow>(ctx, floatingIpSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'FloatingIPNotFound',
      `Floating IP ${id.slice(0, 255)} could not be found`,
    )
  return row
}

/** With nothing hidden. */
export async function anyFloatingIp(ctx: Ctx, id: string): Promise<FloatingIpTable | undefined> {
  return await db(ctx)
    .selectFrom('net_floating_ips')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function insertFloatingIp(tx: Ctx, row: FloatingIpTable): Promise<void> {
  await db(tx).insertInto('net_floating_ips').values(row).execute()
}

export async function deleteFloatingIp(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_floating_ips').where('id', '=', id).execute()
}

export async function floatingIpsOfRouter(
  ctx: Ctx,
  routerId: string,
): Promise<readonly FloatingIpTable[]> {
  return await db(ctx)
    .selectFrom('net_floating_ips')
    .selectAll()
    .where('router_id', '=', routerId)
    .orderBy('id')
    .execute()
}

export async function floatingIpsOfPorts(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<readonly FloatingIpTable[]> {
  return portIds.length === 0 ? [] : await rowsOfPorts(ctx, { portIds })
}

const rowsOfPorts = prepared(
  (query: Kysely<NetworkTables>, { portIds }: { readonly portIds: readonly string[] }) =>
    query
      .selectFrom('net_floating_ips')
      .selectAll()
      .where('port_id', 'in', portIds)
      .orderBy('created_at')
      .orderBy('id'),
)

export async function isFloatingPort(ctx: Ctx, portId: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_floating_ips')
    .select('id')
    .where('floating_port', '=', portId)
    .executeTakeFirst()
  return row !== undefined
}

/** The floating address of this network that leads to the port's fixed one already. */
export async function associationOf(
  ctx: Ctx,
  networkId: string,
  portId: string,
  fixedAddress: string,
): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_floating_ips')
    .select('id')
    .where('network_id', '=', networkId)
    .where('port_id', '=', portId)
    .where('fixed_address', '=', fixedAddress)
    .executeTakeFirst()
  return row?.id
}

/** What the router carries leads somewhere now. */
export async function markActive(ctx: Ctx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db(ctx)
    .updateTable('net_floating_ips')
    .set({ status: 'ACTIVE' })
    .where('id', 'in', ids)
    .where('router_id', 'is not', null)
    .where('status', '!=', 'ACTIVE')
    .execute()
}

/** Addresses of an external network that lead nowhere: they go with it, or when it is external no more. */
export async function idleFloatingIps(
  ctx: Ctx,
  networkId: string,
): Promise<readonly FloatingIpTable[]> {
  return await db(ctx)
    .selectFrom('net_floating_ips')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('port_id', 'is', null)
    .where('router_id', 'is', null)
    .execute()
}
