import { Type, type Static } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { rolesOnProject } from '../assignments/effective.ts'
import { allow, guarded, type Target } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { getProject } from '../projects/store.ts'
import { roleView } from '../roles/view.ts'
import { allRoles, type RoleRecord } from '../roles/store.ts'
import { expiryMs, expiryOf } from '../time-text.ts'
import { revocationOf } from '../tokens/revocations.ts'
import { getUser } from '../users/store.ts'
import { extraOf, IdParams, IdText, openBody } from '../wire.ts'
import { findTrust, insertTrust, listTrusts, removeTrusts, type TrustRecord } from './store.ts'

const MAX_REDELEGATION = 3
const known = [
  'trustor_user_id',
  'trustee_user_id',
  'project_id',
  'impersonation',
  'expires_at',
  'remaining_uses',
  'redelegation_count',
  'allow_redelegation',
  'roles',
  'deleted_at',
  'redelegated_trust_id',
] as const

const Create = openBody('trust', {
  trustor_user_id: IdText,
  trustee_user_id: IdText,
  impersonation: Type.Boolean(),
  project_id: Type.Optional(Type.Union([IdText, Type.Null()])),
  expires_at: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
  remaining_uses: Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: 2_000_000_000 }), Type.Null()]),
  ),
  redelegation_count: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: 1000 }), Type.Null()]),
  ),
  allow_redelegation: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  roles: Type.Optional(
    Type.Array(
      Type.Object(
        { id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) },
        { minProperties: 1 },
      ),
      { maxItems: 100 },
    ),
  ),
})
type Wish = Static<typeof Create>['trust']

const targetOf = (trust: TrustRecord): Target => ({
  'target.trust.trustor_user_id': trust.trustorUserId,
  'target.trust.trustee_user_id': trust.trusteeUserId,
})
// here the 404 comes first, as in Keystone: the trustor must be told that his trust is gone
const trustTarget = async (
  ctx: Ctx,
  { params }: { readonly params: { readonly id: string } },
): Promise<Target> => targetOf(await getTrust(ctx, params.id))

/** OS-TRUST: one user lets another act for him on a project (how Heat and Magnum work while nobody is logged in). */
export function trustRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes(parts), ...ofOneTrust(parts), ...rolesOfTrust]
}

/** A new trust, and the list. */
function collectionRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: '/v3/OS-TRUST/trusts',
      policy: 'identity:create_trust',
      body: Create,
      status: 201,
      target: async (_ctx, { body }) =>
        await Promise.resolve({ 'target.trust.trustor_user_id': body.trust.trustor_user_id }),
      handle: async (ctx, req) => ({
        trust: await fullView(ctx, req, await create(ctx, parts, req.body.trust)),
      }),
    }),
    guarded({
      method: 'GET',
      path: '/v3/OS-TRUST/trusts',
      policy: 'identity:list_trusts',
      check: checkList,
      handle: async (ctx, req) => {
        const [trustor, trustee] = [
          req.rawQuery.get('trustor_user_id'),
          req.rawQuery.get('trustee_user_id'),
        ]
        const trusts = await listTrusts(ctx, {
          ...(trustor === null ? {} : { trustor }),
          ...(trustee === null ? {} : { trustee }),
        })
        return listBody(
          req,
          'trusts',
          trusts.filter((trust) => isAlive(ctx, trust)).map((trust) => view(req, trust)),
          10_000,
        )
      },
    }),
  ]
}

/** A trust by its id; it is never changed. */
function ofOneTrust(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: '/v3/OS-TRUST/trusts/:id',
      policy: 'identity:get_trust',
      params: IdParams,
      target: trustTarget,
      handle: async (ctx, req) => ({
        trust: await fullView(ctx, req, await getTrust(ctx, req.params.id)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/OS-TRUST/trusts/:id',
      policy: 'identity:delete_trust',
      params: IdParams,
      target: trustTarget,
      handle: async (ctx, { params }) => {
        const trust = await getTrust(ctx, params.id)
        await inTx(
          ctx,
          async (tx) =>
            await parts.revocations.add(
              tx,
              (await removeTrusts(tx, { id: trust.id })).map(revocationOf.trust),
            ),
        )
      },
    }),
  ]
}

/** The roles that are handed on. */
const rolesOfTrust: readonly Route[] = [
  guarded({
    method: 'GET',
    path: '/v3/OS-TRUST/trusts/:id/roles',
    policy: 'identity:list_roles_for_trust',
    params: IdParams,
    target: trustTarget,
    handle: async (ctx, req) =>
      listBody(
        req,
        'roles',
        (await rolesOf(ctx, await getTrust(ctx, req.params.id))).map((role) => roleView(req, role)),
        10_000,
      ),
  }),
  guarded({
    method: 'GET',
    path: '/v3/OS-TRUST/trusts/:id/roles/:role_id',
    policy: 'identity:get_role_for_trust',
    params: Type.Object({ id: Type.String(), role_id: Type.String() }),
    target: trustTarget,
    handle: async (ctx, req) => {
      const role = (await rolesOf(ctx, await getTrust(ctx, req.params.id))).find(
        (one) => one.id === req.params.role_id,
      )
      if (role === undefined) throw notFound('role', req.params.role_id)
      return { role: roleView(req, role) }
    },
  }),
]

/** A trustor or trustee may list his own; the general rule is for those who may see all. */
async function checkList(ctx: Ctx, req: Req): Promise<void> {
  const [trustor, trustee] = [
    req.rawQuery.get('trustor_user_id'),
    req.rawQuery.get('trustee_user_id'),
  ]
  if (trustor === null && trustee === null) allow(ctx, 'identity:list_trusts', {})
  if (trustor !== null)
    allow(ctx, 'identity:list_trusts_for_trustor', { 'target.trust.trustor_user_id': trustor })
  if (trustee !== null)
    allow(ctx, 'identity:list_trusts_for_trustee', { 'target.trust.trustee_user_id': trustee })
  await Promise.resolve()
}

const isAlive = (ctx: Ctx, trust: TrustRecord): boolean =>
  (trust.expiresAt === null || expiryMs(trust.expiresAt) > ctx.now().getTime()) &&
  (trust.remainingUses === null || trust.remainingUses > 0)

async function getTrust(ctx: Ctx, id: string): Promise<TrustRecord> {
  const trust = await findTrust(ctx, id)
  if (trust === undefined || !isAlive(ctx, trust)) throw notFound('trust', id)
  return trust
}

async function create(ctx: Ctx, parts: Parts, wish: Wish): Promise<TrustRecord> {
  const token = parts.tokens.payloadOfWho(whoOf(ctx))
  if (token?.applicationCredential?.restricted === true)
    throw cloudError('forbidden', 'A restricted application credential cannot create trusts.')
  await getUser(ctx, wish.trustee_user_id)
  const projectId = wish.project_id ?? null
  if (projectId === null)
    throw cloudError('badRequest', 'A trust needs the project_id on which it holds.')
  const roleIds = await rolesOfWish(ctx, wish, projectId)
  const parent =
    token?.trust === undefined ? undefined : await redelegable(ctx, token.trust.id, wish, roleIds)
  const trust: TrustRecord = {
    id: newId(),
    trustorUserId: wish.trustor_user_id,
    trusteeUserId: wish.trustee_user_id,
    projectId,
    impersonation: wish.impersonation,
    expiresAt: expiryOf(ctx, wish.expires_at ?? parent?.expiresAt),
    remainingUses: wish.remaining_uses ?? null,
    redelegationCount: parent === undefined ? redelegationOf(wish) : parent.redelegationCount - 1,
    allowRedelegation: wish.allow_redelegation ?? false,
    redelegatedTrustId: parent?.id ?? null,
    roleIds,
    deletedAt: null,
    extra: extraOf(wish, known),
  }
  await insertTrust(ctx, trust)
  return trust
}

function redelegationOf(wish: Wish): number {
  const count = wish.redelegation_count ?? (wish.allow_redelegation === true ? MAX_REDELEGATION : 0)
  if (count > MAX_REDELEGATION)
    throw cloudError('forbidden', `redelegation_count must be at most ${MAX_REDELEGATION}.`)
  if (wish.allow_redelegation === true && wish.remaining_uses != null)
    throw cloudError('badRequest', 'remaining_uses cannot be set together with allow_redelegation.')
  return count
}

/** The roles handed on, by id or name: the trustor must have each on the project. */
async function rolesOfWish(ctx: Ctx, wish: Wish, projectId: string): Promise<string[]> {
  if (wish.roles === undefined || wish.roles.length === 0)
    throw cloudError('forbidden', 'At least one role should be specified.')
  const project = await getProject(ctx, projectId)
  const held = await rolesOnProject(ctx, wish.trustor_user_id, project)
  const known = [...(await allRoles(ctx)).values()]
  return wish.roles.map(({ id, name }) => {
    const named = (role: RoleRecord): boolean =>
      id === undefined ? role.name === name && role.domainId === null : role.id === id
    const role = known.find(named)
    if (role === undefined) throw notFound('role', id ?? name ?? '')
    if (!held.some((mine) => mine.id === role.id))
      throw cloudError(
        'forbidden',
        `The trustor has no role ${role.name} on project ${project.id}: it cannot be handed on.`,
      )
    return role.id
  })
}

async function redelegable(
  ctx: Ctx,
  id: string,
  wish: Wish,
  roleIds: readonly string[],
): Promise<TrustRecord> {
  const parent = await getTrust(ctx, id)
  if (!parent.allowRedelegation || parent.redelegationCount < 1)
    throw cloudError('forbidden', 'The trust of this token does not allow redelegation.')
  if (roleIds.some((role) => !parent.roleIds.includes(role)))
    throw cloudError('forbidden', 'Some of the roles are not in the trust of this token.')
  if (wish.impersonation && !parent.impersonation)
    throw cloudError('forbidden', 'Impersonation is not in the trust of this token.')
  if (
    parent.expiresAt !== null &&
    wish.expires_at != null &&
    (expiryOf(ctx, wish.expires_at) ?? '') > parent.expiresAt
  ) {
    throw cloudError('forbidden', 'The trust would outlive the trust of this token.')
  }
  return parent
}

async function rolesOf(ctx: Ctx, trust: TrustRecord): Promise<RoleRecord[]> {
  const roles = await allRoles(ctx)
  return trust.roleIds.flatMap((id) => roles.get(id) ?? [])
}

function view(req: Req, trust: TrustRecord): Record<string, unknown> & { id: string } {
  const expires = trust.expiresAt === null ? null : `${trust.expiresAt}Z`
  return {
    ...trust.extra,
    id: trust.id,
    trustor_user_id: trust.trustorUserId,
    trustee_user_id: trust.trusteeUserId,
    project_id: trust.projectId,
    impersonation: trust.impersonation,
    expires_at: expires,
    remaining_uses: trust.remainingUses,
    deleted_at: null,
    redelegation_count: trust.redelegationCount,
    ...(trust.redelegatedTrustId === null
      ? {}
      : { redelegated_trust_id: trust.redelegatedTrustId }),
    links: { self: `${req.serviceUrl}/v3/OS-TRUST/trusts/${trust.id}` },
  }
}

async function fullView(ctx: Ctx, req: Req, trust: TrustRecord): Promise<Record<string, unknown>> {
  const roles = await rolesOf(ctx, trust)
  return {
    ...view(req, trust),
    roles: roles.map((role) => roleView(req, role)),
    roles_links: {
      next: null,
      previous: null,
      self: `${req.serviceUrl}/v3/OS-TRUST/trusts/${trust.id}/roles`,
    },
  }
}
