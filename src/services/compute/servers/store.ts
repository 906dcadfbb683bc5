import { sql, type Insertable, type Kysely, type SelectQueryBuilder, type Updateable } from 'kysely'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, tables, toJson } from '../../../kernel/db/db.ts'
import { prepared } from '../../../kernel/db/prepared.ts'
import {
  serverOf,
  type FlavorSnapshot,
  type Server,
  type ServerTable,
  type ServerTables,
  type Task,
} from './schema.ts'

const db = (ctx: Ctx): Kysely<ServerTables> => tables<ServerTables>(ctx)

const serverRows = prepared((query: Kysely<ServerTables>, { id }: { readonly id: string }) =>
  query.selectFrom('compute_servers').selectAll().where('id', '=', id),
)

/** The server that the asker may see (his project's; any for an administrator and for the cloud itself); deleted ones are gone. */
export async function findServer(ctx: Ctx, id: string): Promise<Server | undefined> {
  const server = await findServerEverMade(ctx, id)
  return server?.deletedAt === null ? server : undefined
}

/** As `findServer`, with the deleted ones: instance actions outlive their server. */
export async function findServerEverMade(ctx: Ctx, id: string): Promise<Server | undefined> {
  const [row] = await serverRows(ctx, { id })
  return row !== undefined && maySee(ctx, row.project_id) ? serverOf(row) : undefined
}

const MOST_NAMESAKES = 100

/** Servers of this name that the asker may see, the oldest first; at most 100. */
export async function findServersNamed(ctx: Ctx, name: string): Promise<readonly Server[]> {
  const rows = await db(ctx)
    .selectFrom('compute_servers')
    .selectAll()
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .limit(MOST_NAMESAKES)
    .execute()
  return rows.filter((row) => maySee(ctx, row.project_id)).map((row) => serverOf(row))
}

function maySee(ctx: Ctx, projectId: string): boolean {
  return ctx.who === undefined || ctx.who.projectId === projectId || can(ctx, 'admin')
}

export async function insertServer(ctx: Ctx, row: Insertable<ServerTable>): Promise<void> {
  await db(ctx).insertInto('compute_servers').values(row).execute()
}

/** Anything of the row; `updated_at` follows. */
export async function updateServer(
  ctx: Ctx,
  id: string,
  change: Updateable<ServerTable>,
): Promise<void> {
  await db(ctx)
    .updateTable('compute_servers')
    .set({ updated_at: ctx.now().toISOString(), ...change })
    .where('id', '=', id)
    .execute()
}

/** As `updateServer`, but only while this is the task; false when it is another by now. */
export async function updateWhile(
  ctx: Ctx,
  id: string,
  task: Task,
  change: Updateable<ServerTable>,
): Promise<boolean> {
  const result = await db(ctx)
    .updateTable('compute_servers')
    .set({ updated_at: ctx.now().toISOString(), ...change })
    .where('id', '=', id)
    .where('task', '=', toJson(task))
    .executeTakeFirst()
  return Number(result.numUpdatedRows) > 0
}

/** As `updateServer`, unless another task than this one is there by now; false then. A task that was over meanwhile is no obstacle. */
export async function updateUnlessBusy(
  ctx: Ctx,
  id: string,
  task: Task | undefined,
  change: Updateable<ServerTable>,
): Promise<boolean> {
  const result = await db(ctx)
    .updateTable('compute_servers')
    .set({ updated_at: ctx.now().toISOString(), ...change })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb('task', 'is', null),
        ...(task === undefined ? [] : [eb('task', '=', toJson(task))]),
      ]),
    )
    .executeTakeFirst()
  return Number(result.numUpdatedRows) > 0
}

/** The columns that follow from a flavor. */
export function flavorColumns(
  flavor: FlavorSnapshot,
): Pick<ServerTable, 'flavor' | 'flavor_id' | 'vcpus' | 'ram_mib'> {
  return {
    flavor: toJson(flavor),
    flavor_id: flavor.id,
    vcpus: flavor.vcpus,
    ram_mib: flavor.ramMiB,
  }
}

/** What a project's servers claim of its quota; with a user, what his own servers in it claim. */
export async function usageOf(
  ctx: Ctx,
  projectId: string,
  userId?: string,
): Promise<{ readonly instances: number; readonly cores: number; readonly ramMiB: number }> {
  const ofProject = db(ctx)
    .selectFrom('compute_servers')
    .select((eb) => [
      eb.fn.countAll<number>().as('instances'),
      eb.fn.sum<number | null>('vcpus').as('cores'),
      eb.fn.sum<number | null>('ram_mib').as('ram'),
    ])
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
  const row = await (
    userId === undefined ? ofProject : ofProject.where('user_id', '=', userId)
  ).executeTakeFirst()
  return { instances: row?.instances ?? 0, cores: row?.cores ?? 0, ramMiB: row?.ram ?? 0 }
}

/** Servers that existed at some time of [start, end): deleted ones too. Times are ISO 8601. */
export async function listServersForUsage(
  ctx: Ctx,
  span: { readonly projectId?: string; readonly start: string; readonly end: string },
): Promise<readonly Server[]> {
  let query = db(ctx)
    .selectFrom('compute_servers')
    .selectAll()
    .where('created_at', '<', span.end)
    .where((eb) => eb.or([eb('terminated_at', 'is', null), eb('terminated_at', '>=', span.start)]))
  if (span.projectId !== undefined) query = query.where('project_id', '=', span.projectId)
  return (await query.orderBy('created_at').execute()).map((row) => serverOf(row))
}

/** Servers that live on a host now. */
export async function serversOnHost(ctx: Ctx, host: string): Promise<readonly Server[]> {
  const rows = await db(ctx)
    .selectFrom('compute_servers')
    .selectAll()
    .where('host', '=', host)
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .execute()
  return rows.map((row) => serverOf(row))
}

/** Ids of servers with something under way: looked at again after a start. */
export async function idsWithTasks(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('compute_servers')
    .select('id')
    .where('task', 'is not', null)
    .execute()
  return rows.map((row) => row.id)
}

/** The part of a list's filters that the database does. Missing means any. */
export interface ServerQuery {
  readonly projectId?: string | undefined
  readonly deleted: 'no' | 'only' | 'both'
  readonly equals: Partial<
    Pick<
      ServerTable,
      | 'image_id'
      | 'flavor_id'
      | 'host'
      | 'user_id'
      | 'key_name'
      | 'reservation_id'
      | 'zone'
      | 'config_drive'
      | 'locked'
      | 'launch_index'
      | 'description'
      | 'id'
      | 'hostname'
      | 'access_ipv4'
      | 'access_ipv6'
    >
  >
  readonly changedSince?: string | undefined
  readonly changedBefore?: string | undefined
  readonly createdSince?: string | undefined
  readonly launchedSince?: string | undefined
  readonly terminatedSince?: string | undefined
  readonly tags: readonly TagFilter[]
}

/** All of them, any of them, or the opposite of either. */
export interface TagFilter {
  readonly kind: 'tags' | 'tags-any' | 'not-tags' | 'not-tags-any'
  readonly tags: readonly string[]
}

/** Newest first, all of them or the page after `after`. */
export async function listServers(
  ctx: Ctx,
  wanted: ServerQuery,
  page?: { readonly limit: number; readonly after: Server | undefined },
): Promise<readonly Server[]> {
  let query = filtered(db(ctx).selectFrom('compute_servers').selectAll(), wanted)
  if (page?.after !== undefined) {
    const { createdAt, id } = page.after
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', createdAt),
        eb.and([eb('created_at', '=', createdAt), eb('id', '<', id)]),
      ]),
    )
  }
  query = query.orderBy('created_at', 'desc').orderBy('id', 'desc')
  if (page !== undefined) query = query.limit(page.limit)
  const read = reader()
  return (await query.execute()).map((row) => serverOf(row, read))
}

/** JSON texts, each parsed once: the values are never changed. */
function reader(): (text: string) => unknown {
  const known = new Map<string, unknown>()
  return (text) => {
    if (!known.has(text)) known.set(text, fromJson(text))
    return known.get(text)
  }
}

type Query = SelectQueryBuilder<ServerTables, 'compute_servers', ServerRowShape>
type ServerRowShape = Parameters<typeof serverOf>[0]

function filtered(start: Query, wanted: ServerQuery): Query {
  let query = start
  if (wanted.projectId !== undefined) query = query.where('project_id', '=', wanted.projectId)
  if (wanted.deleted !== 'both')
    query = query.where('deleted_at', wanted.deleted === 'no' ? 'is' : 'is not', null)
  for (const [column, value] of Object.entries(wanted.equals))
    query = query.where(sql.ref(column), '=', value)
  if (wanted.changedSince !== undefined)
    query = query.where('updated_at', '>=', wanted.changedSince)
  if (wanted.changedBefore !== undefined)
    query = query.where('updated_at', '<=', wanted.changedBefore)
  if (wanted.createdSince !== undefined)
    query = query.where('created_at', '>=', wanted.createdSince)
  if (wanted.launchedSince !== undefined)
    query = query.where('launched_at', '>=', wanted.launchedSince)
  if (wanted.terminatedSince !== undefined)
    query = query.where('terminated_at', '>=', wanted.terminatedSince)
  for (const { kind, tags } of wanted.tags) {
    const least = kind === 'tags' || kind === 'not-tags' ? new Set(tags).size : 1
    const matches = sql<boolean>`(select count(*) from compute_server_tags t where t.server_id = compute_servers.id and t.tag in (${sql.join(tags)})) >= ${least}`
    query = query.where(kind.startsWith('not-') ? sql<boolean>`not (${matches})` : matches)
  }
  return query
}

/** Tags of many servers, sorted. */
export async function tagsOf(
  ctx: Ctx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>()
  for (let at = 0; at < ids.length; at += 500) {
    const rows = await db(ctx)
      .selectFrom('compute_server_tags')
      .selectAll()
      .where('server_id', 'in', ids.slice(at, at + 500))
      .orderBy('tag')
      .execute()
    for (const row of rows) found.set(row.server_id, [...(found.get(row.server_id) ?? []), row.tag])
  }
  return found
}

export async function setTags(ctx: Ctx, id: string, tags: readonly string[]): Promise<void> {
  await db(ctx).deleteFrom('compute_server_tags').where('server_id', '=', id).execute()
  if (tags.length > 0)
    await db(ctx)
      .insertInto('compute_server_tags')
      .values([...new Set(tags)].map((tag) => ({ server_id: id, tag })))
      .execute()
}
