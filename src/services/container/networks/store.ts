import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Neutron networks that an operator made known here ahead of their use. */
export interface NetworkTable {
  id: string
  neutron_net_id: string
  name: string
  project_id: string
  user_id: string
}
export type NetworkRow = Selectable<NetworkTable>

interface Tables {
  container_networks: NetworkTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const networksTable: Migration = {
  id: '008-networks',
  async up(kysely) {
    await sql`create table container_networks (id text not null primary key, neutron_net_id text not null unique, name text not null,
      project_id text not null, user_id text not null)`.execute(kysely)
  },
}

export async function findNetwork(ctx: Ctx, ident: string): Promise<NetworkRow | undefined> {
  return await db(ctx)
    .selectFrom('container_networks')
    .selectAll()
    .where((eb) => eb.or([eb('neutron_net_id', '=', ident), eb('id', '=', ident)]))
    .executeTakeFirst()
}

export async function insertNetwork(ctx: Ctx, row: NetworkRow): Promise<void> {
  await db(ctx).insertInto('container_networks').values(row).execute()
}

export async function deleteNetwork(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('container_networks').where('id', '=', id).execute()
}
