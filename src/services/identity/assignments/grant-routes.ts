import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { findGroup, getGroup } from '../groups/store.ts'
import { allow, guarded, type Target } from '../guarded.ts'
import { roleTaken } from '../lifecycle.ts'
import { listBody } from '../list-query.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import type { Rule } from '../policies/rules.ts'
import { domainOf } from '../projects/routes.ts'
import { findProject, getDomain, getProject } from '../projects/store.ts'
import { allRoles, findRole, getRole } from '../roles/store.ts'
import { roleView } from '../roles/view.ts'
import { findUser, getUser } from '../users/store.ts'
import { whoOf } from '../../../kernel/ctx/ctx.ts'
import {
  addAssignment,
  findAssignments,
  removeAssignment,
  SYSTEM,
  type Assignment,
} from './store.ts'

/** One of the families of paths under which roles are given: who × on what × directly or inherited. */
interface Family {
  readonly actor: 'user' | 'group'
  readonly target: 'project' | 'domain' | 'system'
  readonly inherited: boolean
}

const Many = Type.Object({ target_id: Type.Optional(Type.String()), actor_id: Type.String() })
const One = Type.Object({
  target_id: Type.Optional(Type.String()),
  actor_id: Type.String(),
  role_id: Type.String(),
})
interface GrantParams {
  readonly target_id?: string
  readonly actor_id: string
  readonly role_id?: string
}

const families: readonly Family[] = (['user', 'group'] as const).flatMap((actor) => [
  { actor, target: 'system', inherited: false } as const,
  ...(['project', 'domain'] as const).flatMap((target) => [
    { actor, target, inherited: false },
    { actor, target, inherited: true },
  ]),
])

/** Roles are given, checked, listed and taken under one path per family. */
export function grantRoutes(parts: Parts): readonly Route[] {
  return families.flatMap((family) => routesOf(parts, family))
}

function routesOf(parts: Parts, family: Family): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: pathsOf(family).list,
      policy: ruleOf(family, 'list'),
      params: Many,
      check: guardOf(family, 'list'),
      handle: async (ctx, req) => await listGrants(ctx, req, family, req.params),
    }),
    ...ofOneRole(parts, family),
  ]
}

/** One role given, looked for, or taken away. */
function ofOneRole(parts: Parts, family: Family): readonly Route[] {
  const { one } = pathsOf(family)
  return [
    guarded({
      method: 'PUT',
      path: one,
      policy: ruleOf(family, 'create'),
      params: One,
      check: guardOf(family, 'create'),
      handle: async (ctx, { params }) => await give(ctx, await existing(ctx, family, params)),
    }),
    guarded({
      method: 'GET',
      path: one,
      policy: ruleOf(family, 'check'),
      params: One,
      check: guardOf(family, 'check'),
      status: 204,
      handle: async (ctx, { params }) =>
        await mustBeGiven(ctx, await existing(ctx, family, params)),
    }),
    guarded({
      method: 'DELETE',
      path: one,
      policy: ruleOf(family, 'revoke'),
      params: One,
      check: guardOf(family, 'revoke'),
      handle: async (ctx, { params }) =>
        await take(ctx, parts, await existing(ctx, family, params)),
    }),
  ]
}

type Verb = 'list' | 'check' | 'create' | 'revoke'

function pathsOf({ actor, target, inherited }: Family): { list: string; one: string } {
  if (target === 'system') {
    const list = `/v3/system/${actor}s/:actor_id/roles`
    return { list, one: `${list}/:role_id` }
  }
  const roles = `${target}s/:target_id/${actor}s/:actor_id/roles`
  if (!inherited) return { list: `/v3/${roles}`, one: `/v3/${roles}/:role_id` }
  return {
    list: `/v3/OS-INHERIT/${roles}/inherited_to_projects`,
    one: `/v3/OS-INHERIT/${roles}/:role_id/inherited_to_projects`,
  }
}

function ruleOf(family: Family, verb: Verb): Rule {
  if (family.target !== 'system')
    return verb === 'list' ? 'identity:list_grants' : `identity:${verb}_grant`
  return verb === 'list'
    ? `identity:list_system_grants_for_${family.actor}`
    : `identity:${verb}_system_grant_for_${family.actor}`
}

const guardOf =
  (family: Family, verb: Verb) =>
  async (ctx: Ctx, req: { readonly params: GrantParams }): Promise<void> =>
    await check(ctx, family, verb, req.params)

async function check(ctx: Ctx, family: Family, verb: Verb, params: GrantParams): Promise<void> {
  const target: Record<string, unknown> = {}
  const actor =
    family.actor === 'user'
      ? await findUser(ctx, params.actor_id)
      : await findGroup(ctx, params.actor_id)
  if (actor !== undefined) target[`target.${family.actor}.domain_id`] = actor.domainId
  const place =
    params.target_id === undefined ? undefined : await findProject(ctx, params.target_id)
  if (place !== undefined && family.target === 'project')
    target['target.project.domain_id'] = domainOf(place)
  if (place?.isDomain === true && family.target === 'domain') target['target.domain.id'] = place.id
  const role = params.role_id === undefined ? undefined : await findRole(ctx, params.role_id)
  // a role of the cloud may be given in every domain
  if (role !== undefined) target['target.role.domain_id'] = role.domainId ?? whoOf(ctx).domainId
  allow(ctx, ruleOf(family, verb), target satisfies Target)
}

/** The assignment that a path names; 404 when its actor, target or role is not there. */
async function existing(ctx: Ctx, family: Family, params: GrantParams): Promise<Assignment> {
  const place = await existingPlace(ctx, family, params)
  const role = await getRole(ctx, params.role_id ?? '')
  return {
    actorType: family.actor,
    actorId: params.actor_id,
    targetType: family.target,
    targetId: place.id,
    roleId: role.id,
    inherited: family.inherited,
  }
}

async function give(ctx: Ctx, grant: Assignment): Promise<void> {
  await checkRoleFits(ctx, grant)
  await addAssignment(ctx, grant)
}

async function mustBeGiven(ctx: Ctx, wanted: Assignment): Promise<void> {
  const found = await findAssignments(ctx, {
    actorIds: [wanted.actorId],
    targetIds: [wanted.targetId],
    roleId: wanted.roleId,
    inherited: wanted.inherited,
  })
  if (found.length === 0) throw noGrant(wanted)
}

async function take(ctx: Ctx, parts: Parts, grant: Assignment): Promise<void> {
  await inTx(ctx, async (tx) => {
    if (!(await removeAssignment(tx, grant))) throw noGrant(grant)
    await roleTaken(tx, parts, grant)
  })
}

/** A role of a domain can be given on projects of that domain only; on other domains it can be given, as in Keystone, and implies nothing there. */
async function checkRoleFits(ctx: Ctx, grant: Assignment): Promise<void> {
  const { domainId } = await getRole(ctx, grant.roleId)
  if (domainId === null) return
  if (grant.targetType === 'system')
    throw cloudError(
      'badRequest',
      `Role ${grant.roleId} belongs to a domain: it cannot be given on the system.`,
    )
  if (grant.targetType === 'domain') return
  if (domainOf(await getProject(ctx, grant.targetId)) !== domainId)
    throw cloudError(
      'forbidden',
      `Role ${grant.roleId} belongs to another domain than the project.`,
    )
}

async function existingPlace(
  ctx: Ctx,
  family: Family,
  params: GrantParams,
): Promise<{ readonly id: string }> {
  await (family.actor === 'user' ? getUser(ctx, params.actor_id) : getGroup(ctx, params.actor_id))
  if (family.target === 'system') return { id: SYSTEM }
  const id = params.target_id ?? ''
  return family.target === 'project' ? await getProject(ctx, id) : await getDomain(ctx, id)
}

async function listGrants(
  ctx: Ctx,
  req: Req,
  family: Family,
  params: GrantParams,
): Promise<unknown> {
  const place = await existingPlace(ctx, family, params)
  const found = await findAssignments(ctx, {
    actorIds: [params.actor_id],
    targetIds: [place.id],
    inherited: family.inherited,
  })
  const roles = await allRoles(ctx)
  return listBody(
    req,
    'roles',
    found
      .filter((one) => one.targetType === family.target)
      .flatMap((one) => roles.get(one.roleId) ?? [])
      .map((role) => roleView(req, role)),
    10_000,
  )
}

function noGrant(grant: Assignment): Error {
  return notFound(
    `role assignment with ${grant.actorType} ${grant.actorId} and ${grant.targetType} ${grant.targetId} for role`,
    grant.roleId,
  )
}
