import { sql, type Kysely, type Selectable } from 'kysely'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { limitOf } from '../quotas/check.ts'
import type { GroupPolicy, ServerGroup } from './schema.ts'

interface GroupRow {
  id: string
  name: string
  project_id: string
  user_id: string
  policy: GroupPolicy
  max_servers_per_host: number | null
  created_at: string
}

interface Tables {
  compute_server_groups: GroupRow
  compute_server_group_members: { group_id: string; server_id: string; added_at: string }
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** A server is in one group at most: `server_id` is unique. */
export const serverGroupMigrations: readonly Migration[] = [
  {
    id: '013-server-groups',
    async up(kysely) {
      await sql`create table compute_server_groups (id text not null primary key, name text not null, project_id text not null,
        user_id text not null, policy text not null, max_servers_per_host integer, created_at text not null)`.execute(
        kysely,
      )
      await sql`create index compute_server_groups_project on compute_server_groups (project_id)`.execute(
        kysely,
      )
      await sql`create table compute_server_group_members (group_id text not null, server_id text not null unique, added_at text not null,
        primary key (group_id, server_id))`.execute(kysely)
    },
  },
]

/** In order of creation; all projects' for an admin who asks for them. */
export async function listServerGroups(
  ctx: Ctx,
  scope: { readonly projectId: string } | 'all',
  window: { readonly offset: number; readonly limit: number },
): Promise<readonly ServerGroup[]> {
  const all = db(ctx)
    .selectFrom('compute_server_groups')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .offset(window.offset)
    .limit(window.limit)
  const rows = await (
    scope === 'all' ? all : all.where('project_id', '=', scope.projectId)
  ).execute()
  const members = await membersOf(
    ctx,
    rows.map((row) => row.id),
  )
  return rows.map((row) => groupOf(row, members.get(row.id) ?? []))
}

/** A group of the asking project (any, for an admin and for the cloud itself); undefined when there is none. */
export async function findServerGroup(ctx: Ctx, id: string): Promise<ServerGroup | undefined> {
  const row = await db(ctx)
    .selectFrom('compute_server_groups')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  if (ctx.who !== undefined && row.project_id !== ctx.who.projectId && !can(ctx, 'admin'))
    return undefined
  return groupOf(row, (await membersOf(ctx, [id])).get(id) ?? [])
}

/** Ids of the groups these servers are in, by server. */
export async function groupsOfServers(
  ctx: Ctx,
  serverIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (serverIds.length === 0) return new Map()
  const rows = await db(ctx)
    .selectFrom('compute_server_group_members')
    .select(['server_id', 'group_id'])
    .where('server_id', 'in', serverIds)
    .execute()
  return new Map(rows.map((row) => [row.server_id, row.group_id]))
}

/** For the quota, which counts by project. */
export async function countServerGroups(ctx: Ctx, projectId: string): Promise<number> {
  const row = await db(ctx)
    .selectFrom('compute_server_groups')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow()
  return row.count
}

/** Without members: servers join when they are made. */
export async function insertServerGroup(ctx: Ctx, group: ServerGroup): Promise<void> {
  await db(ctx)
    .insertInto('compute_server_groups')
    .values({
      id: group.id,
      name: group.name,
      project_id: group.projectId,
      user_id: group.userId,
      policy: group.policy,
      max_servers_per_host: group.maxServersPerHost,
      created_at: ctx.now().toISOString(),
    })
    .execute()
}

/** Its servers go on without it. */
export async function deleteServerGroup(ctx: Ctx, id: string): Promise<void> {
  await inTx(ctx, async (tx) => {
    await db(tx).deleteFrom('compute_server_group_members').where('group_id', '=', id).execute()
    await db(tx).deleteFrom('compute_server_groups').where('id', '=', id).execute()
  })
}

/** Takes a server into a group: 400 when there is no such group, 403 when it is full. Part of the caller's transaction. */
export async function addServerGroupMember(
  ctx: Ctx,
  groupId: string,
  serverId: string,
): Promise<void> {
  const group = await findServerGroup(ctx, groupId)
  if (group === undefined)
    throw cloudError('badRequest', `Instance group ${groupId.slice(0, 255)} could not be found.`)
  if (group.members.includes(serverId)) return
  const limit = await limitOf(ctx, group.projectId, 'server_group_members', ctx.who?.userId)
  if (limit >= 0 && group.members.length >= limit) {
    throw cloudError(
      'quotaExceeded',
      `Quota exceeded, too many servers in group: ${limit} are allowed.`,
    )
  }
  await db(ctx)
    .insertInto('compute_server_group_members')
    .values({ group_id: groupId, server_id: serverId, added_at: ctx.now().toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** The server leaves whatever group it is in; repeating it is success. */
export async function removeServerGroupMember(ctx: Ctx, serverId: string): Promise<void> {
  await db(ctx)
    .deleteFrom('compute_server_group_members')
    .where('server_id', '=', serverId)
    .execute()
}

async function membersOf(
  ctx: Ctx,
  groupIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (groupIds.length === 0) return new Map()
  const rows = await db(ctx)
    .selectFrom('compute_server_group_members')
    .selectAll()
    .where('group_id', 'in', groupIds)
    .orderBy('added_at')
    .orderBy('server_id')
    .execute()
  const byGroup = new Map<string, string[]>()
  for (const row of rows)
    byGroup.set(row.group_id, [...(byGroup.get(row.group_id) ?? []), row.server_id])
  return byGroup
}

function groupOf(row: Selectable<GroupRow>, members: readonly string[]): ServerGroup {
  return {
    id: row.id,
    name: row.name,
    projectId: row.project_id,
    userId: row.user_id,
    policy: row.policy,
    maxServersPerHost: row.max_servers_per_host,
    members,
  }
}
