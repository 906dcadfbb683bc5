import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { allow, guarded } from '../guarded.ts'
import { flagOf } from '../list-query.ts'
import { domainOf } from '../projects/routes.ts'
import { findProject } from '../projects/store.ts'
import { listAssignments, type Entry, type Question } from './listing.ts'
import { namesFor, type Names } from './names.ts'

/** GET /v3/role_assignments: who has which role where; `effective` counts in groups, inheritance and implied roles. */
export const assignmentListRoutes: readonly Route[] = [
  guarded({
    method: 'GET',
    path: '/v3/role_assignments',
    policy: 'identity:list_role_assignments',
    check: async (ctx, req) => await check(ctx, req.rawQuery),
    handle: async (ctx, req) => {
      const entries = await listAssignments(ctx, questionOf(req.rawQuery, whoOf(ctx).domainId))
      const names = flagOf(req.rawQuery, 'include_names') ? await namesFor(ctx, entries) : undefined
      return {
        role_assignments: entries.map((entry) => entryView(req, entry, names)),
        links: { next: null, previous: null, self: req.serviceUrl + req.url },
      }
    },
  }),
]

/** The tree below a project may be listed by its own admin. */
async function check(ctx: Ctx, query: URLSearchParams): Promise<void> {
  const projectId = query.get('scope.project.id')
  if (flagOf(query, 'include_subtree') && projectId !== null) {
    const project = await findProject(ctx, projectId)
    const target =
      project === undefined
        ? {}
        : { 'target.project.id': project.id, 'target.project.domain_id': domainOf(project) }
    allow(ctx, 'identity:list_role_assignments_for_tree', target)
  } else {
    allow(ctx, 'identity:list_role_assignments', { 'target.domain_id': whoOf(ctx).domainId })
  }
}

/** A token of a domain sees the assignments of that domain only. */
function questionOf(query: URLSearchParams, withinDomain: string | undefined): Question {
  const one = (name: string): string | undefined => query.get(name) ?? undefined
  const question: Question = {
    userId: one('user.id'),
    groupId: one('group.id'),
    roleId: one('role.id'),
    projectId: one('scope.project.id'),
    domainId: one('scope.domain.id'),
    system: query.has('scope.system'),
    inherited: query.has('scope.OS-INHERIT:inherited_to')
      ? one('scope.OS-INHERIT:inherited_to') === 'projects'
      : undefined,
    effective: flagOf(query, 'effective'),
    includeSubtree: flagOf(query, 'include_subtree'),
    withinDomain,
  }
  if (question.includeSubtree && question.projectId === undefined)
    throw cloudError('badRequest', 'scope.project.id must be given when include_subtree is.')
  if (question.effective && question.groupId !== undefined)
    throw cloudError(
      'badRequest',
      'effective and group.id cannot be combined: effective assignments name users only.',
    )
  if (question.userId !== undefined && question.groupId !== undefined)
    throw cloudError('badRequest', 'Give user.id or group.id, not both.')
  if (
    [question.projectId, question.domainId, question.system ? '' : undefined].filter(
      (scope) => scope !== undefined,
    ).length > 1
  ) {
    throw cloudError(
      'badRequest',
      'Give one of scope.project.id, scope.domain.id and scope.system.',
    )
  }
  return question
}

function entryView(req: Req, entry: Entry, names: Names | undefined): Record<string, unknown> {
  const { scopeType, scopeId } = entry
  const inherited =
    entry.inherited && !entry.reachedProject ? { 'OS-INHERIT:inherited_to': 'projects' } : {}
  const scope =
    scopeType === 'system'
      ? { system: { all: true } }
      : { [scopeType]: names === undefined ? { id: scopeId } : names.target(scopeId), ...inherited }
  return {
    role: names === undefined ? { id: entry.roleId } : names.role(entry.roleId),
    [entry.actorType]: names === undefined ? { id: entry.actorId } : names.actor(entry.actorId),
    scope,
    links: linksOf(req, entry),
  }
}

/** Where the assignment itself is: for an effective one, the grant it comes from. */
function linksOf(req: Req, { from, membershipOf, priorRoleId }: Entry): Record<string, unknown> {
  const actor = `${from.actorType}s/${from.actorId}/roles/${from.roleId}`
  const path =
    from.targetType === 'system'
      ? `system/${actor}`
      : `${from.targetType}s/${from.targetId}/${actor}`
  return {
    assignment: `${req.serviceUrl}/v3/${from.inherited ? `OS-INHERIT/${path}/inherited_to_projects` : path}`,
    ...(membershipOf === undefined
      ? {}
      : { membership: `${req.serviceUrl}/v3/groups/${from.actorId}/users/${membershipOf}` }),
    ...(priorRoleId === undefined
      ? {}
      : { prior_role: `${req.serviceUrl}/v3/roles/${priorRoleId}` }),
  }
}
