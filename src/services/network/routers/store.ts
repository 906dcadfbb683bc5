import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { flag, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import { db, type AddressTable, type PortTable, type RouterTable } from '../tables.ts'
import { sql } from 'kysely'
import type { RouterRow } from './schema.ts'

export const routerSpec: ListSpec = {
  table: 'net_routers',
  columns: { ...standardColumns, admin_state_up: flag('admin_up'), status: text('status') },
  filters: {
    external_gateway_info: (values) =>
      sql`t.gateway_network in (${sql.join(values.map((value) => value.replace(/^network_id=/, '')))})`,
  },
  alive: sql`t.deleted = 0`,
}

export async function getRouter(ctx: Ctx, id: string): Promise<RouterRow> {
  const row = await findRow<RouterRow>(ctx, routerSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'RouterNotFound',
      `Router ${id.slice(0, 255)} could not be found`,
    )
  return row
}

export async function insertRouter(tx: Ctx, row: RouterTable): Promise<void> {
  await db(tx).insertInto('net_routers').values(row).execute()
}

/** One leg of a router: a port with one of its addresses and the subnet this lies in. */
export interface Leg extends Pick<
  AddressTable,
  'port_id' | 'address' | 'subnet_id' | 'network_id'
> {
  readonly mac: string
  readonly cidr: string
  readonly version: 4 | 6
  readonly gateway: string | null
  readonly owner: string
}

/** All legs of a router, the one to the outside included. */
export async function legsOf(ctx: Ctx, routerId: string): Promise<readonly Leg[]> {
  return await db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_addresses as a', 'a.port_id', 'p.id')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .select([
      'a.port_id',
      'a.address',
      'a.subnet_id',
      'a.network_id',
      'p.mac',
      's.cidr',
      's.version',
      's.gateway',
      'p.device_owner as owner',
    ])
    .where('p.device_id', '=', routerId)
    .where('p.device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
    .where('p.deleted', '=', 0)
    .orderBy('p.created_at')
    .orderBy('p.id')
    .orderBy('a.position')
    .execute()
}

export async function interfacePorts(ctx: Ctx, routerId: string): Promise<readonly PortTable[]> {
  return await db(ctx)
    .selectFrom('net_ports')
    .selectAll()
    .where('device_id', '=', routerId)
    .where('device_owner', '=', 'network:router_interface')
    .where('deleted', '=', 0)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

export async function routerExists(ctx: Ctx, id: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_routers')
    .select('id')
    .where('id', '=', id)
    .where('deleted', '=', 0)
    .executeTakeFirst()
  return row !== undefined
}

export async function anyRouter(ctx: Ctx, id: string): Promise<RouterTable | undefined> {
  return await db(ctx).selectFrom('net_routers').selectAll().where('id', '=', id).executeTakeFirst()
}

export async function hideRouter(tx: Ctx, id: string): Promise<void> {
  await db(tx).updateTable('net_routers').set({ deleted: 1 }).where('id', '=', id).execute()
}

export async function eraseRouter(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('net_routers').where('id', '=', id).where('deleted', '=', 1).execute()
}

export async function allRouters(
  ctx: Ctx,
): Promise<readonly Pick<RouterTable, 'id' | 'host' | 'deleted'>[]> {
  return await db(ctx).selectFrom('net_routers').select(['id', 'host', 'deleted']).execute()
}

/** Routers that guests can have as their gateway. */
export async function routersWithLegs(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_ports')
    .select('device_id')
    .distinct()
    .where('device_owner', '=', 'network:router_interface')
    .where('deleted', '=', 0)
    .execute()
  return rows.map((row) => row.device_id)
}

/** Routers with a leg in the network. */
export async function routersIn(ctx: Ctx, networkId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_ports')
    .select('device_id')
    .distinct()
    .where('network_id', '=', networkId)
    .where('device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
    .where('deleted', '=', 0)
    .execute()
  return rows.map((row) => row.device_id)
}

/** The router that joins this subnet with the external network: what a floating address needs. */
export async function routerBetween(
  ctx: Ctx,
  subnetId: string,
  externalId: string,
): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_ports as p', 'p.id', 'a.port_id')
    .innerJoin('net_routers as r', 'r.id', 'p.device_id')
    .select('r.id')
    .where('a.subnet_id', '=', subnetId)
    .where('p.device_owner', '=', 'network:router_interface')
    .where('p.deleted', '=', 0)
    .where('r.gateway_network', '=', externalId)
    .where('r.deleted', '=', 0)
    .orderBy('r.created_at')
    .limit(1)
    .executeTakeFirst()
  return row?.id
}

export async function setRouterStatus(
  ctx: Ctx,
  id: string,
  status: 'ACTIVE' | 'ERROR',
): Promise<void> {
  await db(ctx)
    .updateTable('net_routers')
    .set({ status })
    .where('id', '=', id)
    .where('status', '!=', status)
    .execute()
}
