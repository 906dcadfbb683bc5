import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { SelectQueryBuilder } from 'kysely'
import {
  db,
  type NetworkTable,
  type NetworkTables,
  type PortTable,
  type SubnetTable,
} from '../tables.ts'

/** What the engine must be told, read in few queries: plugging a port is on the way of every start. */

export interface PlacedAddress extends Pick<
  SubnetTable,
  'cidr' | 'gateway' | 'routes' | 'version'
> {
  readonly port_id: string
  readonly address: string
}

export async function placedAddresses(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<readonly PlacedAddress[]> {
  if (portIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .select(['a.port_id', 'a.address', 's.cidr', 's.gateway', 's.routes', 's.version'])
    .where('a.port_id', 'in', portIds)
    .orderBy('a.position')
    .execute()
}

export interface PortWithMtu extends PortTable {
  readonly mtu: number
  readonly network_up: number
}

const portsAndNetworks = (ctx: Ctx): SelectQueryBuilder<Joined, 'p' | 'n', PortWithMtu> =>
  db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_networks as n', 'n.id', 'p.network_id')
    .selectAll('p')
    .select(['n.mtu', 'n.admin_up as network_up'])

type Joined = NetworkTables & { readonly p: PortTable; readonly n: NetworkTable }

export async function portsWithMtu(
  ctx: Ctx,
  ids: readonly string[],
): Promise<readonly PortWithMtu[]> {
  return await portsAndNetworks(ctx).where('p.id', 'in', ids).execute()
}

/** Ports of the network that were plugged, hidden ones apart. */
export async function pluggedIn(ctx: Ctx, networkId: string): Promise<readonly PortWithMtu[]> {
  return await portsAndNetworks(ctx)
    .where('p.network_id', '=', networkId)
    .where('p.netns', 'is not', null)
    .where('p.deleted', '=', 0)
    .execute()
}

export async function groupIdsOf(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<readonly { readonly port_id: string; readonly group_id: string }[]> {
  if (portIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_port_groups')
    .select(['port_id', 'group_id'])
    .where('port_id', 'in', portIds)
    .orderBy('group_id')
    .execute()
}

/** Is anything in the network that needs its segment: plugged ports, or legs of routers? */
export async function needsSegment(ctx: Ctx, networkId: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_ports')
    .select('id')
    .where('network_id', '=', networkId)
    .where((eb) =>
      eb.or([eb('netns', 'is not', null), eb('device_owner', '=', 'network:router_interface')]),
    )
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Those of these networks that are switched off. */
export async function networksDown(ctx: Ctx, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const rows = await db(ctx)
    .selectFrom('net_networks')
    .select('id')
    .where('id', 'in', ids)
    .where('admin_up', '=', 0)
    .execute()
  return rows.map(({ id }) => id)
}
