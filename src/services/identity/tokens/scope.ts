import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { rolesOnDomain, rolesOnProject, rolesOnSystem } from '../assignments/effective.ts'
import {
  findDomain,
  findProject,
  findProjectByName,
  type ProjectRecord,
} from '../projects/store.ts'
import { withImplied } from '../roles/implied.ts'
import { allImplications, type RoleRecord } from '../roles/store.ts'
import { expiryMs } from '../time-text.ts'
import { findTrust, useTrust, type TrustRecord } from '../trusts/store.ts'
import { findUser, type UserRecord } from '../users/store.ts'
import { domainOfRef, type Proof } from './methods.ts'
import { scopeForbidden, unauthenticated } from './refusals.ts'
import type { AuthRequest, ScopeRequest } from './request.ts'

/** What a token will be good for. */
export type Scope =
  | { readonly kind: 'unscoped' }
  | {
      readonly kind: 'project'
      readonly project: ProjectRecord
      readonly domain: ProjectRecord
      readonly roles: readonly RoleRecord[]
      readonly trust?: TrustRecord
      readonly trustor?: UserRecord
    }
  | {
      readonly kind: 'domain'
      readonly domain: ProjectRecord
      readonly roles: readonly RoleRecord[]
    }
  | { readonly kind: 'system'; readonly roles: readonly RoleRecord[] }

/** The scope asked for, the one that the credential fixes, or the user's default project. */
export async function resolveScope(
  ctx: Ctx,
  proof: Proof,
  asked: AuthRequest['scope'],
): Promise<Scope> {
  refuseRescoping(proof)
  if (proof.applicationCredential !== undefined) {
    if (asked !== undefined)
      throw cloudError('unauthorized', 'Application credentials cannot request a scope.')
    return await limitedScope(ctx, proof.user.id, proof.applicationCredential)
  }
  if (proof.oauth !== undefined) return await limitedScope(ctx, proof.user.id, proof.oauth)
  if (asked === undefined) return await defaultScope(ctx, proof.user)
  if (asked === 'unscoped') return { kind: 'unscoped' }
  const kinds = Object.keys(asked)
  if (kinds.length !== 1)
    throw cloudError(
      'badRequest',
      'Expecting to find exactly one of project, domain, system, unscoped or OS-TRUST:trust in scope. The client is assumed to be in error.',
    )
  return await namedScope(ctx, proof, asked)
}

async function namedScope(ctx: Ctx, proof: Proof, asked: ScopeRequest): Promise<Scope> {
  const userId = proof.user.id
  if (asked['OS-TRUST:trust'] !== undefined)
    return await trustScope(ctx, proof, asked['OS-TRUST:trust'].id)
  if (asked.unscoped !== undefined) return { kind: 'unscoped' }
  if (asked.project !== undefined) {
    const project = await projectOfRef(ctx, asked.project)
    const scope = project === undefined ? undefined : await projectScope(ctx, userId, project)
    if (scope === undefined) throw unauthenticated('no access to project')
    return scope
  }
  if (asked.domain !== undefined) {
    const domain = await domainOfRef(ctx, asked.domain)
    const roles = domain?.enabled === true ? await rolesOnDomain(ctx, userId, domain.id) : []
    if (domain === undefined || roles.length === 0) throw unauthenticated('no access to domain')
    return { kind: 'domain', domain, roles }
  }
  if (asked.system?.all !== true)
    throw cloudError('badRequest', 'The system scope is asked for by {"system": {"all": true}}.')
  const roles = await rolesOnSystem(ctx, userId)
  if (roles.length === 0) throw unauthenticated('no access to system')
  return { kind: 'system', roles }
}

async function projectOfRef(
  ctx: Ctx,
  ref: NonNullable<ScopeRequest['project']>,
): Promise<ProjectRecord | undefined> {
  if (ref.id !== undefined) return await findProject(ctx, ref.id)
  if (ref.name === undefined)
    throw cloudError(
      'badRequest',
      'Expecting to find id or name in project. The client is assumed to be in error.',
    )
  const domain = await domainOfRef(ctx, ref.domain)
  return domain === undefined ? undefined : await findProjectByName(ctx, domain.id, ref.name)
}

/** Undefined when the project cannot be used or the user has no role on it. */
export async function projectScope(
  ctx: Ctx,
  userId: string,
  project: ProjectRecord,
): Promise<(Scope & { kind: 'project' }) | undefined> {
  const domain = project.isDomain ? project : await findDomain(ctx, project.domainId)
  if (!project.enabled || domain?.enabled !== true) return undefined
  const roles = await rolesOnProject(ctx, userId, project)
  return roles.length === 0 ? undefined : { kind: 'project', project, domain, roles }
}

/** A default project that cannot be used gives an unscoped token, not an error: the user can still look for another. */
async function defaultScope(ctx: Ctx, user: UserRecord): Promise<Scope> {
  const project =
    user.defaultProjectId === null ? undefined : await findProject(ctx, user.defaultProjectId)
  return (
    (project === undefined ? undefined : await projectScope(ctx, user.id, project)) ?? {
      kind: 'unscoped',
    }
  )
}

/** Application credentials and OAuth tokens fix project and roles; a role that the user lost is lost here too. */
async function limitedScope(
  ctx: Ctx,
  userId: string,
  limits: { readonly projectId: string; readonly roleIds: readonly string[] },
): Promise<Scope> {
  const project = await findProject(ctx, limits.projectId)
  const scope = project === undefined ? undefined : await projectScope(ctx, userId, project)
  if (scope === undefined) throw unauthenticated('project of the credential cannot be used')
  const allowed = withImplied(limits.roleIds, await allImplications(ctx))
  const roles = scope.roles.filter((role) => allowed.has(role.id))
  if (roles.length === 0) throw unauthenticated('roles of the credential are gone')
  return { ...scope, roles }
}

async function trustScope(ctx: Ctx, proof: Proof, id: string): Promise<Scope> {
  const trust = await findTrust(ctx, id)
  if (trust === undefined || trust.trusteeUserId !== proof.user.id || trust.projectId === null)
    throw scopeForbidden('the trust cannot be consumed by this user')
  if (trust.expiresAt !== null && expiryMs(trust.expiresAt) <= ctx.now().getTime())
    throw scopeForbidden('the trust has expired')
  const trustor = await findUser(ctx, trust.trustorUserId)
  const trustorDomain = trustor === undefined ? undefined : await findDomain(ctx, trustor.domainId)
  if (trustor?.enabled !== true || trustorDomain?.enabled !== true)
    throw scopeForbidden('the trustor is disabled')
  const project = await findProject(ctx, trust.projectId)
  const scope = project === undefined ? undefined : await projectScope(ctx, trustor.id, project)
  const held = new Set(scope?.roles.map((role) => role.id))
  if (scope === undefined || trust.roleIds.some((role) => !held.has(role)))
    throw scopeForbidden('the trustor has no longer the roles of the trust')
  const given = withImplied(trust.roleIds, await allImplications(ctx))
  if (!(await inTx(ctx, async (tx) => await useTrust(tx, trust.id))))
    throw scopeForbidden('the trust has no remaining uses')
  return { ...scope, roles: scope.roles.filter((role) => given.has(role.id)), trust, trustor }
}

/** Delegated tokens stay what they are: showing one must not open other projects. */
function refuseRescoping({ token }: Proof): void {
  if (token?.trust !== undefined) throw scopeForbidden('rescope a token of a trust')
  if (token?.applicationCredential !== undefined)
    throw scopeForbidden('rescope a token of an application credential')
  if (token?.oauth !== undefined) throw scopeForbidden('rescope a token of an OAuth access token')
}
