import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { matching } from '../filter-sql.ts'
import type { ListQuery } from '../list-query.ts'
import { nameTaken, notFound, orConflict } from '../not-found.ts'
import { db, type ImpliedRoleRow, type RoleRow } from '../tables.ts'

/** A role of the cloud, or of one domain (then it only stands for what it implies). */
export interface RoleRecord {
  readonly id: string
  readonly name: string
  readonly domainId: string | null
  readonly description: string | null
  readonly options: Readonly<Record<string, unknown>>
  readonly extra: Readonly<Record<string, unknown>>
}

const fromRow = (row: RoleRow): RoleRecord => ({
  id: row.id,
  name: row.name,
  domainId: row.domain_id === '' ? null : row.domain_id,
  description: row.description,
  options: fromJson(row.options_json),
  extra: fromJson(row.extra_json),
})

const toRow = (role: RoleRecord): RoleRow => ({
  id: role.id,
  name: role.name,
  domain_id: role.domainId ?? '',
  description: role.description,
  options_json: toJson(role.options),
  extra_json: toJson(role.extra),
})

export async function insertRole(ctx: Ctx, role: RoleRecord): Promise<void> {
  await orConflict(db(ctx).insertInto('identity_roles').values(toRow(role)).execute(), () =>
    nameTaken('role', role.name),
  )
}

export async function saveRole(ctx: Ctx, role: RoleRecord): Promise<void> {
  const { id, ...changes } = toRow(role)
  await orConflict(
    db(ctx).updateTable('identity_roles').set(changes).where('id', '=', id).execute(),
    () => nameTaken('role', role.name),
  )
}

export async function findRole(ctx: Ctx, id: string): Promise<RoleRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_roles')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function getRole(ctx: Ctx, id: string): Promise<RoleRecord> {
  const role = await findRole(ctx, id)
  if (role === undefined) throw notFound('role', id)
  return role
}

/** Roles are few: lists of assignments and tokens take them all at once. */
export async function allRoles(ctx: Ctx): Promise<ReadonlyMap<string, RoleRecord>> {
  const rows = await db(ctx).selectFrom('identity_roles').selectAll().execute()
  return new Map(rows.map((row) => [row.id, fromRow(row)]))
}

/** `domainId` null lists the roles of the cloud. */
export async function listRoles(
  ctx: Ctx,
  list: ListQuery,
  domainId: string | null,
): Promise<RoleRecord[]> {
  const rows = await db(ctx)
    .selectFrom('identity_roles')
    .selectAll()
    .where('domain_id', '=', domainId ?? '')
    .where(matching('identity_roles', list))
    .orderBy('id')
    .limit(list.limit + 1)
    .execute()
  return rows.map(fromRow)
}

export async function findRoleByName(ctx: Ctx, name: string): Promise<RoleRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_roles')
    .selectAll()
    .where('domain_id', '=', '')
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function removeRoleRow(ctx: Ctx, id: string): Promise<void> {
  await db(ctx)
    .deleteFrom('identity_implied_roles')
    .where((eb) => eb.or([eb('prior_id', '=', id), eb('implied_id', '=', id)]))
    .execute()
  await db(ctx).deleteFrom('identity_roles').where('id', '=', id).execute()
}

export async function allImplications(ctx: Ctx): Promise<readonly ImpliedRoleRow[]> {
  return await db(ctx).selectFrom('identity_implied_roles').selectAll().execute()
}

export async function addImplication(ctx: Ctx, priorId: string, impliedId: string): Promise<void> {
  await db(ctx)
    .insertInto('identity_implied_roles')
    .values({ prior_id: priorId, implied_id: impliedId })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** False when there was none. */
export async function removeImplication(
  ctx: Ctx,
  priorId: string,
  impliedId: string,
): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('identity_implied_roles')
    .where('prior_id', '=', priorId)
    .where('implied_id', '=', impliedId)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}
