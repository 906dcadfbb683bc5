import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db, type PortTable, type RuleTable, type SubnetTable } from '../tables.ts'

/** What the engine must be told, read in few queries: plugging a port is on the way of every start. */

export interface PlacedAddress extends Pick<
  SubnetTable,
  'cidr' | 'gateway' | 'routes' | 'version'
> {
  readonly address: string
}

export async function placedAddresses(ctx: Ctx, portId: string): Promise<readonly PlacedAddress[]> {
  return await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .select(['a.address', 's.cidr', 's.gateway', 's.routes', 's.version'])
    .where('a.port_id', '=', portId)
    .orderBy('a.position')
    .execute()
}

export interface PortWithMtu extends PortTable {
  readonly mtu: number
  readonly network_up: number
}

export async function portWithMtu(ctx: Ctx, portId: string): Promise<PortWithMtu | undefined> {
  return await db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_networks as n', 'n.id', 'p.network_id')
    .selectAll('p')
    .select(['n.mtu', 'n.admin_up as network_up'])
    .where('p.id', '=', portId)
    .executeTakeFirst()
}

/** Groups of a port with their rules; a group without rules comes as one row with none. */
export interface GroupAndRule extends Pick<
  RuleTable,
  | 'direction'
  | 'ethertype'
  | 'protocol'
  | 'port_min'
  | 'port_max'
  | 'remote_cidr'
  | 'remote_group'
  | 'remote_addresses'
> {
  readonly group_id: string
}

export async function groupsAndRules(
  ctx: Ctx,
  portId: string,
): Promise<
  readonly (Partial<GroupAndRule> & { readonly in_group: string; readonly stateful: number })[]
> {
  const rows = await db(ctx)
    .selectFrom('net_port_groups as m')
    .innerJoin('net_groups as g', 'g.id', 'm.group_id')
    .leftJoin('net_group_rules as r', 'r.group_id', 'm.group_id')
    .select([
      'm.group_id as in_group',
      'r.group_id',
      'r.direction',
      'r.ethertype',
      'r.protocol',
      'r.port_min',
      'r.port_max',
      'r.remote_cidr',
      'r.remote_group',
      'r.remote_addresses',
      'g.stateful',
    ])
    .where('m.port_id', '=', portId)
    .orderBy('m.group_id')
    .orderBy('r.id')
    .execute()
  return rows as (Partial<GroupAndRule> & { in_group: string; stateful: number })[] // a left join's columns are null together, told by `direction`
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
