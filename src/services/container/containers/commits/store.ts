import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { tables } from '../../../../kernel/db/db.ts'
import type { Migration } from '../../../../kernel/db/migrate.ts'

/** Images of containers that are being written. The row goes when the image is whole, or will never be. */
export interface CommitTable {
  image_id: string
  container_id: string
  action_id: string
}
export type CommitRow = Selectable<CommitTable>

interface Tables {
  container_commits: CommitTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const commitsTable: Migration = {
  id: '006-commits',
  async up(kysely) {
    await sql`create table container_commits (image_id text not null primary key, container_id text not null,
      action_id text not null)`.execute(kysely)
  },
}

export async function insertCommit(ctx: Ctx, row: CommitRow): Promise<void> {
  await db(ctx).insertInto('container_commits').values(row).execute()
}

export async function findCommit(ctx: Ctx, imageId: string): Promise<CommitRow | undefined> {
  return await db(ctx)
    .selectFrom('container_commits')
    .selectAll()
    .where('image_id', '=', imageId)
    .executeTakeFirst()
}

export async function deleteCommit(ctx: Ctx, imageId: string): Promise<void> {
  await db(ctx).deleteFrom('container_commits').where('image_id', '=', imageId).execute()
}

export async function listCommitIds(ctx: Ctx): Promise<readonly string[]> {
  return (await db(ctx).selectFrom('container_commits').select('image_id').execute()).map(
    (row) => row.image_id,
  )
}
