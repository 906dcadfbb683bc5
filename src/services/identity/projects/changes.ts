import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { hasChildren, deleteDomain, deleteProject } from '../lifecycle.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { optionsOf } from '../roles/routes.ts'
import { revocationOf } from '../tokens/revocations.ts'
import { homeDomain } from '../users/routes.ts'
import { extraOf } from '../wire.ts'
import { knownProjectAttributes, type NewProject, type ProjectChange } from './schema.ts'
import {
  ancestorIds,
  findDomain,
  findProject,
  insertProject,
  projectsByIds,
  saveProject,
  setTags,
  subtreeOf,
  type ProjectRecord,
} from './store.ts'

/** A project may be this far from its domain: Keystone's max_project_tree_depth. */
const MAX_DEPTH = 5

export async function createProject(ctx: Ctx, wish: NewProject): Promise<ProjectRecord> {
  const extra = extraOf(wish, knownProjectAttributes)
  const common = {
    name: wish.name.trim(),
    description: wish.description ?? '',
    enabled: wish.enabled ?? true,
    options: optionsOf(wish.options),
    extra,
  }
  if (wish.is_domain === true) {
    if (wish.parent_id != null || wish.domain_id != null)
      throw cloudError(
        'badRequest',
        'A project acting as a domain has neither parent_id nor domain_id.',
      )
    return await insertDomain(ctx, { ...common, id: newId(), tags: wish.tags ?? [] })
  }
  const parent = await parentOf(ctx, wish)
  const id = newId()
  const project: ProjectRecord = {
    ...common,
    id,
    domainId: parent.isDomain ? parent.id : parent.domainId,
    parentId: parent.id,
    path: `${parent.path}${id}/`,
    isDomain: false,
  }
  await inTx(ctx, async (tx) => {
    await insertProject(tx, project)
    await setTags(tx, id, wish.tags ?? [])
  })
  return project
}

export async function insertDomain(
  ctx: Ctx,
  wish: Pick<ProjectRecord, 'id' | 'name' | 'description' | 'enabled' | 'options' | 'extra'> & {
    readonly tags: readonly string[]
  },
): Promise<ProjectRecord> {
  const { tags, ...rest } = wish
  const domain: ProjectRecord = {
    ...rest,
    domainId: '',
    parentId: '',
    path: `/${wish.id}/`,
    isDomain: true,
  }
  if ((await findProject(ctx, wish.id)) !== undefined)
    throw cloudError(
      'conflict',
      `Conflict occurred attempting to store domain - it has the id of an existing project: ${wish.id}.`,
    )
  await inTx(ctx, async (tx) => {
    await insertProject(tx, domain)
    await setTags(tx, domain.id, tags)
  })
  return domain
}

/** The project or domain under which the new one goes: the domain itself when no parent is named. */
async function parentOf(ctx: Ctx, wish: NewProject): Promise<ProjectRecord> {
  if (wish.parent_id == null) {
    const domainId = wish.domain_id ?? homeDomain(ctx)
    const domain = await findDomain(ctx, domainId)
    if (domain === undefined) throw notFound('domain', domainId)
    return domain
  }
  const parent = await findProject(ctx, wish.parent_id)
  if (parent === undefined) throw notFound('project', wish.parent_id)
  const domainId = parent.isDomain ? parent.id : parent.domainId
  if (wish.domain_id != null && wish.domain_id !== domainId)
    throw cloudError(
      'badRequest',
      `domain_id ${wish.domain_id} is not the domain of the parent project, ${domainId}.`,
    )
  const line = [parent, ...(await projectsByIds(ctx, ancestorIds(parent)))]
  if (line.some((one) => !one.enabled))
    throw cloudError(
      'badRequest',
      'Cannot create a project in a branch containing a disabled project.',
    )
  if (line.length > MAX_DEPTH)
    throw cloudError(
      'forbidden',
      `Max hierarchy depth reached for the branch of project ${parent.id}.`,
    )
  return parent
}

/** Where a project stands, and whether it acts as a domain, stays as it was made. */
function refuseMove(project: ProjectRecord, wish: ProjectChange): void {
  const fixed: readonly [string, unknown, unknown][] = [
    ['domain_id', wish.domain_id, project.isDomain ? null : project.domainId],
    ['parent_id', wish.parent_id, project.isDomain ? null : project.parentId],
    ['is_domain', wish.is_domain, project.isDomain],
  ]
  for (const [name, wanted, is] of fixed) {
    if (wanted !== undefined && wanted !== is)
      throw cloudError(
        name === 'parent_id' ? 'forbidden' : 'badRequest',
        `The ${name} of a project cannot be changed.`,
      )
  }
}

export async function updateProject(
  ctx: Ctx,
  parts: Parts,
  project: ProjectRecord,
  wish: ProjectChange,
  known: readonly string[],
): Promise<ProjectRecord> {
  refuseImmutable(project, wish)
  refuseMove(project, wish)
  const changed: ProjectRecord = {
    ...project,
    name: wish.name?.trim() ?? project.name,
    description: wish.description === undefined ? project.description : wish.description,
    enabled: wish.enabled ?? project.enabled,
    extra: { ...project.extra, ...extraOf(wish, known) },
    options:
      wish.options === undefined
        ? project.options
        : optionsOf({ ...project.options, ...wish.options }),
  }
  if (changed.enabled !== project.enabled) await checkSwitch(ctx, changed)
  await inTx(ctx, async (tx) => {
    await saveProject(tx, changed)
    if (wish.tags !== undefined) await setTags(tx, project.id, wish.tags)
    if (project.enabled && !changed.enabled)
      await parts.revocations.add(tx, [
        project.isDomain ? revocationOf.domain(project.id) : revocationOf.project(project.id),
      ])
  })
  return changed
}

/** A branch is enabled from the top and disabled from the bottom; a domain switches all of its own. */
async function checkSwitch(ctx: Ctx, project: ProjectRecord): Promise<void> {
  if (project.isDomain) return
  if (project.enabled) {
    const above = (await projectsByIds(ctx, ancestorIds(project))).filter(
      (one) => !one.isDomain && !one.enabled,
    )
    if (above.length > 0)
      throw cloudError(
        'forbidden',
        `Cannot enable project ${project.id} since it has disabled parents.`,
      )
  } else if ((await subtreeOf(ctx, project)).some((one) => one.enabled)) {
    throw cloudError(
      'forbidden',
      `Cannot disable project ${project.id} since its subtree contains enabled projects.`,
    )
  }
}

export async function removeProject(
  ctx: Ctx,
  parts: Parts,
  project: ProjectRecord,
  kind: 'project' | 'domain',
  defaultDomainId: string,
): Promise<void> {
  refuseImmutable(project, undefined)
  if (project.isDomain) {
    if (project.id === defaultDomainId)
      throw cloudError('forbidden', 'The default domain cannot be deleted.')
    if (project.enabled)
      throw cloudError(
        'forbidden',
        `Cannot delete a domain that is enabled, please disable it first.`,
      )
    if (kind === 'project' && (await hasChildren(ctx, project.id)))
      throw cloudError('forbidden', `Cannot delete project ${project.id}: it has child projects.`)
    await inTx(ctx, async (tx) => await deleteDomain(tx, parts, project))
    return
  }
  await inTx(ctx, async (tx) => {
    if (await hasChildren(tx, project.id))
      throw cloudError(
        'forbidden',
        `Cannot delete project ${project.id} since it is not a leaf in the hierarchy.`,
      )
    await deleteProject(tx, parts, project.id)
  })
}

/** An immutable project must first be made mutable, and by nothing else in the same request. */
function refuseImmutable(project: ProjectRecord, wish: ProjectChange | undefined): void {
  if (project.options['immutable'] !== true) return
  const onlyOptions =
    wish !== undefined &&
    Object.keys(wish).every((key) => key === 'options') &&
    wish.options?.immutable !== undefined
  if (!onlyOptions)
    throw cloudError(
      'forbidden',
      `${project.isDomain ? 'Domain' : 'Project'} ${project.id} is immutable: set its option immutable to false first.`,
    )
}
