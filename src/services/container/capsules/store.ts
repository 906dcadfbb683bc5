import { sql, type Kysely, type Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { Scope } from '../containers/store.ts'
import { capsuleOf, type Capsule, type CapsuleRow, type CapsuleTable } from './schema.ts'

interface Tables {
  container_capsules: CapsuleTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const capsulesTable: Migration = {
  id: '009-capsules',
  async up(kysely) {
    await sql`create table container_capsules (id text not null primary key, project_id text not null, user_id text not null,
      name text not null, labels text not null, annotations text not null, restart_policy text not null, zone text,
      owner_id text not null, own_group_id text, host text not null, removing integer not null,
      created_at text not null, updated_at text not null)`.execute(kysely)
    await sql`alter table container_containers add column sandbox_of text`.execute(kysely)
    await sql`alter table container_containers add column capsule_place integer not null default 0`.execute(
      kysely,
    )
    await sql`alter table container_containers add column volumes text not null default '[]'`.execute(
      kysely,
    )
    await sql`create index container_capsules_project on container_capsules (project_id, created_at)`.execute(
      kysely,
    )
  },
}

export async function insertCapsule(ctx: Ctx, row: CapsuleRow): Promise<void> {
  await db(ctx).insertInto('container_capsules').values(row).execute()
}

export async function findCapsule(ctx: Ctx, id: string): Promise<Capsule | undefined> {
  const row = await db(ctx)
    .selectFrom('container_capsules')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : capsuleOf(row)
}

/** Capsules with this id or, when there is none, this name. */
export async function findByIdent(
  ctx: Ctx,
  ident: string,
  scope: Scope,
): Promise<readonly Capsule[]> {
  let query = db(ctx)
    .selectFrom('container_capsules')
    .selectAll()
    .where((eb) => eb.or([eb('id', '=', ident), eb('name', '=', ident)]))
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  const found = (await query.execute()).map(capsuleOf)
  const exact = found.filter((capsule) => capsule.id === ident)
  return exact.length > 0 ? exact : found
}

/** In order of creation. */
export async function listCapsules(ctx: Ctx, scope: Scope): Promise<readonly Capsule[]> {
  let query = db(ctx).selectFrom('container_capsules').selectAll()
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  return (await query.orderBy('created_at').orderBy('id').execute()).map(capsuleOf)
}

export async function updateCapsule(
  ctx: Ctx,
  id: string,
  change: Updateable<CapsuleTable>,
): Promise<void> {
  await db(ctx)
    .updateTable('container_capsules')
    .set({ ...change, updated_at: ctx.now().toISOString() })
    .where('id', '=', id)
    .execute()
}

export async function deleteCapsule(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('container_capsules').where('id', '=', id).execute()
}

export async function listCapsuleIds(ctx: Ctx): Promise<readonly string[]> {
  return (await db(ctx).selectFrom('container_capsules').select('id').execute()).map(({ id }) => id)
}
