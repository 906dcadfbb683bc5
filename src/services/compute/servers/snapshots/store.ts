import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { tables } from '../../../../kernel/db/db.ts'
import type { Migration } from '../../../../kernel/db/migrate.ts'

/** Images of servers that are being written. The row goes when the image is whole, or will never be. */
export interface SnapshotTable {
  image_id: string
  server_id: string
  kind: 'snapshot' | 'backup' | 'shelve'
  action_id: string
  /** The workload must have settled this before its file system is read. */
  generation: number
  backup_type: string | null
  rotation: number | null
}
export type SnapshotRow = Selectable<SnapshotTable>

interface Tables {
  compute_snapshots: SnapshotTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const snapshotsTable: Migration = {
  id: '102-snapshots',
  async up(kysely) {
    await sql`create table compute_snapshots (image_id text not null primary key, server_id text not null, kind text not null,
      action_id text not null, generation integer not null, backup_type text, rotation integer)`.execute(
      kysely,
    )
    await sql`create index compute_snapshots_server on compute_snapshots (server_id)`.execute(
      kysely,
    )
  },
}

export async function insertSnapshot(ctx: Ctx, row: SnapshotRow): Promise<void> {
  await db(ctx).insertInto('compute_snapshots').values(row).execute()
}

export async function findSnapshot(ctx: Ctx, imageId: string): Promise<SnapshotRow | undefined> {
  return await db(ctx)
    .selectFrom('compute_snapshots')
    .selectAll()
    .where('image_id', '=', imageId)
    .executeTakeFirst()
}

export async function deleteSnapshot(ctx: Ctx, imageId: string): Promise<void> {
  await db(ctx).deleteFrom('compute_snapshots').where('image_id', '=', imageId).execute()
}

export async function listSnapshotIds(ctx: Ctx): Promise<readonly string[]> {
  return (await db(ctx).selectFrom('compute_snapshots').select('image_id').execute()).map(
    (row) => row.image_id,
  )
}
