import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { ConntrackHelperName } from '../../../ports/network.ts'
import { integer, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'
import { newRow } from '../tables.ts'

export interface HelperTable extends StandardTable {
  router_id: string
  protocol: 'tcp' | 'udp'
  port: number
  helper: ConntrackHelperName
}

export type HelperRow = HelperTable & StandardRow

const db = (ctx: Ctx): Kysely<{ net_conntrack_helpers: HelperTable }> =>
  tables<{ net_conntrack_helpers: HelperTable }>(ctx)

export const helperMigration: Migration = {
  id: '014-conntrack-helpers',
  async up(kysely) {
    for (const statement of [
      `create table net_conntrack_helpers (id text primary key, project_id text not null, name text not null, description text not null,
        created_at text not null, updated_at text not null, revision integer not null, tags text not null,
        router_id text not null references net_routers (id) on delete cascade, protocol text not null, port integer not null, helper text not null)`,
      `create unique index net_conntrack_helpers_once on net_conntrack_helpers (router_id, protocol, port)`,
    ])
      await sql.raw(statement).execute(kysely)
  },
}

/** Those of one router. */
export const helperSpec = (routerId: string): ListSpec => ({
  table: 'net_conntrack_helpers',
  columns: {
    id: standardColumns.id,
    project_id: standardColumns.project_id,
    tenant_id: standardColumns.tenant_id,
    protocol: text('protocol'),
    port: integer('port'),
    helper: text('helper'),
  },
  alive: sql`t.router_id = ${routerId}`,
})

export async function helpersOf(
  ctx: Ctx,
  routerIds: readonly string[],
): Promise<readonly HelperTable[]> {
  if (routerIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_conntrack_helpers')
    .selectAll()
    .where('router_id', 'in', routerIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

type Helper = Pick<HelperTable, 'protocol' | 'port' | 'helper'>

export async function insertHelper(
  tx: Ctx,
  router: { readonly id: string; readonly project_id: string },
  helper: Helper,
): Promise<string> {
  const id = randomUUID()
  await db(tx)
    .insertInto('net_conntrack_helpers')
    .values({ ...newRow(tx, id, router.project_id, {}), router_id: router.id, ...helper })
    .execute()
  return id
}

export async function deleteHelper(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_conntrack_helpers').where('id', '=', id).execute()
}

export async function deleteHelpersOf(tx: Ctx, routerId: string): Promise<void> {
  await db(tx).deleteFrom('net_conntrack_helpers').where('router_id', '=', routerId).execute()
}
