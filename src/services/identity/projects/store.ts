import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { matching } from '../filter-sql.ts'
import type { ListQuery } from '../list-query.ts'
import { nameTaken, notFound, orConflict } from '../not-found.ts'
import { db, type ProjectRow } from '../tables.ts'

/** A project; a domain is one with `isDomain` (and no domain of its own). */
export interface ProjectRecord {
  readonly id: string
  readonly name: string
  /** '' for a domain. */
  readonly domainId: string
  /** '' for a domain. */
  readonly parentId: string
  readonly path: string
  readonly isDomain: boolean
  readonly enabled: boolean
  readonly description: string | null
  readonly options: Readonly<Record<string, unknown>>
  readonly extra: Readonly<Record<string, unknown>>
}

const fromRow = (row: ProjectRow): ProjectRecord => ({
  id: row.id,
  name: row.name,
  domainId: row.domain_id,
  parentId: row.parent_id,
  path: row.path,
  isDomain: row.is_domain === 1,
  enabled: row.enabled === 1,
  description: row.description,
  options: fromJson(row.options_json),
  extra: fromJson(row.extra_json),
})

const toRow = (project: ProjectRecord): ProjectRow => ({
  id: project.id,
  name: project.name,
  domain_id: project.domainId,
  parent_id: project.parentId,
  path: project.path,
  is_domain: project.isDomain ? 1 : 0,
  enabled: project.enabled ? 1 : 0,
  description: project.description,
  options_json: toJson(project.options),
  extra_json: toJson(project.extra),
})

/** Ids of the ancestors, nearest first, the domain last. */
export function ancestorIds(project: Pick<ProjectRecord, 'path' | 'id'>): string[] {
  return project.path
    .split('/')
    .filter((id) => id !== '' && id !== project.id)
    .toReversed()
}

export async function insertProject(ctx: Ctx, project: ProjectRecord): Promise<void> {
  await orConflict(db(ctx).insertInto('identity_projects').values(toRow(project)).execute(), () =>
    nameTaken(project.isDomain ? 'domain' : 'project', project.name),
  )
}

export async function saveProject(ctx: Ctx, project: ProjectRecord): Promise<void> {
  const { id, ...changes } = toRow(project)
  await orConflict(
    db(ctx).updateTable('identity_projects').set(changes).where('id', '=', id).execute(),
    () => nameTaken(project.isDomain ? 'domain' : 'project', project.name),
  )
}

export async function findProject(ctx: Ctx, id: string): Promise<ProjectRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_projects')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

/** A project or a domain acting as one: both have the same life under /v3/projects. */
export async function getProject(ctx: Ctx, id: string): Promise<ProjectRecord> {
  const project = await findProject(ctx, id)
  if (project === undefined) throw notFound('project', id)
  return project
}

export async function findDomain(ctx: Ctx, id: string): Promise<ProjectRecord | undefined> {
  const domain = await findProject(ctx, id)
  return domain?.isDomain === true ? domain : undefined
}

export async function getDomain(ctx: Ctx, id: string): Promise<ProjectRecord> {
  const domain = await findDomain(ctx, id)
  if (domain === undefined) throw notFound('domain', id)
  return domain
}

/** `domainId` '' looks for a domain by its name. */
export async function findProjectByName(
  ctx: Ctx,
  domainId: string,
  name: string,
): Promise<ProjectRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_projects')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function projectsByIds(ctx: Ctx, ids: readonly string[]): Promise<ProjectRecord[]> {
  const rows: ProjectRow[] = []
  const unique = [...new Set(ids)]
  for (let at = 0; at < unique.length; at += 500) {
    // a statement takes only so many parameters
    rows.push(
      ...(await db(ctx)
        .selectFrom('identity_projects')
        .selectAll()
        .where('id', 'in', unique.slice(at, at + 500))
        .execute()),
    )
  }
  return rows.map(fromRow)
}

/** How tags must be: all of `tags`, any of `tagsAny`, and the opposites. */
export interface TagFilter {
  readonly tags: readonly string[]
  readonly tagsAny: readonly string[]
  readonly notTags: readonly string[]
  readonly notTagsAny: readonly string[]
}

export async function listProjects(
  ctx: Ctx,
  list: ListQuery,
  tagFilter?: TagFilter,
): Promise<ProjectRecord[]> {
  let query = db(ctx)
    .selectFrom('identity_projects')
    .selectAll()
    .where(matching('identity_projects', list))
  const having = (tag: string) =>
    db(ctx).selectFrom('identity_project_tags').select('project_id').where('name', '=', tag)
  const havingAny = (tags: readonly string[]) =>
    db(ctx).selectFrom('identity_project_tags').select('project_id').where('name', 'in', tags)
  for (const tag of tagFilter?.tags ?? []) query = query.where('id', 'in', having(tag))
  if (tagFilter !== undefined && tagFilter.tagsAny.length > 0)
    query = query.where('id', 'in', havingAny(tagFilter.tagsAny))
  if (tagFilter !== undefined && tagFilter.notTagsAny.length > 0)
    query = query.where('id', 'not in', havingAny(tagFilter.notTagsAny))
  if (tagFilter !== undefined && tagFilter.notTags.length > 0) {
    // not all of them: those that have each one are left out
    let withAll = db(ctx).selectFrom('identity_projects').select('id')
    for (const tag of tagFilter.notTags) withAll = withAll.where('id', 'in', having(tag))
    query = query.where('id', 'not in', withAll)
  }
  return (
    await query
      .orderBy('id')
      .limit(list.limit + 1)
      .execute()
  ).map(fromRow)
}

/** Everything below the project (itself not), parents before children. */
export async function subtreeOf(ctx: Ctx, project: ProjectRecord): Promise<ProjectRecord[]> {
  // ids hold no `%` and `_` only where a domain was made with such an id; the start is compared exactly below
  const rows = await db(ctx)
    .selectFrom('identity_projects')
    .selectAll()
    .where('path', 'like', `${project.path}%`)
    .where('id', '<>', project.id)
    .execute()
  return rows
    .map(fromRow)
    .filter((row) => row.path.startsWith(project.path))
    .toSorted((a, b) => a.path.length - b.path.length)
}

export async function projectsOfDomain(ctx: Ctx, domainId: string): Promise<ProjectRecord[]> {
  return (
    await db(ctx)
      .selectFrom('identity_projects')
      .selectAll()
      .where('domain_id', '=', domainId)
      .execute()
  ).map(fromRow)
}

export async function childrenOf(ctx: Ctx, id: string): Promise<ProjectRecord[]> {
  return (
    await db(ctx).selectFrom('identity_projects').selectAll().where('parent_id', '=', id).execute()
  ).map(fromRow)
}

/** Only the row and its tags; what hangs on it is the caller's affair. */
export async function removeProjectRow(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('identity_project_tags').where('project_id', '=', id).execute()
  await db(ctx).deleteFrom('identity_projects').where('id', '=', id).execute()
}

export async function tagsOf(
  ctx: Ctx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const tags = new Map<string, string[]>()
  for (let at = 0; at < ids.length; at += 500) {
    const rows = await db(ctx)
      .selectFrom('identity_project_tags')
      .selectAll()
      .where('project_id', 'in', ids.slice(at, at + 500))
      .orderBy('name')
      .execute()
    for (const row of rows)
      tags.set(row.project_id, [...(tags.get(row.project_id) ?? []), row.name])
  }
  return tags
}

export async function setTags(
  ctx: Ctx,
  projectId: string,
  names: readonly string[],
): Promise<void> {
  await db(ctx).deleteFrom('identity_project_tags').where('project_id', '=', projectId).execute()
  if (names.length === 0) return
  await db(ctx)
    .insertInto('identity_project_tags')
    .values([...new Set(names)].map((name) => ({ project_id: projectId, name })))
    .execute()
}
