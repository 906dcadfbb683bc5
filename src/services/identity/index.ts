import { join } from 'node:path'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Route } from '../../kernel/http/route.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import { done, type Reconciler } from '../../kernel/tasks/reconciler.ts'
import { accessRuleRoutes } from './application-credentials/access-rules.ts'
import { applicationCredentialRoutes } from './application-credentials/routes.ts'
import { grantRoutes } from './assignments/grant-routes.ts'
import { assignmentListRoutes } from './assignments/list-routes.ts'
import { bootstrapIdentity, type BootstrapSettings, type CatalogEntry } from './bootstrap.ts'
import { catalogRoutes } from './catalog/resources.ts'
import { ec2Routes } from './credentials/ec2-routes.ts'
import { credentialRoutes } from './credentials/routes.ts'
import { discoveryRoutes } from './discovery.ts'
import { DEFAULT_DOMAIN } from './domains/default-domain.ts'
import { domainConfigRoutes } from './domains/config-routes.ts'
import { domainRoutes } from './domains/routes.ts'
import { endpointFilterRoutes } from './endpoint-filter/routes.ts'
import type { IdentityFace, Project } from './face.ts'
import { identityFault } from './fault.ts'
import { federationRoutes } from './federation/resources.ts'
import { groupRoutes } from './groups/routes.ts'
import { limitRoutes } from './limits/routes.ts'
import { base } from './migrations/001-base.ts'
import { consumerRoutes } from './oauth1/consumers.ts'
import { oauthTokenRoutes } from './oauth1/token-routes.ts'
import { noPasswordRules, type Parts, type PasswordRules } from './parts.ts'
import { policyAssociationRoutes } from './policies/association-routes.ts'
import { policyRoutes } from './policies/resource.ts'
import { identityRules } from './policies/rules.ts'
import { projectRoutes } from './projects/routes.ts'
import { findProject, findProjectByName, type ProjectRecord } from './projects/store.ts'
import { projectTagRoutes } from './projects/tag-routes.ts'
import { impliedRoleRoutes } from './roles/implied-routes.ts'
import { roleRoutes } from './roles/routes.ts'
import { KeyFolder } from '../../kernel/secrets/key-folder.ts'
import { Revocations } from './tokens/revocations.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { Tokens } from './tokens/tokens.ts'
import { whoIn } from './tokens/who-in.ts'
import { trustRoutes } from './trusts/routes.ts'
import { forgetTrusts } from './trusts/store.ts'
import { userRoutes } from './users/routes.ts'
import { findUser } from './users/store.ts'

export type { BootstrapSettings, BootstrapUser, CatalogEntry } from './bootstrap.ts'

export interface IdentityDeps {
  readonly region: string
  readonly tokenHours: number
  /** In the data folder; keys of tokens and of credentials lie in it, mode 0700. */
  readonly keyFolder: string
  /** Services to register at the first start. */
  readonly catalog: readonly CatalogEntry[]
  readonly passwordRules?: Partial<PasswordRules>
}

export interface Identity {
  readonly definition: ServiceDefinition
  readonly face: IdentityFace
  /** Reads what must be in memory before the first token is checked: at every start. */
  start(ctx: Ctx): Promise<void>
  /** Domain, projects, roles, users and catalog of a new cloud. */
  bootstrap(ctx: Ctx, settings: BootstrapSettings): Promise<void>
}

const KEY_LIFE_MS = 30 * 24 * 3_600_000

/**
 * identity (Keystone v3): users, groups, projects, domains, roles, tokens and the catalog. Owns the tables identity_* and
 * asks no other service. Tokens are encrypted and say all that a request needs; revocations are mirrored in memory, so that
 * `authenticate` reads no database.
 */
export function createIdentity(deps: IdentityDeps): Identity {
  const parts = partsOf(deps)
  return {
    definition: {
      name: 'identity',
      mount: '/identity',
      policies: identityRules,
      migrations: [base],
      reconcilers: [housekeeping(parts)],
      fault: identityFault,
      routes: routesOf(parts),
    },
    face: faceOf(parts),
    start: async (ctx) => await parts.revocations.refresh(ctx),
    bootstrap: async (ctx, settings) =>
      await bootstrapIdentity(ctx, settings, deps.region, deps.catalog),
  }
}

function partsOf(deps: IdentityDeps): Parts {
  const tokenMs = deps.tokenHours * 3_600_000
  const tokenKeys = new KeyFolder(join(deps.keyFolder, 'tokens'))
  const revocations = new Revocations(tokenMs)
  return {
    tokens: new Tokens({ keys: tokenKeys, revocations }),
    revocations,
    tokenKeys,
    tokenMs,
    // keys of credentials never leave: what was encrypted with them stays
    credentialKeys: new KeyFolder(join(deps.keyFolder, 'credentials'), Number.MAX_SAFE_INTEGER),
    passwordRules: { ...noPasswordRules, ...deps.passwordRules },
  }
}

function routesOf(parts: Parts): readonly Route[] {
  return [
    ...discoveryRoutes,
    ...tokenRoutes(parts),
    ...userRoutes(parts),
    ...groupRoutes(parts),
    ...projectRoutes(parts),
    ...projectTagRoutes,
    ...domainRoutes(parts),
    ...roleRoutes(parts),
    ...impliedRoleRoutes(parts),
    ...grantRoutes(parts),
    ...assignmentListRoutes,
    ...catalogRoutes,
    ...applicationCredentialRoutes(parts),
    ...accessRuleRoutes,
    ...credentialRoutes(parts),
    ...ec2Routes(parts),
    ...trustRoutes(parts),
    ...domainConfigRoutes(parts),
    ...policyRoutes,
    ...policyAssociationRoutes,
    ...endpointFilterRoutes,
    ...federationRoutes,
    ...consumerRoutes,
    ...oauthTokenRoutes(parts),
    ...limitRoutes,
  ]
}

function faceOf(parts: Parts): IdentityFace {
  const project = (record: ProjectRecord | undefined): Project | undefined =>
    record === undefined || record.isDomain
      ? undefined
      : { id: record.id, name: record.name, domainId: record.domainId, enabled: record.enabled }
  return {
    authenticate: async (ctx, token) => await parts.tokens.authenticate(ctx, token),
    whoIn,
    findProject: async (ctx, id) => project(await findProject(ctx, id)),
    findProjectByName: async (ctx, name) =>
      project(await findProjectByName(ctx, DEFAULT_DOMAIN, name)),
    findUser: async (ctx, id) => {
      const user = await findUser(ctx, id)
      return user === undefined ? undefined : { id: user.id, name: user.name }
    },
  }
}

/** Once an hour: rotates keys that are old, forgets revocations and trusts that matter no more. */
function housekeeping(parts: Parts): Reconciler {
  return {
    kind: 'identity.housekeeping',
    sweep: { everyMs: 3_600_000, keys: async () => await Promise.resolve(['all']) },
    async reconcile(ctx) {
      if (parts.tokenKeys.primaryAgeMs(ctx.now().getTime()) > KEY_LIFE_MS) parts.tokenKeys.rotate()
      await parts.revocations.prune(ctx)
      await forgetTrusts(ctx, new Date(ctx.now().getTime() - KEY_LIFE_MS).toISOString())
      return done
    },
  }
}
