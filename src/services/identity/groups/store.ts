import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { matching } from '../filter-sql.ts'
import type { ListQuery } from '../list-query.ts'
import { nameTaken, notFound, orConflict } from '../not-found.ts'
import { db, type GroupRow } from '../tables.ts'

/** A group of users of any domain. */
export interface GroupRecord {
  readonly id: string
  readonly name: string
  readonly domainId: string
  readonly description: string
  readonly extra: Readonly<Record<string, unknown>>
}

const fromRow = (row: GroupRow): GroupRecord => ({
  id: row.id,
  name: row.name,
  domainId: row.domain_id,
  description: row.description,
  extra: fromJson(row.extra_json),
})

const toRow = (group: GroupRecord): GroupRow => ({
  id: group.id,
  name: group.name,
  domain_id: group.domainId,
  description: group.description,
  extra_json: toJson(group.extra),
})

export async function insertGroup(ctx: Ctx, group: GroupRecord): Promise<void> {
  await orConflict(db(ctx).insertInto('identity_groups').values(toRow(group)).execute(), () =>
    nameTaken('group', group.name),
  )
}

export async function saveGroup(ctx: Ctx, group: GroupRecord): Promise<void> {
  const { id, ...changes } = toRow(group)
  await orConflict(
    db(ctx).updateTable('identity_groups').set(changes).where('id', '=', id).execute(),
    () => nameTaken('group', group.name),
  )
}

export async function findGroup(ctx: Ctx, id: string): Promise<GroupRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_groups')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function getGroup(ctx: Ctx, id: string): Promise<GroupRecord> {
  const group = await findGroup(ctx, id)
  if (group === undefined) throw notFound('group', id)
  return group
}

export async function groupsByIds(ctx: Ctx, ids: readonly string[]): Promise<GroupRecord[]> {
  if (ids.length === 0) return []
  return (
    await db(ctx)
      .selectFrom('identity_groups')
      .selectAll()
      .where('id', 'in', [...new Set(ids)])
      .execute()
  ).map(fromRow)
}

/** `userId` narrows to the groups of a user. */
export async function listGroups(
  ctx: Ctx,
  list: ListQuery,
  userId?: string,
): Promise<GroupRecord[]> {
  let query = db(ctx)
    .selectFrom('identity_groups')
    .selectAll()
    .where(matching('identity_groups', list))
  if (userId !== undefined)
    query = query.where(
      'id',
      'in',
      db(ctx).selectFrom('identity_members').select('group_id').where('user_id', '=', userId),
    )
  return (
    await query
      .orderBy('id')
      .limit(list.limit + 1)
      .execute()
  ).map(fromRow)
}

export async function groupIdsOfDomain(ctx: Ctx, domainId: string): Promise<string[]> {
  return (
    await db(ctx)
      .selectFrom('identity_groups')
      .select('id')
      .where('domain_id', '=', domainId)
      .execute()
  ).map((row) => row.id)
}

export async function removeGroupRow(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('identity_members').where('group_id', '=', id).execute()
  await db(ctx).deleteFrom('identity_groups').where('id', '=', id).execute()
}

export async function addMember(ctx: Ctx, groupId: string, userId: string): Promise<void> {
  await db(ctx)
    .insertInto('identity_members')
    .values({ group_id: groupId, user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** False when the user was no member. */
export async function removeMember(ctx: Ctx, groupId: string, userId: string): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('identity_members')
    .where('group_id', '=', groupId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}

export async function isMember(ctx: Ctx, groupId: string, userId: string): Promise<boolean> {
  return (
    (await db(ctx)
      .selectFrom('identity_members')
      .select('user_id')
      .where('group_id', '=', groupId)
      .where('user_id', '=', userId)
      .executeTakeFirst()) !== undefined
  )
}

export async function groupIdsOf(ctx: Ctx, userId: string): Promise<string[]> {
  return (
    await db(ctx)
      .selectFrom('identity_members')
      .select('group_id')
      .where('user_id', '=', userId)
      .execute()
  ).map((row) => row.group_id)
}

export async function memberIdsOf(
  ctx: Ctx,
  groupIds: readonly string[],
): Promise<{ readonly groupId: string; readonly userId: string }[]> {
  if (groupIds.length === 0) return []
  const rows = await db(ctx)
    .selectFrom('identity_members')
    .selectAll()
    .where('group_id', 'in', [...new Set(groupIds)])
    .execute()
  return rows.map((row) => ({ groupId: row.group_id, userId: row.user_id }))
}
