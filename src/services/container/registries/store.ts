import { sql, type Kysely, type Selectable, type Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { Scope } from '../containers/store.ts'

/** Where images come from that need a name and a password. The password is sealed. */
export interface RegistryTable {
  id: string
  project_id: string
  user_id: string
  name: string | null
  domain: string
  username: string | null
  password: string | null
  created_at: string
  updated_at: string
}
export type RegistryRow = Selectable<RegistryTable>

interface Tables {
  container_registries: RegistryTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const registriesTable: Migration = {
  id: '005-registries',
  async up(kysely) {
    await sql`create table container_registries (id text not null primary key, project_id text not null, user_id text not null,
      name text, domain text not null, username text, password text, created_at text not null, updated_at text not null)`.execute(
      kysely,
    )
    await sql`create index container_registries_project on container_registries (project_id, created_at)`.execute(
      kysely,
    )
  },
}

export async function insertRegistry(ctx: Ctx, row: RegistryRow): Promise<void> {
  await db(ctx).insertInto('container_registries').values(row).execute()
}

/** In order of creation. */
export async function listRegistries(
  ctx: Ctx,
  scope: Scope,
  filters: Partial<
    Pick<RegistryTable, 'name' | 'domain' | 'username' | 'project_id' | 'user_id'>
  > = {},
): Promise<readonly RegistryRow[]> {
  let query = db(ctx).selectFrom('container_registries').selectAll()
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  for (const [column, value] of Object.entries(filters))
    query = query.where(sql.ref(column), '=', value)
  return await query.orderBy('created_at').orderBy('id').execute()
}

/** Registries with this id or, when there is none, this name. */
export async function findRegistries(
  ctx: Ctx,
  ident: string,
  scope: Scope,
): Promise<readonly RegistryRow[]> {
  let query = db(ctx)
    .selectFrom('container_registries')
    .selectAll()
    .where((eb) => eb.or([eb('id', '=', ident), eb('name', '=', ident)]))
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  const found = await query.execute()
  const exact = found.filter((row) => row.id === ident)
  return exact.length > 0 ? exact : found
}

export async function updateRegistry(
  ctx: Ctx,
  id: string,
  change: Updateable<RegistryTable>,
): Promise<void> {
  await db(ctx)
    .updateTable('container_registries')
    .set({ ...change, updated_at: ctx.now().toISOString() })
    .where('id', '=', id)
    .execute()
}

export async function deleteRegistry(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('container_registries').where('id', '=', id).execute()
}
