import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { flag, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'
import type { RouterTable } from '../tables.ts'

export interface FlavorTable extends StandardTable {
  service_type: string
  enabled: number
}

export interface ProfileTable extends StandardTable {
  driver: string
  metainfo: string
  enabled: number
}

export type FlavorRow = FlavorTable & StandardRow
export type ProfileRow = ProfileTable & StandardRow

interface FlavorTables {
  net_flavors: FlavorTable
  net_service_profiles: ProfileTable
  net_flavor_profiles: { flavor_id: string; profile_id: string }
  net_routers: RouterTable & { flavor_id: string | null }
}

const db = (ctx: Ctx): Kysely<FlavorTables> => tables<FlavorTables>(ctx)

const standard = `id text primary key, project_id text not null, name text not null, description text not null, created_at text not null,
  updated_at text not null, revision integer not null, tags text not null`

export const flavorMigration: Migration = {
  id: '012-flavors',
  async up(kysely) {
    for (const statement of [
      `create table net_flavors (${standard}, service_type text not null, enabled integer not null)`,
      `create table net_service_profiles (${standard}, driver text not null, metainfo text not null, enabled integer not null)`,
      `create table net_flavor_profiles (flavor_id text not null references net_flavors (id) on delete cascade,
        profile_id text not null references net_service_profiles (id), primary key (flavor_id, profile_id))`,
      `create index net_flavor_profiles_profile on net_flavor_profiles (profile_id)`,
      `alter table net_routers add column flavor_id text`,
      `create index net_routers_flavor on net_routers (flavor_id)`,
    ])
      await sql.raw(statement).execute(kysely)
  },
}

const { name: _name, ...unnamed } = standardColumns

export const flavorSpec: ListSpec = {
  table: 'net_flavors',
  columns: { ...standardColumns, service_type: text('service_type'), enabled: flag('enabled') },
  open: true,
}

export const profileSpec: ListSpec = {
  table: 'net_service_profiles',
  columns: {
    ...unnamed,
    driver: text('driver'),
    metainfo: text('metainfo'),
    enabled: flag('enabled'),
  },
}

export async function insertFlavor(tx: Ctx, row: FlavorTable): Promise<void> {
  await db(tx).insertInto('net_flavors').values(row).execute()
}

export async function deleteFlavor(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_flavor_profiles').where('flavor_id', '=', id).execute()
  await db(tx).deleteFrom('net_flavors').where('id', '=', id).execute()
}

export async function insertProfile(tx: Ctx, row: ProfileTable): Promise<void> {
  await db(tx).insertInto('net_service_profiles').values(row).execute()
}

export async function deleteProfile(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_service_profiles').where('id', '=', id).execute()
}

export async function bindingsOf(
  ctx: Ctx,
  column: 'flavor_id' | 'profile_id',
  ids: readonly string[],
): Promise<readonly FlavorTables['net_flavor_profiles'][]> {
  if (ids.length === 0) return []
  return await db(ctx)
    .selectFrom('net_flavor_profiles')
    .selectAll()
    .where(column, 'in', ids)
    .orderBy('flavor_id')
    .orderBy('profile_id')
    .execute()
}

/** Profiles of a flavor that may be used. */
export async function profilesOfFlavor(
  ctx: Ctx,
  flavorId: string,
): Promise<readonly ProfileTable[]> {
  return await db(ctx)
    .selectFrom('net_service_profiles as p')
    .innerJoin('net_flavor_profiles as b', 'b.profile_id', 'p.id')
    .selectAll('p')
    .where('b.flavor_id', '=', flavorId)
    .where('p.enabled', '=', 1)
    .orderBy('p.created_at')
    .orderBy('p.id')
    .execute()
}

/** False when they were bound already. */
export async function bind(tx: Ctx, flavorId: string, profileId: string): Promise<boolean> {
  const result = await db(tx)
    .insertInto('net_flavor_profiles')
    .values({ flavor_id: flavorId, profile_id: profileId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

/** False when they were not bound. */
export async function unbind(tx: Ctx, flavorId: string, profileId: string): Promise<boolean> {
  const result = await db(tx)
    .deleteFrom('net_flavor_profiles')
    .where('flavor_id', '=', flavorId)
    .where('profile_id', '=', profileId)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}

export async function setRouterFlavor(tx: Ctx, routerId: string, flavorId: string): Promise<void> {
  await db(tx)
    .updateTable('net_routers')
    .set({ flavor_id: flavorId })
    .where('id', '=', routerId)
    .execute()
}

export async function hasRouterOf(ctx: Ctx, flavorId: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_routers')
    .select('id')
    .where('flavor_id', '=', flavorId)
    .where('deleted', '=', 0)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}
