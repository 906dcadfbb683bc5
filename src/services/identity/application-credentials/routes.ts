import { randomBytes } from 'node:crypto'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded, type Target } from '../guarded.ts'
import { listBody, listQuery, passes } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { getProject } from '../projects/store.ts'
import { rolesOnProject } from '../assignments/effective.ts'
import { allRoles, type RoleRecord } from '../roles/store.ts'
import { expiryOf } from '../time-text.ts'
import { revocationOf } from '../tokens/revocations.ts'
import type { AccessRule } from '../tokens/payload.ts'
import { hashPassword } from '../users/passwords.ts'
import { closedBody, Description, Name } from '../wire.ts'
import { accessRulesOf, ensureAccessRules } from './access-rules.ts'
import {
  findApplicationCredential,
  insertApplicationCredential,
  listApplicationCredentials,
  removeApplicationCredentials,
  type ApplicationCredential,
} from './store.ts'

const RoleRef = Type.Object(
  {
    id: Type.Optional(Type.String({ maxLength: 64 })),
    name: Type.Optional(Type.String({ maxLength: 255 })),
  },
  { minProperties: 1, maxProperties: 1, additionalProperties: false },
)
const AccessRuleBody = Type.Object(
  {
    id: Type.Optional(Type.String({ maxLength: 64 })),
    service: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    method: Type.Optional(Type.String({ pattern: '^(HEAD|GET|POST|PUT|PATCH|DELETE)$' })),
    path: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^/' })),
  },
  { additionalProperties: false },
)

const Create = closedBody('application_credential', {
  name: Name,
  description: Type.Optional(Description),
  secret: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 4096 }), Type.Null()])),
  expires_at: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
  roles: Type.Optional(Type.Array(RoleRef, { minItems: 1, maxItems: 100 })),
  unrestricted: Type.Optional(Type.Boolean()),
  access_rules: Type.Optional(Type.Array(AccessRuleBody, { minItems: 1, maxItems: 100 })),
})
type Wish = Static<typeof Create>['application_credential']

const Params = Type.Object({ user_id: Type.String(), id: Type.String() })
const PATH = '/v3/users/:user_id/application_credentials'
/** A path with the asker's id and another user's credential is not his: the owner that counts is the credential's. */
const credentialTarget = async (
  ctx: Ctx,
  { params }: { readonly params: { readonly user_id: string; readonly id: string } },
): Promise<Target> => {
  const credential = await findApplicationCredential(ctx, params.id)
  return { 'target.user.id': credential === undefined ? params.user_id : credential.userId }
}
const ownerTarget = async (
  _ctx: Ctx,
  { params }: { readonly params: { readonly user_id: string } },
): Promise<Target> => await Promise.resolve({ 'target.user.id': params.user_id })

/** Secrets by which programs act for a user, without his password and with no more rights than they need. */
export function applicationCredentialRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes(parts), ...ofOneCredential(parts)]
}

/** Those of one user: a new one, and the list. */
function collectionRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: PATH,
      policy: 'identity:create_application_credential',
      params: Type.Object({ user_id: Type.String() }),
      body: Create,
      status: 201,
      target: ownerTarget,
      handle: async (ctx, req) => {
        const { credential, secret } = await create(ctx, parts, req.body.application_credential)
        return { application_credential: { ...(await view(ctx, req, credential)), secret } }
      },
    }),
    guarded({
      method: 'GET',
      path: PATH,
      policy: 'identity:list_application_credentials',
      params: Type.Object({ user_id: Type.String() }),
      target: ownerTarget,
      handle: async (ctx, req) => {
        const { filters, limit } = listQuery(req.rawQuery, ['name'])
        const mine = (await listApplicationCredentials(ctx, req.params.user_id)).filter((one) =>
          filters.every((filter) => passes(filter, one.name)),
        )
        const [roles, rules] = [await allRoles(ctx), await accessRulesOf(ctx, req.params.user_id)]
        return listBody(
          req,
          'application_credentials',
          mine.map((one) => viewWith(req, one, roles, rules)),
          limit,
        )
      },
    }),
  ]
}

/** A credential by its id; it is never changed. */
function ofOneCredential(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: `${PATH}/:id`,
      policy: 'identity:get_application_credential',
      params: Params,
      target: credentialTarget,
      handle: async (ctx, req) => ({
        application_credential: await view(ctx, req, await mustFind(ctx, req.params)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: `${PATH}/:id`,
      policy: 'identity:delete_application_credential',
      params: Params,
      target: credentialTarget,
      handle: async (ctx, { params }) => {
        const { id } = await mustFind(ctx, params)
        refuseRestricted(ctx, parts)
        await inTx(ctx, async (tx) => {
          await removeApplicationCredentials(tx, { id })
          await parts.revocations.add(tx, [revocationOf.applicationCredential(id)])
        })
      },
    }),
  ]
}

async function create(
  ctx: Ctx,
  parts: Parts,
  wish: Wish,
): Promise<{ credential: ApplicationCredential; secret: string }> {
  const who = whoOf(ctx)
  refuseRestricted(ctx, parts)
  const delegated = parts.tokens.payloadOfWho(who)
  if ((delegated?.trust ?? delegated?.oauth) !== undefined)
    throw cloudError(
      'forbidden',
      'Application credentials cannot be made with a token of a trust or an OAuth access token.',
    )
  if (who.projectId === undefined)
    throw cloudError(
      'badRequest',
      'An application credential needs a token scoped to a project: authenticate again with a project.',
    )
  const secret = wish.secret ?? randomBytes(64).toString('base64url')
  const base = {
    id: newId(),
    userId: who.userId,
    projectId: who.projectId,
    name: wish.name,
    secretHash: await hashPassword(secret),
    unrestricted: wish.unrestricted ?? false,
    expiresAt: expiryOf(ctx, wish.expires_at),
    description: wish.description ?? null,
    roleIds: await rolesOfWish(ctx, who.projectId, wish.roles),
  }
  const credential = await inTx(ctx, async (tx) => {
    const accessRuleIds =
      wish.access_rules === undefined
        ? null
        : await ensureAccessRules(tx, who.userId, wish.access_rules)
    await insertApplicationCredential(tx, { ...base, accessRuleIds })
    return { ...base, accessRuleIds }
  })
  return { credential, secret }
}

/**
 * The roles handed on: by default those of the token, else any that the user has on the project now. A login by another
 * application credential hands on no more than it has.
 */
async function rolesOfWish(ctx: Ctx, projectId: string, wanted: Wish['roles']): Promise<string[]> {
  const who = whoOf(ctx)
  if (wanted === undefined) return [...who.roleIds]
  const held = await rolesOnProject(ctx, who.userId, await getProject(ctx, projectId))
  const mine =
    who.applicationCredentialId === undefined
      ? held
      : held.filter((role) => who.roleIds.includes(role.id))
  return wanted.map(({ id, name }) => {
    const found = mine.find((role) => (id === undefined ? role.name === name : role.id === id))?.id
    if (found === undefined)
      throw cloudError(
        'badRequest',
        `Could not find role assignment with role: ${(id ?? name ?? '').slice(0, 255)}, user: ${who.userId} and the project of the token.`,
      )
    return found
  })
}

/** A restricted credential cannot make others: a leaked one could live for ever. */
function refuseRestricted(ctx: Ctx, parts: Parts): void {
  if (parts.tokens.payloadOfWho(whoOf(ctx))?.applicationCredential?.restricted === true) {
    throw cloudError(
      'forbidden',
      'A restricted application credential cannot create or delete application credentials.',
    )
  }
}

async function mustFind(
  ctx: Ctx,
  { user_id, id }: { readonly user_id: string; readonly id: string },
): Promise<ApplicationCredential> {
  const credential = await findApplicationCredential(ctx, id)
  if (credential === undefined || credential.userId !== user_id)
    throw notFound('application credential', id)
  return credential
}

async function view(
  ctx: Ctx,
  req: Req,
  credential: ApplicationCredential,
): Promise<Record<string, unknown> & { id: string }> {
  return viewWith(req, credential, await allRoles(ctx), await accessRulesOf(ctx, credential.userId))
}

function viewWith(
  req: Req,
  one: ApplicationCredential,
  roles: ReadonlyMap<string, RoleRecord>,
  rules: ReadonlyMap<string, AccessRule>,
): Record<string, unknown> & { id: string } {
  return {
    id: one.id,
    name: one.name,
    description: one.description,
    project_id: one.projectId,
    user_id: one.userId,
    unrestricted: one.unrestricted,
    expires_at: one.expiresAt,
    roles: one.roleIds.flatMap((id) => {
      const role = roles.get(id)
      return role === undefined ? [] : [{ id, name: role.name, domain_id: role.domainId }]
    }),
    ...(one.accessRuleIds === null
      ? {}
      : { access_rules: one.accessRuleIds.flatMap((id) => rules.get(id) ?? []) }),
    links: { self: `${req.serviceUrl}/v3/users/${one.userId}/application_credentials/${one.id}` },
  }
}
