import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { toJson } from '../../../kernel/db/db.ts'
import type { Pool } from '../addressing/pools.ts'
import { flag, integer, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { bit, versionOf } from '../standard/schema.ts'
import { db, newRow, type SubnetTable } from '../tables.ts'
import type { NewSubnetWish, Route } from './schema.ts'

export const subnetSpec: ListSpec = {
  table: 'net_subnets',
  columns: {
    ...standardColumns,
    network_id: text('network_id'),
    ip_version: integer('version'),
    cidr: text('cidr'),
    gateway_ip: text('gateway'),
    enable_dhcp: flag('dhcp'),
    ipv6_ra_mode: text('ra_mode'),
    ipv6_address_mode: text('address_mode'),
    subnetpool_id: text('pool_id'),
  },
  filters: {
    'router:external': (values) =>
      sql`exists (select 1 from net_networks n where n.id = t.network_id and n.external in (${sql.join(values.map((value) => bit(value, false)))}))`,
    service_types: (values) =>
      sql`(${sql.join(
        values.map(
          (value) => sql`replace(t.service_types, ${JSON.stringify(value)}, '') <> t.service_types`,
        ),
        sql` or `,
      )})`,
  },
  computed: [sql`(select n.external from net_networks n where n.id = t.network_id) as external`],
  // a subnet is seen by those who share its network, and by the network's owner
  sharedBy: ['access_as_shared'],
  rbacColumn: 'network_id',
  alsoVisible: (project) =>
    sql`exists (select 1 from net_networks n where n.id = t.network_id and n.project_id = ${project})`,
}

/** A subnet's attributes after all checks. */
export interface PlannedSubnet {
  readonly cidr: string
  readonly gateway: string | null
  readonly pools: readonly Pool[]
  readonly dns: readonly string[]
  readonly routes: readonly Route[]
  readonly serviceTypes: readonly string[]
  readonly poolId: string | null
}

export async function insertSubnet(
  tx: Ctx,
  wish: NewSubnetWish,
  plan: PlannedSubnet,
  projectId: string,
): Promise<SubnetTable> {
  const row: SubnetTable = {
    ...newRow(tx, randomUUID(), projectId, wish),
    network_id: wish.network_id,
    version: versionOf(wish.ip_version),
    cidr: plan.cidr,
    gateway: plan.gateway,
    dhcp: bit(wish.enable_dhcp, true),
    pools: toJson(plan.pools),
    dns: toJson(plan.dns),
    routes: toJson(plan.routes),
    ra_mode: wish.ipv6_ra_mode ?? null,
    address_mode: wish.ipv6_address_mode ?? null,
    pool_id: plan.poolId,
    service_types: toJson(plan.serviceTypes),
    cursor_key: '',
  }
  await db(tx).insertInto('net_subnets').values(row).execute()
  return row
}

export async function subnetsIn(ctx: Ctx, networkId: string): Promise<readonly SubnetTable[]> {
  return await db(ctx)
    .selectFrom('net_subnets')
    .selectAll()
    .where('network_id', '=', networkId)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

export async function subnetsById(
  ctx: Ctx,
  ids: readonly string[],
): Promise<readonly SubnetTable[]> {
  if (ids.length === 0) return []
  return await db(ctx).selectFrom('net_subnets').selectAll().where('id', 'in', ids).execute()
}

/** Hosts with an address in the subnet that they did not make themselves, and router ports. */
export async function subnetInUse(ctx: Ctx, subnet: SubnetTable, auto: boolean): Promise<boolean> {
  const base = db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_ports as p', 'p.id', 'a.port_id')
    .select('p.id')
    .where('a.subnet_id', '=', subnet.id)
  const query = auto
    ? base.where('p.device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
    : base
  return (await query.limit(1).executeTakeFirst()) !== undefined
}

export async function deleteSubnet(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_addresses').where('subnet_id', '=', id).execute()
  await db(tx).deleteFrom('net_subnets').where('id', '=', id).execute()
}

/** The port that has this address in the network. */
export async function holderOf(
  ctx: Ctx,
  networkId: string,
  address: string,
): Promise<{ readonly id: string; readonly device_owner: string } | undefined> {
  return await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_ports as p', 'p.id', 'a.port_id')
    .select(['p.id', 'p.device_owner'])
    .where('a.network_id', '=', networkId)
    .where('a.address', '=', address)
    .executeTakeFirst()
}
