import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'
import type { NetworkTables, RouterTable } from '../tables.ts'

export interface ProxyTable extends StandardTable {
  router_id: string
  port_id: string
  address: string
}

export type ProxyRow = ProxyTable & StandardRow

interface ProxyTables extends Pick<
  NetworkTables,
  'net_addresses' | 'net_subnets' | 'net_subnet_pools'
> {
  net_ndp_proxies: ProxyTable
  net_routers: RouterTable & { enable_ndp_proxy: number }
}

const db = (ctx: Ctx): Kysely<ProxyTables> => tables<ProxyTables>(ctx)

export const proxyMigration: Migration = {
  id: '015-ndp-proxies',
  async up(kysely) {
    for (const statement of [
      `create table net_ndp_proxies (id text primary key, project_id text not null, name text not null, description text not null,
        created_at text not null, updated_at text not null, revision integer not null, tags text not null,
        router_id text not null, port_id text not null references net_ports (id) on delete cascade, address text not null)`,
      `create index net_ndp_proxies_project on net_ndp_proxies (project_id)`,
      `create index net_ndp_proxies_port on net_ndp_proxies (port_id)`,
      `create unique index net_ndp_proxies_once on net_ndp_proxies (router_id, address)`,
      `alter table net_routers add column enable_ndp_proxy integer not null default 0`,
    ])
      await sql.raw(statement).execute(kysely)
  },
}

export const proxySpec: ListSpec = {
  table: 'net_ndp_proxies',
  columns: {
    ...standardColumns,
    router_id: text('router_id'),
    port_id: text('port_id'),
    ip_address: text('address'),
  },
}

/** False when the router has one for this address already. */
export async function insertProxy(tx: Ctx, row: ProxyTable): Promise<boolean> {
  const result = await db(tx)
    .insertInto('net_ndp_proxies')
    .values(row)
    .onConflict((conflict) => conflict.columns(['router_id', 'address']).doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

export async function deleteProxies(tx: Ctx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db(tx).deleteFrom('net_ndp_proxies').where('id', 'in', ids).execute()
}

export async function proxiesBy(
  ctx: Ctx,
  column: 'router_id' | 'port_id',
  id: string,
): Promise<readonly ProxyTable[]> {
  return await db(ctx)
    .selectFrom('net_ndp_proxies')
    .selectAll()
    .where(column, '=', id)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

/** What the engine is to hear: nothing of a router that has them switched off. */
export async function proxiesInForce(ctx: Ctx, routerId: string): Promise<readonly ProxyTable[]> {
  return await db(ctx)
    .selectFrom('net_ndp_proxies as n')
    .innerJoin('net_routers as r', 'r.id', 'n.router_id')
    .selectAll('n')
    .where('n.router_id', '=', routerId)
    .where('r.enable_ndp_proxy', '=', 1)
    .orderBy('n.created_at')
    .orderBy('n.id')
    .execute()
}

export async function setEnabled(tx: Ctx, routerId: string, on: 0 | 1): Promise<void> {
  await db(tx)
    .updateTable('net_routers')
    .set({ enable_ndp_proxy: on })
    .where('id', '=', routerId)
    .execute()
}

export async function isEnabled(ctx: Ctx, routerId: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_routers')
    .select('enable_ndp_proxy')
    .where('id', '=', routerId)
    .executeTakeFirst()
  return row?.enable_ndp_proxy === 1
}

/** IPv6 address scopes that a network's subnets are in. */
export async function scopesOfNetwork(
  ctx: Ctx,
  networkId: string,
): Promise<ReadonlySet<string | null>> {
  const rows = await db(ctx)
    .selectFrom('net_subnets as s')
    .leftJoin('net_subnet_pools as p', 'p.id', 's.pool_id')
    .select('p.scope_id')
    .where('s.network_id', '=', networkId)
    .where('s.version', '=', 6)
    .execute()
  return new Set(rows.map((row) => row.scope_id))
}

/** IPv6 addresses of a port with the scope of their subnet. */
export async function addressesOfPort(
  ctx: Ctx,
  portId: string,
): Promise<
  readonly {
    readonly address: string
    readonly subnet_id: string
    readonly scope_id: string | null
  }[]
> {
  return await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .leftJoin('net_subnet_pools as p', 'p.id', 's.pool_id')
    .select(['a.address', 'a.subnet_id', 'p.scope_id'])
    .where('a.port_id', '=', portId)
    .where('s.version', '=', 6)
    .orderBy('a.position')
    .execute()
}
