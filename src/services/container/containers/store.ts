import type { Insertable, Kysely, Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables, toJson } from '../../../kernel/db/db.ts'
import {
  containerOf,
  type Container,
  type ContainerTable,
  type ContainerTables,
  type Task,
} from './schema.ts'

const db = (ctx: Ctx): Kysely<ContainerTables> => tables<ContainerTables>(ctx)

/** Whose containers: those of one project, or everybody's. */
export type Scope = { readonly projectId: string } | 'all'

export async function insertContainer(ctx: Ctx, row: Insertable<ContainerTable>): Promise<void> {
  await db(ctx).insertInto('container_containers').values(row).execute()
}

/** Any container by its id, whoever owns it. */
export async function findContainer(ctx: Ctx, id: string): Promise<Container | undefined> {
  const row = await db(ctx)
    .selectFrom('container_containers')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : containerOf(row)
}

/** Containers with this id or, when there is none, this name; those of capsules are not found here. */
export async function findByIdent(
  ctx: Ctx,
  ident: string,
  scope: Scope,
): Promise<readonly Container[]> {
  let query = db(ctx)
    .selectFrom('container_containers')
    .selectAll()
    .where('capsule_id', 'is', null)
    .where((eb) => eb.or([eb('id', '=', ident), eb('name', '=', ident)]))
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  const found = (await query.execute()).map(containerOf)
  const exact = found.filter((container) => container.id === ident)
  return exact.length > 0 ? exact : found
}

/** Columns that a list may ask the database to compare. */
export type ContainerFilters = Partial<
  Pick<
    ContainerTable,
    'name' | 'image' | 'project_id' | 'user_id' | 'memory_mib' | 'host' | 'auto_remove'
  >
>

/** In order of creation; without those of capsules. */
export async function listContainers(
  ctx: Ctx,
  scope: Scope,
  filters: ContainerFilters = {},
): Promise<readonly Container[]> {
  let query = db(ctx).selectFrom('container_containers').selectAll().where('capsule_id', 'is', null)
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  const { name, image, project_id, user_id, memory_mib, host, auto_remove } = filters
  if (name !== undefined) query = query.where('name', '=', name)
  if (image !== undefined) query = query.where('image', '=', image)
  if (project_id !== undefined) query = query.where('project_id', '=', project_id)
  if (user_id !== undefined) query = query.where('user_id', '=', user_id)
  if (memory_mib !== undefined) query = query.where('memory_mib', '=', memory_mib)
  if (host !== undefined) query = query.where('host', '=', host)
  if (auto_remove !== undefined) query = query.where('auto_remove', '=', auto_remove)
  return (await query.orderBy('created_at').orderBy('id').execute()).map(containerOf)
}

/** The containers of a capsule, in the order of its template. */
export async function membersOf(
  ctx: Ctx,
  capsuleIds: readonly string[],
): Promise<readonly Container[]> {
  if (capsuleIds.length === 0) return []
  const rows = await db(ctx)
    .selectFrom('container_containers')
    .selectAll()
    .where('capsule_id', 'in', capsuleIds)
    .orderBy('capsule_place')
    .execute()
  return rows.map(containerOf)
}

/** Anything of the row; `updated_at` follows. */
export async function updateContainer(
  ctx: Ctx,
  id: string,
  change: Updateable<ContainerTable>,
): Promise<void> {
  await db(ctx)
    .updateTable('container_containers')
    .set({ updated_at: ctx.now().toISOString(), ...change })
    .where('id', '=', id)
    .execute()
}

/** As `updateContainer`, but only while this is the task (undefined: none); false when it is another by now. */
export async function updateWhile(
  ctx: Ctx,
  id: string,
  task: Task | undefined,
  change: Updateable<ContainerTable>,
): Promise<boolean> {
  const query = db(ctx)
    .updateTable('container_containers')
    .set({ updated_at: ctx.now().toISOString(), ...change })
    .where('id', '=', id)
  const result = await (
    task === undefined ? query.where('task', 'is', null) : query.where('task', '=', toJson(task))
  ).executeTakeFirst()
  return Number(result.numUpdatedRows) > 0
}

export async function deleteContainer(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('container_containers').where('id', '=', id).execute()
}

/** Ids of containers with something under way: looked at again after a start. */
export async function idsWithTasks(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('container_containers')
    .select('id')
    .where('task', 'is not', null)
    .execute()
  return rows.map((row) => row.id)
}

/** What a project's containers claim of its quota; those of capsules count too. */
export async function usageOf(
  ctx: Ctx,
  projectId: string,
): Promise<{
  readonly containers: number
  readonly cpu: number
  readonly memory: number
  readonly disk: number
}> {
  const row = await db(ctx)
    .selectFrom('container_containers')
    .select((eb) => [
      eb.fn.countAll<number>().as('containers'),
      eb.fn.sum<number | null>('cpu_milli').as('cpu'),
      eb.fn.sum<number | null>('memory_mib').as('memory'),
      eb.fn.sum<number | null>('disk_gib').as('disk'),
    ])
    .where('project_id', '=', projectId)
    .executeTakeFirst()
  return {
    containers: row?.containers ?? 0,
    cpu: (row?.cpu ?? 0) / 1000,
    memory: row?.memory ?? 0,
    disk: row?.disk ?? 0,
  }
}

/** Whether the name is taken within the scope. */
export async function nameIsTaken(ctx: Ctx, name: string, scope: Scope): Promise<boolean> {
  let query = db(ctx).selectFrom('container_containers').select('id').where('name', '=', name)
  if (scope !== 'all') query = query.where('project_id', '=', scope.projectId)
  return (await query.executeTakeFirst()) !== undefined
}

/** Containers that get their image from this registry. */
export async function idsUsingRegistry(ctx: Ctx, registryId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('container_containers')
    .select('id')
    .where('registry_id', '=', registryId)
    .execute()
  return rows.map((row) => row.id)
}
