import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { toJson } from '../../../kernel/db/db.ts'
import { invalidInput, neutronError } from '../fault.ts'
import { flag, integer, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { bit } from '../standard/schema.ts'
import { findRow } from '../standard/store.ts'
import { db, newRow, type NetworkTable } from '../tables.ts'
import type { NetworkRow, NewNetworkWish } from './schema.ts'

export const networkSpec: ListSpec = {
  table: 'net_networks',
  columns: {
    ...standardColumns,
    admin_state_up: flag('admin_up'),
    status: text('status'),
    mtu: integer('mtu'),
    'router:external': flag('external'),
    is_default: flag('is_default'),
    port_security_enabled: flag('port_security'),
    'provider:network_type': text('provider_type'),
    'provider:physical_network': text('physical'),
    'provider:segmentation_id': integer('segment'),
    availability_zone_hints: text('zone_hints'),
  },
  filters: {
    availability_zone_hints: (values) =>
      sql`(${sql.join(
        values.map(
          (value) => sql`replace(t.zone_hints, ${JSON.stringify(value)}, '') <> t.zone_hints`,
        ),
        sql` or `,
      )})`,
    subnets: (values) =>
      sql`exists (select 1 from net_subnets s where s.network_id = t.id and s.id in (${sql.join(values)}))`,
  },
  alive: sql`t.deleted = 0`,
  sharedBy: ['access_as_shared', 'access_as_external'],
}

/** A network that who asks may use; 404 otherwise. */
export async function getNetwork(ctx: Ctx, id: string): Promise<NetworkRow> {
  const row = await findRow<NetworkRow>(ctx, networkSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'NetworkNotFound',
      `Network ${id.slice(0, 255)} could not be found.`,
    )
  return row
}

export interface NetworkHome {
  readonly host: string
  readonly mtu: number
}

/** 0 and nothing mean «the largest». */
/** RFC 8200, section 5: a link with less carries no IPv6. */
export function checkMtu6(mtu: number): void {
  if (mtu < 1280) throw invalidInput(`IPv6 needs an MTU of at least 1280, and this is ${mtu}.`)
}

export const mtuOf = (asked: number | string | undefined, home: NetworkHome): number =>
  asked === undefined || Number(asked) === 0 ? home.mtu : Number(asked)

export async function insertNetwork(
  tx: Ctx,
  wish: NewNetworkWish,
  projectId: string,
  home: NetworkHome,
): Promise<string> {
  const id = randomUUID()
  const external = bit(wish['router:external'], false)
  await db(tx)
    .insertInto('net_networks')
    .values({
      ...newRow(tx, id, projectId, wish),
      admin_up: bit(wish.admin_state_up, true),
      external,
      is_default: bit(wish.is_default, false),
      mtu: mtuOf(wish.mtu, home),
      port_security: bit(wish.port_security_enabled, true),
      provider_type: wish['provider:network_type'] ?? (external === 1 ? 'flat' : 'local'),
      physical: wish['provider:physical_network'] ?? null,
      segment: null,
      zone_hints: toJson(wish.availability_zone_hints ?? []),
      status: 'ACTIVE',
      host: home.host,
      deleted: 0,
    })
    .execute()
  return id
}

/** Subnets of many networks, with the address scope their pool is in. */
export async function subnetsOfNetworks(
  ctx: Ctx,
  networkIds: readonly string[],
): Promise<readonly { id: string; network_id: string; version: 4 | 6; scope_id: string | null }[]> {
  if (networkIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_subnets as s')
    .leftJoin('net_subnet_pools as p', 'p.id', 's.pool_id')
    .select(['s.id', 's.network_id', 's.version', 'p.scope_id'])
    .where('s.network_id', 'in', networkIds)
    .orderBy('s.created_at')
    .orderBy('s.id')
    .execute()
}

/** Does anybody but these projects have a port or a subnet in the network? */
export async function usedByOthers(
  ctx: Ctx,
  networkId: string,
  projects: readonly string[],
): Promise<boolean> {
  const { rows } = await sql<{ n: number | string }>`select count(*) as n from (
    select project_id from net_ports where network_id = ${networkId} and deleted = 0 and device_owner not like 'network:%'
    union all select project_id from net_subnets where network_id = ${networkId}) as used
    where used.project_id not in (${sql.join([...projects, ''])})`.execute(db(ctx))
  return Number(rows[0]?.n ?? 0) > 0
}

export async function countPortsIn(
  ctx: Ctx,
  networkId: string,
  subnetId?: string,
): Promise<number> {
  const base = db(ctx)
    .selectFrom('net_ports as p')
    .where('p.network_id', '=', networkId)
    .where('p.deleted', '=', 0)
  const query =
    subnetId === undefined
      ? base
      : base.where((eb) =>
          eb.exists(
            eb
              .selectFrom('net_addresses as a')
              .select('a.port_id')
              .whereRef('a.port_id', '=', 'p.id')
              .where('a.subnet_id', '=', subnetId),
          ),
        )
  const row = await query.select((eb) => eb.fn.countAll().as('n')).executeTakeFirst()
  return Number(row?.n ?? 0)
}

/** Routers whose way out leads through the network, or that offer floating addresses of it. */
export async function routersOutThrough(ctx: Ctx, networkId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_routers')
    .select('id')
    .where('gateway_network', '=', networkId)
    .where('deleted', '=', 0)
    .execute()
  return rows.map((row) => row.id)
}

/** The API forgets the network; the row stays until the engine holds nothing of it. */
export async function hideNetwork(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_subnets').where('network_id', '=', id).execute()
  await db(tx).deleteFrom('net_rbac').where('object_id', '=', id).execute()
  await db(tx).updateTable('net_networks').set({ deleted: 1 }).where('id', '=', id).execute()
}

/** Only one external network can be the default one. */
export async function defaultNetwork(ctx: Ctx): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_networks')
    .select('id')
    .where('is_default', '=', 1)
    .where('deleted', '=', 0)
    .executeTakeFirst()
  return row?.id
}

/** For reconcilers: hidden rows too. */
export async function anyNetwork(ctx: Ctx, id: string): Promise<NetworkTable | undefined> {
  return await db(ctx)
    .selectFrom('net_networks')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function allNetworks(
  ctx: Ctx,
): Promise<readonly Pick<NetworkTable, 'id' | 'external' | 'deleted'>[]> {
  return await db(ctx).selectFrom('net_networks').select(['id', 'external', 'deleted']).execute()
}

/** False while ports of the network are still to be unplugged. */
export async function eraseNetwork(ctx: Ctx, id: string): Promise<boolean> {
  const port = await db(ctx)
    .selectFrom('net_ports')
    .select('id')
    .where('network_id', '=', id)
    .executeTakeFirst()
  if (port !== undefined) return false
  await db(ctx).deleteFrom('net_group_places').where('network_id', '=', id).execute()
  await db(ctx).deleteFrom('net_networks').where('id', '=', id).where('deleted', '=', 1).execute()
  return true
}

export async function setNetworkStatus(
  ctx: Ctx,
  id: string,
  status: 'ACTIVE' | 'ERROR',
): Promise<void> {
  await db(ctx)
    .updateTable('net_networks')
    .set({ status })
    .where('id', '=', id)
    .where('status', '!=', status)
    .execute()
}
