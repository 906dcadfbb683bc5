import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Images that somebody asked to be fetched and that are not there yet, or could not be fetched. */
export interface PullTable {
  id: string
  project_id: string
  repo: string
  tag: string
  host: string
  /** Why it could not be fetched. */
  error: string | null
  created_at: string
}
export type PullRow = Selectable<PullTable>

interface Tables {
  container_image_pulls: PullTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const imagePullsTable: Migration = {
  id: '010-image-pulls',
  async up(kysely) {
    await sql`create table container_image_pulls (id text not null primary key, project_id text not null, repo text not null,
      tag text not null, host text not null, error text, created_at text not null)`.execute(kysely)
  },
}

/** Asked again, it is tried again. */
export async function upsertPull(ctx: Ctx, row: PullRow): Promise<void> {
  await db(ctx)
    .insertInto('container_image_pulls')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ error: null }))
    .execute()
}

export async function listPulls(ctx: Ctx): Promise<readonly PullRow[]> {
  return await db(ctx)
    .selectFrom('container_image_pulls')
    .selectAll()
    .orderBy('created_at')
    .execute()
}

export async function findPull(ctx: Ctx, id: string): Promise<PullRow | undefined> {
  return await db(ctx)
    .selectFrom('container_image_pulls')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function failPull(ctx: Ctx, id: string, error: string): Promise<void> {
  await db(ctx)
    .updateTable('container_image_pulls')
    .set({ error: error.slice(0, 2000) })
    .where('id', '=', id)
    .execute()
}

export async function deletePull(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('container_image_pulls').where('id', '=', id).execute()
}
