import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { matching } from '../filter-sql.ts'
import type { ListQuery } from '../list-query.ts'
import { nameTaken, notFound, orConflict } from '../not-found.ts'
import { db, type UserRow } from '../tables.ts'

/** A user as the services of this room see one. */
export interface UserRecord {
  readonly id: string
  readonly name: string
  readonly domainId: string
  readonly enabled: boolean
  readonly defaultProjectId: string | null
  readonly passwordHash: string | null
  readonly passwordChangedAt: string | null
  readonly passwordExpiresAt: string | null
  readonly failedLogins: number
  readonly failedAt: string | null
  readonly options: Readonly<Record<string, unknown>>
  readonly extra: Readonly<Record<string, unknown>>
}

const fromRow = (row: UserRow): UserRecord => ({
  id: row.id,
  name: row.name,
  domainId: row.domain_id,
  enabled: row.enabled === 1,
  defaultProjectId: row.default_project_id,
  passwordHash: row.password_hash,
  passwordChangedAt: row.password_changed_at,
  passwordExpiresAt: row.password_expires_at,
  failedLogins: row.failed_logins,
  failedAt: row.failed_at,
  options: fromJson(row.options_json),
  extra: fromJson(row.extra_json),
})

const toRow = (user: UserRecord): UserRow => ({
  id: user.id,
  name: user.name,
  domain_id: user.domainId,
  enabled: user.enabled ? 1 : 0,
  default_project_id: user.defaultProjectId,
  password_hash: user.passwordHash,
  password_changed_at: user.passwordChangedAt,
  password_expires_at: user.passwordExpiresAt,
  failed_logins: user.failedLogins,
  failed_at: user.failedAt,
  options_json: toJson(user.options),
  extra_json: toJson(user.extra),
})

export async function insertUser(ctx: Ctx, user: UserRecord): Promise<void> {
  await orConflict(db(ctx).insertInto('identity_users').values(toRow(user)).execute(), () =>
    nameTaken('user', user.name),
  )
}

export async function saveUser(ctx: Ctx, user: UserRecord): Promise<void> {
  const { id, ...changes } = toRow(user)
  await orConflict(
    db(ctx).updateTable('identity_users').set(changes).where('id', '=', id).execute(),
    () => nameTaken('user', user.name),
  )
}

export async function findUser(ctx: Ctx, id: string): Promise<UserRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_users')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function getUser(ctx: Ctx, id: string): Promise<UserRecord> {
  const user = await findUser(ctx, id)
  if (user === undefined) throw notFound('user', id)
  return user
}

export async function findUserByName(
  ctx: Ctx,
  domainId: string,
  name: string,
): Promise<UserRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_users')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function usersByIds(ctx: Ctx, ids: readonly string[]): Promise<UserRecord[]> {
  const rows: UserRow[] = []
  const unique = [...new Set(ids)]
  for (let at = 0; at < unique.length; at += 500) {
    rows.push(
      ...(await db(ctx)
        .selectFrom('identity_users')
        .selectAll()
        .where('id', 'in', unique.slice(at, at + 500))
        .execute()),
    )
  }
  return rows.map(fromRow)
}

/** `groupId` narrows to the members of a group. */
export async function listUsers(
  ctx: Ctx,
  list: ListQuery,
  groupId?: string,
): Promise<UserRecord[]> {
  let query = db(ctx)
    .selectFrom('identity_users')
    .selectAll()
    .where(matching('identity_users', list))
  if (groupId !== undefined) {
    query = query.where(
      'id',
      'in',
      db(ctx).selectFrom('identity_members').select('user_id').where('group_id', '=', groupId),
    )
  }
  return (
    await query
      .orderBy('id')
      .limit(list.limit + 1)
      .execute()
  ).map(fromRow)
}

export async function userIdsOfDomain(ctx: Ctx, domainId: string): Promise<string[]> {
  return (
    await db(ctx)
      .selectFrom('identity_users')
      .select('id')
      .where('domain_id', '=', domainId)
      .execute()
  ).map((row) => row.id)
}

export async function removeUserRow(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('identity_members').where('user_id', '=', id).execute()
  await db(ctx).deleteFrom('identity_past_passwords').where('user_id', '=', id).execute()
  await db(ctx).deleteFrom('identity_users').where('id', '=', id).execute()
}

/** One more wrong password, counted in SQL: logins run side by side. */
export async function countFailedLogin(ctx: Ctx, id: string): Promise<void> {
  await db(ctx)
    .updateTable('identity_users')
    .set((eb) => ({
      failed_logins: eb('failed_logins', '+', 1),
      failed_at: ctx.now().toISOString(),
    }))
    .where('id', '=', id)
    .execute()
}

export async function clearFailedLogins(ctx: Ctx, id: string): Promise<void> {
  await db(ctx)
    .updateTable('identity_users')
    .set({ failed_logins: 0, failed_at: null })
    .where('id', '=', id)
    .execute()
}

/** Newest first. */
export async function pastPasswords(ctx: Ctx, userId: string, count: number): Promise<string[]> {
  const rows = await db(ctx)
    .selectFrom('identity_past_passwords')
    .select('hash')
    .where('user_id', '=', userId)
    .orderBy('changed_at', 'desc')
    .limit(count)
    .execute()
  return rows.map((row) => row.hash)
}

/** Remembers a password, and forgets all but the newest `keep`. */
export async function rememberPassword(
  ctx: Ctx,
  userId: string,
  hash: string,
  keep: number,
): Promise<void> {
  await db(ctx)
    .insertInto('identity_past_passwords')
    .values({ user_id: userId, changed_at: ctx.now().toISOString(), hash })
    .onConflict((conflict) => conflict.columns(['user_id', 'changed_at']).doUpdateSet({ hash }))
    .execute()
  const rows = await db(ctx)
    .selectFrom('identity_past_passwords')
    .select('changed_at')
    .where('user_id', '=', userId)
    .orderBy('changed_at', 'desc')
    .offset(keep)
    .limit(100)
    .execute()
  if (rows.length > 0) {
    await db(ctx)
      .deleteFrom('identity_past_passwords')
      .where('user_id', '=', userId)
      .where(
        'changed_at',
        'in',
        rows.map((row) => row.changed_at),
      )
      .execute()
  }
}
