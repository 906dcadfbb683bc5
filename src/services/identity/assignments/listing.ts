import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { groupIdsOf, memberIdsOf } from '../groups/store.ts'
import {
  ancestorIds,
  findProject,
  projectsByIds,
  subtreeOf,
  type ProjectRecord,
} from '../projects/store.ts'
import { withImplied } from '../roles/implied.ts'
import { allImplications, allRoles } from '../roles/store.ts'
import { findAssignments, SYSTEM, type Assignment, type AssignmentFilter } from './store.ts'

/** What a list of assignments is asked for. */
export interface Question {
  readonly userId: string | undefined
  readonly groupId: string | undefined
  readonly roleId: string | undefined
  readonly projectId: string | undefined
  readonly domainId: string | undefined
  readonly system: boolean
  readonly inherited: boolean | undefined
  readonly effective: boolean
  readonly includeSubtree: boolean
  /** Only what is on this domain and its projects. */
  readonly withinDomain: string | undefined
}

/** One line of the answer, and the grant that it comes from. */
export interface Entry {
  readonly actorType: 'user' | 'group'
  readonly actorId: string
  readonly scopeType: 'project' | 'domain' | 'system'
  readonly scopeId: string
  readonly roleId: string
  readonly inherited: boolean
  /** An inherited grant shown on a project that it reaches. */
  readonly reachedProject: boolean
  readonly from: Assignment
  /** The user who has it by being in the group of `from`. */
  readonly membershipOf?: string
  /** The role that implies this one. */
  readonly priorRoleId?: string
}

export async function listAssignments(ctx: Ctx, question: Question): Promise<Entry[]> {
  const entries = question.effective ? await effective(ctx, question) : await direct(ctx, question)
  return await withinDomain(ctx, entries, question.withinDomain)
}

async function direct(ctx: Ctx, question: Question): Promise<Entry[]> {
  const targets = await targetsOf(ctx, question)
  const found = await findAssignments(ctx, {
    ...actorFilter(question),
    ...targets.filter,
    ...(question.roleId === undefined ? {} : { roleId: question.roleId }),
    ...(question.inherited === undefined ? {} : { inherited: question.inherited }),
  })
  return found.map((from) => entryOf(from))
}

function actorFilter({ userId, groupId }: Question): AssignmentFilter {
  if (userId !== undefined) return { actorType: 'user', actorIds: [userId] }
  return groupId === undefined ? {} : { actorType: 'group', actorIds: [groupId] }
}

const entryOf = (from: Assignment): Entry => ({
  actorType: from.actorType,
  actorId: from.actorId,
  scopeType: from.targetType,
  scopeId: from.targetId,
  roleId: from.roleId,
  inherited: from.inherited,
  reachedProject: false,
  from,
})

interface Targets {
  readonly filter: AssignmentFilter
  /** The projects asked about; undefined when the question names none. */
  readonly projects: readonly ProjectRecord[] | undefined
}

/** What the scope of the question means in rows. */
async function targetsOf(ctx: Ctx, question: Question): Promise<Targets> {
  if (question.system)
    return { filter: { targetType: 'system', targetIds: [SYSTEM] }, projects: undefined }
  if (question.domainId !== undefined)
    return { filter: { targetType: 'domain', targetIds: [question.domainId] }, projects: undefined }
  if (question.projectId === undefined) return { filter: {}, projects: undefined }
  const project = await findProject(ctx, question.projectId)
  const projects =
    project === undefined
      ? []
      : [project, ...(question.includeSubtree ? await subtreeOf(ctx, project) : [])]
  return { filter: { targetType: 'project', targetIds: projects.map((one) => one.id) }, projects }
}

/** Groups become their members, inherited grants the projects they reach, roles all that they imply. */
async function effective(ctx: Ctx, question: Question): Promise<Entry[]> {
  const targets = await targetsOf(ctx, question)
  const actors =
    question.userId === undefined
      ? {}
      : { actorIds: [question.userId, ...(await groupIdsOf(ctx, question.userId))] }
  // the grants that can matter: on the targets themselves, and inherited ones from above
  const onTargets = await findAssignments(ctx, { ...actors, ...targets.filter, inherited: false })
  const above = targets.projects?.flatMap((project) => ancestorIds(project)) ?? undefined
  const wantsInherited =
    question.inherited !== false && !question.system && question.domainId === undefined
  const fromAbove = wantsInherited
    ? await findAssignments(ctx, {
        ...actors,
        ...(above === undefined ? {} : { targetIds: [...new Set(above)] }),
        inherited: true,
      })
    : []
  const placed = [
    ...(question.inherited === true ? [] : onTargets.map(entryOf)),
    ...(await reached(ctx, fromAbove, targets.projects)),
  ]
  const implied = await impliedOf(ctx, await membersOf(ctx, placed))
  const wanted = implied.filter(
    (entry) =>
      (question.userId === undefined || entry.actorId === question.userId) &&
      (question.roleId === undefined || entry.roleId === question.roleId),
  )
  const seen = new Set<string>()
  return wanted.filter((entry) => {
    const key = [
      entry.actorId,
      entry.scopeType,
      entry.scopeId,
      entry.roleId,
      entry.from.actorId,
      entry.from.targetId,
    ].join('|')
    return !seen.has(key) && seen.add(key) !== undefined
  })
}

/** The projects asked about that an inherited grant reaches, or all of them. */
async function reached(
  ctx: Ctx,
  grants: readonly Assignment[],
  asked: readonly ProjectRecord[] | undefined,
): Promise<Entry[]> {
  const entries: Entry[] = []
  const below = new Map<string, readonly ProjectRecord[]>()
  for (const from of grants) {
    let projects = below.get(from.targetId)
    if (projects === undefined) {
      const top = asked === undefined ? await findProject(ctx, from.targetId) : undefined
      projects =
        asked?.filter((project) => ancestorIds(project).includes(from.targetId)) ??
        (top === undefined ? [] : await subtreeOf(ctx, top))
      below.set(from.targetId, projects)
    }
    entries.push(
      ...projects.map((project): Entry => ({
        ...entryOf(from),
        scopeType: 'project',
        scopeId: project.id,
        reachedProject: true,
      })),
    )
  }
  return entries
}

async function membersOf(ctx: Ctx, entries: readonly Entry[]): Promise<Entry[]> {
  const members = await memberIdsOf(
    ctx,
    entries.filter((entry) => entry.actorType === 'group').map((entry) => entry.actorId),
  )
  return entries.flatMap((entry) =>
    entry.actorType === 'user'
      ? [entry]
      : members
          .filter((member) => member.groupId === entry.actorId)
          .map((member): Entry => ({
            ...entry,
            actorType: 'user',
            actorId: member.userId,
            membershipOf: member.userId,
          })),
  )
}

async function impliedOf(ctx: Ctx, entries: readonly Entry[]): Promise<Entry[]> {
  const [rules, roles] = [await allImplications(ctx), await allRoles(ctx)]
  return entries.flatMap((entry) =>
    [...withImplied([entry.roleId], rules)]
      .filter((roleId) => roles.get(roleId)?.domainId === null) // domain roles do not appear in tokens
      .map((roleId): Entry =>
        roleId === entry.roleId ? entry : { ...entry, roleId, priorRoleId: entry.roleId },
      ),
  )
}

async function withinDomain(
  ctx: Ctx,
  entries: readonly Entry[],
  domainId: string | undefined,
): Promise<Entry[]> {
  if (domainId === undefined) return [...entries]
  const projects = await projectsByIds(
    ctx,
    entries.filter((entry) => entry.scopeType === 'project').map((entry) => entry.scopeId),
  )
  const mine = new Set(
    projects.filter((project) => project.domainId === domainId).map((project) => project.id),
  )
  return entries.filter((entry) =>
    entry.scopeType === 'domain'
      ? entry.scopeId === domainId
      : entry.scopeType === 'project' && mine.has(entry.scopeId),
  )
}
