import { sql, type Kysely, type Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { BuildRow, BuildStatus, BuildTable } from './schema.ts'

interface Tables {
  container_builds: BuildTable
  container_build_lines: { build_id: string; number: number; text: string }
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const buildTables: Migration = {
  id: '031-builds',
  async up(kysely) {
    await sql`create table container_builds (id text primary key, project_id text not null, user_id text not null,
      name text not null, status text not null, reason text, options text not null, cancelled integer not null,
      attempts integer not null, image_id text, created_at text not null, started_at text, finished_at text)`.execute(
      kysely,
    )
    await sql`create index container_builds_project on container_builds (project_id, created_at)`.execute(
      kysely,
    )
    await sql`create table container_build_lines (build_id text not null, number integer not null, text text not null,
      primary key (build_id, number))`.execute(kysely)
  },
}

export async function insertBuild(ctx: Ctx, row: BuildRow): Promise<void> {
  await db(ctx).insertInto('container_builds').values(row).execute()
}

/** In any project: whoever answers to a user looks at `project_id`. */
export async function findBuild(ctx: Ctx, id: string): Promise<BuildRow | undefined> {
  return await db(ctx)
    .selectFrom('container_builds')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

/** The newest first. */
export async function listBuilds(
  ctx: Ctx,
  projectId: string,
  limit: number,
): Promise<readonly BuildRow[]> {
  return await db(ctx)
    .selectFrom('container_builds')
    .selectAll()
    .where('project_id', '=', projectId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute()
}

/** Builds that nobody may forget: those under way, also after a crash. */
export async function openBuildIds(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('container_builds')
    .select('id')
    .where('status', 'in', ['Queued', 'Building', 'Saving'] satisfies BuildStatus[])
    .execute()
  return rows.map(({ id }) => id)
}

export async function updateBuild(
  ctx: Ctx,
  id: string,
  change: Updateable<BuildTable>,
): Promise<void> {
  await db(ctx).updateTable('container_builds').set(change).where('id', '=', id).execute()
}

export async function isCancelled(ctx: Ctx, id: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('container_builds')
    .select('cancelled')
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined || row.cancelled === 1
}

export async function deleteBuild(ctx: Ctx, id: string): Promise<void> {
  await deleteLines(ctx, id)
  await db(ctx).deleteFrom('container_builds').where('id', '=', id).execute()
}

export async function deleteLines(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('container_build_lines').where('build_id', '=', id).execute()
}

/** `first` is the number of the first of these lines. */
export async function insertLines(
  ctx: Ctx,
  id: string,
  first: number,
  lines: readonly string[],
): Promise<void> {
  if (lines.length === 0) return
  await db(ctx)
    .insertInto('container_build_lines')
    .values(lines.map((text, at) => ({ build_id: id, number: first + at, text })))
    .execute()
}

const MOST_AT_ONCE = 1000

/** Lines after this number, in order; at most 1,000. */
export async function linesAfter(
  ctx: Ctx,
  id: string,
  number: number,
): Promise<readonly { readonly number: number; readonly text: string }[]> {
  return await db(ctx)
    .selectFrom('container_build_lines')
    .select(['number', 'text'])
    .where('build_id', '=', id)
    .where('number', '>', number)
    .orderBy('number')
    .limit(MOST_AT_ONCE)
    .execute()
}
