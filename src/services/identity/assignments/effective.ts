import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { groupIdsOf } from '../groups/store.ts'
import {
  ancestorIds,
  findProject,
  projectsByIds,
  subtreeOf,
  type ProjectRecord,
} from '../projects/store.ts'
import { withImplied } from '../roles/implied.ts'
import { allImplications, allRoles, type RoleRecord } from '../roles/store.ts'
import { findAssignments, SYSTEM, type Assignment } from './store.ts'

/** Does an assignment reach the project: on it, or inherited from one above? */
export function reaches(
  assignment: Assignment,
  project: Pick<ProjectRecord, 'id' | 'path'>,
): boolean {
  return assignment.inherited
    ? ancestorIds(project).includes(assignment.targetId)
    : assignment.targetId === project.id && assignment.targetType !== 'system'
}

/** Roles of the cloud that follow from these ids; domain roles are steps only. */
async function tokenRoles(ctx: Ctx, roleIds: readonly string[]): Promise<RoleRecord[]> {
  if (roleIds.length === 0) return []
  const roles = await allRoles(ctx)
  return [...withImplied(roleIds, await allImplications(ctx))].flatMap((id) => {
    const role = roles.get(id)
    return role === undefined || role.domainId !== null ? [] : [role]
  })
}

async function assignmentsOfUser(ctx: Ctx, userId: string): Promise<Assignment[]> {
  return await findAssignments(ctx, { actorIds: [userId, ...(await groupIdsOf(ctx, userId))] })
}

/** What a token of the user for this project says, groups, inheritance and implied roles counted in. */
export async function rolesOnProject(
  ctx: Ctx,
  userId: string,
  project: ProjectRecord,
): Promise<RoleRecord[]> {
  const mine = (await assignmentsOfUser(ctx, userId)).filter((assignment) =>
    reaches(assignment, project),
  )
  // a domain acting as a project has the grants made on it as a project only
  const fitting = mine.filter(
    (assignment) => assignment.inherited || assignment.targetType === 'project',
  )
  return await tokenRoles(
    ctx,
    fitting.map((assignment) => assignment.roleId),
  )
}

export async function rolesOnDomain(
  ctx: Ctx,
  userId: string,
  domainId: string,
): Promise<RoleRecord[]> {
  const mine = (await assignmentsOfUser(ctx, userId)).filter(
    (one) => one.targetType === 'domain' && one.targetId === domainId && !one.inherited,
  )
  return await tokenRoles(
    ctx,
    mine.map((assignment) => assignment.roleId),
  )
}

export async function rolesOnSystem(ctx: Ctx, userId: string): Promise<RoleRecord[]> {
  const mine = (await assignmentsOfUser(ctx, userId)).filter(
    (one) => one.targetType === 'system' && one.targetId === SYSTEM,
  )
  return await tokenRoles(
    ctx,
    mine.map((assignment) => assignment.roleId),
  )
}

/** Projects for which the user can get a token. */
export async function projectsOfUser(ctx: Ctx, userId: string): Promise<ProjectRecord[]> {
  const mine = await assignmentsOfUser(ctx, userId)
  const direct = await projectsByIds(
    ctx,
    mine.filter((one) => one.targetType === 'project' && !one.inherited).map((one) => one.targetId),
  )
  const found = new Map(direct.map((project) => [project.id, project]))
  for (const id of new Set(mine.filter((one) => one.inherited).map((one) => one.targetId))) {
    const top = await findProject(ctx, id)
    for (const project of top === undefined ? [] : await subtreeOf(ctx, top))
      found.set(project.id, project)
  }
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** Domains for which the user can get a token. */
export async function domainsOfUser(ctx: Ctx, userId: string): Promise<ProjectRecord[]> {
  const mine = await assignmentsOfUser(ctx, userId)
  const ids = mine
    .filter((one) => one.targetType === 'domain' && !one.inherited)
    .map((one) => one.targetId)
  return (await projectsByIds(ctx, ids)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
