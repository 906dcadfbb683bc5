import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

interface TopologyTable {
  project_id: string
  network_id: string
  router_id: string
}

const db = (ctx: Ctx): Kysely<{ net_auto_topologies: TopologyTable }> =>
  tables<{ net_auto_topologies: TopologyTable }>(ctx)

export const topologyMigration: Migration = {
  id: '013-auto-topologies',
  async up(kysely) {
    await sql`create table net_auto_topologies (project_id text primary key, network_id text not null, router_id text not null)`.execute(
      kysely,
    )
  },
}

export async function topologyOf(ctx: Ctx, projectId: string): Promise<TopologyTable | undefined> {
  return await db(ctx)
    .selectFrom('net_auto_topologies')
    .selectAll()
    .where('project_id', '=', projectId)
    .executeTakeFirst()
}

export async function insertTopology(tx: Ctx, row: TopologyTable): Promise<void> {
  await db(tx).insertInto('net_auto_topologies').values(row).execute()
}

export async function deleteTopology(tx: Ctx, projectId: string): Promise<void> {
  await db(tx).deleteFrom('net_auto_topologies').where('project_id', '=', projectId).execute()
}
