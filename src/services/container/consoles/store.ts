import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Permissions to open one websocket. The token itself is not kept, only its hash. */
export interface ConsoleTable {
  token_hash: string
  kind: 'attach' | 'exec'
  container_id: string
  exec_id: string | null
  user_id: string
  project_id: string
  expires_at: string
}
export type ConsoleRow = Selectable<ConsoleTable>

interface Tables {
  container_consoles: ConsoleTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const consolesTable: Migration = {
  id: '007-consoles',
  async up(kysely) {
    await sql`create table container_consoles (token_hash text not null primary key, kind text not null, container_id text not null,
      exec_id text, user_id text not null, project_id text not null, expires_at text not null)`.execute(
      kysely,
    )
  },
}

/** Those that nobody came with in time go with the next. */
export async function insertConsole(ctx: Ctx, row: ConsoleRow): Promise<void> {
  await db(ctx)
    .deleteFrom('container_consoles')
    .where('expires_at', '<', ctx.now().toISOString())
    .execute()
  await db(ctx).insertInto('container_consoles').values(row).execute()
}

/** The permission, which is gone with this; undefined when there is none or it came too late. */
export async function takeConsole(ctx: Ctx, tokenHash: string): Promise<ConsoleRow | undefined> {
  return await inTx(ctx, async (tx) => {
    const row = await db(tx)
      .selectFrom('container_consoles')
      .selectAll()
      .where('token_hash', '=', tokenHash)
      .executeTakeFirst()
    if (row === undefined) return undefined
    const gone = await db(tx)
      .deleteFrom('container_consoles')
      .where('token_hash', '=', tokenHash)
      .executeTakeFirst()
    // of two who come with the same token at once, one gets in
    if (Number(gone.numDeletedRows) === 0) return undefined
    return row.expires_at < tx.now().toISOString() ? undefined : row
  })
}
