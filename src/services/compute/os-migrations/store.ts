import { randomUUID } from 'node:crypto'
import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { nextNumber } from '../counters/store.ts'

/**
 * Nova's book of moves. A resize is one even when the server stays on its host: `migrating` until the engine has the new
 * limits, `finished` until the user decides, then `confirmed` or `reverted`.
 */
export type MigrationStatus = 'migrating' | 'finished' | 'confirmed' | 'reverted' | 'error'

/** One move, with who asked for it. */
export interface ServerMigration {
  readonly number: number
  readonly uuid: string
  readonly serverId: string
  readonly projectId: string
  readonly userId: string
  readonly host: string
  readonly status: MigrationStatus
  readonly createdAt: string
  readonly updatedAt: string | null
}

interface MigrationRow {
  number: number
  uuid: string
  server_id: string
  project_id: string
  user_id: string
  host: string
  status: MigrationStatus
  created_at: string
  updated_at: string | null
}

interface Tables {
  compute_migrations: MigrationRow
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** Rows outlive their servers: it is a book. */
export const osMigrationMigrations: readonly Migration[] = [
  {
    id: '016-migrations',
    async up(kysely) {
      await sql`create table compute_migrations (number integer not null primary key, uuid text not null unique,
        server_id text not null, project_id text not null, user_id text not null, host text not null, status text not null,
        created_at text not null, updated_at text)`.execute(kysely)
      await sql`create index compute_migrations_server on compute_migrations (server_id, number)`.execute(
        kysely,
      )
    },
  },
]

/** A resize begins: part of the transaction that asks for it. */
export async function recordResize(
  ctx: Ctx,
  server: { readonly id: string; readonly projectId: string; readonly host: string },
): Promise<void> {
  await db(ctx)
    .insertInto('compute_migrations')
    .values({
      number: await nextNumber(ctx, 'migration'),
      uuid: randomUUID(),
      server_id: server.id,
      project_id: server.projectId,
      user_id: ctx.who?.userId ?? '',
      host: server.host,
      status: 'migrating',
      created_at: ctx.now().toISOString(),
      updated_at: null,
    })
    .execute()
}

/** The server's latest resize went on; one that was confirmed or reverted stays so. */
export async function moveResize(
  ctx: Ctx,
  serverId: string,
  status: MigrationStatus,
): Promise<void> {
  await db(ctx)
    .updateTable('compute_migrations')
    .set({ status, updated_at: ctx.now().toISOString() })
    .where('server_id', '=', serverId)
    .where('status', 'in', ['migrating', 'finished'])
    .execute()
}

/** What a list may be narrowed by; missing means any. */
export interface MigrationQuery {
  readonly serverId?: string | undefined
  readonly host?: string | undefined
  readonly status?: string | undefined
  readonly projectId?: string | undefined
  readonly userId?: string | undefined
  readonly changedSince?: string | undefined
  readonly changedBefore?: string | undefined
  /** Only those older than this one. */
  readonly before?: number | undefined
}

/** Newest first. */
export async function listMigrations(
  ctx: Ctx,
  wanted: MigrationQuery,
  limit: number,
): Promise<readonly ServerMigration[]> {
  const changed = sql<string>`coalesce(updated_at, created_at)`
  let query = db(ctx).selectFrom('compute_migrations').selectAll().orderBy('number', 'desc')
  if (wanted.serverId !== undefined) query = query.where('server_id', '=', wanted.serverId)
  if (wanted.host !== undefined) query = query.where('host', '=', wanted.host)
  if (wanted.status !== undefined) query = query.where(sql`status`, '=', wanted.status)
  if (wanted.projectId !== undefined) query = query.where('project_id', '=', wanted.projectId)
  if (wanted.userId !== undefined) query = query.where('user_id', '=', wanted.userId)
  if (wanted.changedSince !== undefined) query = query.where(changed, '>=', wanted.changedSince)
  if (wanted.changedBefore !== undefined) query = query.where(changed, '<=', wanted.changedBefore)
  if (wanted.before !== undefined) query = query.where('number', '<', wanted.before)
  return (await query.limit(limit).execute()).map(migrationOf)
}

/** For the marker of a page. */
export async function findMigration(ctx: Ctx, uuid: string): Promise<ServerMigration | undefined> {
  const row = await db(ctx)
    .selectFrom('compute_migrations')
    .selectAll()
    .where('uuid', '=', uuid)
    .executeTakeFirst()
  return row === undefined ? undefined : migrationOf(row)
}

function migrationOf(row: Selectable<MigrationRow>): ServerMigration {
  return {
    number: row.number,
    uuid: row.uuid,
    serverId: row.server_id,
    projectId: row.project_id,
    userId: row.user_id,
    host: row.host,
    status: row.status,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
