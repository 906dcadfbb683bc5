import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { removeApplicationCredentials } from './application-credentials/store.ts'
import { findAssignments, removeAssignmentsOf, type Assignment } from './assignments/store.ts'
import { removeCredentials } from './credentials/store.ts'
import { groupIdsOfDomain, memberIdsOf, removeGroupRow } from './groups/store.ts'
import type { Parts } from './parts.ts'
import {
  childrenOf,
  projectsOfDomain,
  removeProjectRow,
  type ProjectRecord,
} from './projects/store.ts'
import { removeRecord, removeRecordsOf } from './records/store.ts'
import { removeRoleRow } from './roles/store.ts'
import { db } from './tables.ts'
import { revocationOf } from './tokens/revocations.ts'
import { removeTrusts } from './trusts/store.ts'
import { removeUserRow, userIdsOfDomain } from './users/store.ts'

/**
 * What else ends when something ends. All of it runs in the caller's transaction: there is no moment in which a project
 * is gone and a credential for it still works.
 */

export async function deleteUser(ctx: Ctx, parts: Parts, id: string): Promise<void> {
  await removeUserRow(ctx, id)
  await removeAssignmentsOf(ctx, { actorIds: [id] })
  await removeApplicationCredentials(ctx, { userId: id })
  await removeCredentials(ctx, { userId: id })
  for (const kind of ['access-rule', 'access-token', 'request-token'] as const)
    await removeRecordsOf(ctx, kind, id)
  const trusts = await removeTrusts(ctx, { userId: id })
  await parts.revocations.add(ctx, [revocationOf.user(id), ...trusts.map(revocationOf.trust)])
}

export async function deleteGroup(ctx: Ctx, parts: Parts, id: string): Promise<void> {
  const members = await memberIdsOf(ctx, [id])
  const hadRoles = (await findAssignments(ctx, { actorIds: [id] })).length > 0
  await removeGroupRow(ctx, id)
  await removeAssignmentsOf(ctx, { actorIds: [id] })
  if (hadRoles)
    await parts.revocations.add(
      ctx,
      members.map((member) => revocationOf.user(member.userId)),
    )
}

/** The project itself; children must be gone. */
export async function deleteProject(ctx: Ctx, parts: Parts, id: string): Promise<void> {
  await removeProjectRow(ctx, id)
  await removeAssignmentsOf(ctx, { targetIds: [id] })
  await removeApplicationCredentials(ctx, { projectId: id })
  await removeCredentials(ctx, { projectId: id })
  for (const kind of ['limit', 'project-endpoint', 'project-endpoint-group'] as const)
    await removeRecordsOf(ctx, kind, id)
  await db(ctx)
    .updateTable('identity_users')
    .set({ default_project_id: null })
    .where('default_project_id', '=', id)
    .execute()
  const trusts = await removeTrusts(ctx, { projectId: id })
  await parts.revocations.add(ctx, [revocationOf.project(id), ...trusts.map(revocationOf.trust)])
}

/** With everything in it: users, groups, roles, projects from the leaves up. */
export async function deleteDomain(ctx: Ctx, parts: Parts, domain: ProjectRecord): Promise<void> {
  for (const id of await userIdsOfDomain(ctx, domain.id)) await deleteUser(ctx, parts, id)
  for (const id of await groupIdsOfDomain(ctx, domain.id)) await deleteGroup(ctx, parts, id)
  const projects = (await projectsOfDomain(ctx, domain.id)).toSorted(
    (a, b) => b.path.length - a.path.length,
  )
  for (const project of projects) await deleteProject(ctx, parts, project.id)
  const roles = await db(ctx)
    .selectFrom('identity_roles')
    .select('id')
    .where('domain_id', '=', domain.id)
    .execute()
  for (const role of roles) await deleteRole(ctx, parts, role.id)
  await removeRecord(ctx, 'domain-config', domain.id)
  await deleteProject(ctx, parts, domain.id)
  await parts.revocations.add(ctx, [revocationOf.domain(domain.id)])
}

export async function deleteRole(ctx: Ctx, parts: Parts, id: string): Promise<void> {
  await removeAssignmentsOf(ctx, { roleId: id })
  await removeRoleRow(ctx, id)
  await parts.revocations.add(ctx, [revocationOf.role(id)])
}

/** A role was taken from somebody: his tokens there end, and so do the credentials that he made with it. */
export async function roleTaken(ctx: Ctx, parts: Parts, assignment: Assignment): Promise<void> {
  const users =
    assignment.actorType === 'user'
      ? [assignment.actorId]
      : (await memberIdsOf(ctx, [assignment.actorId])).map((member) => member.userId)
  const target =
    assignment.targetType === 'system'
      ? 'system'
      : `${assignment.targetType}:${assignment.targetId}`
  // an inherited role was held on projects below: which ones is not worth finding out
  await parts.revocations.add(
    ctx,
    users.map((user) =>
      assignment.inherited ? revocationOf.user(user) : revocationOf.userOn(user, target),
    ),
  )
  if (assignment.targetType !== 'project' || assignment.inherited) return
  for (const userId of users) {
    const removed = await removeApplicationCredentials(ctx, {
      userId,
      projectId: assignment.targetId,
    })
    await parts.revocations.add(ctx, removed.map(revocationOf.applicationCredential))
  }
}

/** Is anything below the project? */
export async function hasChildren(ctx: Ctx, id: string): Promise<boolean> {
  return (await childrenOf(ctx, id)).length > 0
}
