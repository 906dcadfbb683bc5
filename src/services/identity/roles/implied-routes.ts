import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded } from '../guarded.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { revocationOf } from '../tokens/revocations.ts'
import { IdParams } from '../wire.ts'
import { closesCircle } from './implied.ts'
import {
  addImplication,
  allImplications,
  allRoles,
  getRole,
  removeImplication,
  type RoleRecord,
} from './store.ts'

const Pair = Type.Object({ id: Type.String(), implied_id: Type.String() })
const PATH = '/v3/roles/:id/implies/:implied_id'

/** Who has the prior role has the implied one too. */
export function impliedRoleRoutes(parts: Parts): readonly Route[] {
  return [...rulesOfRole, ...ofOneRule(parts), everyRule]
}

/** The rules of one prior role: the list, and a new one. */
const rulesOfRole: readonly Route[] = [
  guarded({
    method: 'GET',
    path: '/v3/roles/:id/implies',
    policy: 'identity:list_implied_roles',
    params: IdParams,
    handle: async (ctx, req) => {
      const prior = await getRole(ctx, req.params.id)
      return {
        role_inference: await inferenceView(ctx, req, prior),
        links: { self: req.serviceUrl + req.url, next: null, previous: null },
      }
    },
  }),
  guarded({
    method: 'PUT',
    path: PATH,
    policy: 'identity:create_implied_role',
    params: Pair,
    status: 201,
    handle: async (ctx, req) => {
      const [prior, implied] = [
        await getRole(ctx, req.params.id),
        await getRole(ctx, req.params.implied_id),
      ]
      await create(ctx, prior, implied)
      return ruleView(req, prior, implied)
    },
  }),
]

/** A rule by its two roles. */
function ofOneRule(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'HEAD',
      path: PATH,
      policy: 'identity:check_implied_role',
      params: Pair,
      status: 204,
      handle: async (ctx, { params }) => void (await mustImply(ctx, params)),
    }),
    guarded({
      method: 'GET',
      path: PATH,
      policy: 'identity:get_implied_role',
      params: Pair,
      handle: async (ctx, req) => {
        const [prior, implied] = await mustImply(ctx, req.params)
        return ruleView(req, prior, implied)
      },
    }),
    guarded({
      method: 'DELETE',
      path: PATH,
      policy: 'identity:delete_implied_role',
      params: Pair,
      handle: async (ctx, { params }) => {
        await mustImply(ctx, params)
        // tokens say which roles they have: those that had it by this rule are told by its prior role
        await inTx(ctx, async (tx) => {
          await removeImplication(tx, params.id, params.implied_id)
          await parts.revocations.add(tx, [revocationOf.role(params.id)])
        })
      },
    }),
  ]
}

const everyRule: Route = guarded({
  method: 'GET',
  path: '/v3/role_inferences',
  policy: 'identity:list_role_inference_rules',
  handle: async (ctx, req) => {
    const [rules, roles] = [await allImplications(ctx), await allRoles(ctx)]
    const priors = [...new Set(rules.map((rule) => rule.prior_id))].flatMap(
      (id) => roles.get(id) ?? [],
    )
    return {
      role_inferences: await Promise.all(
        priors.map(async (prior) => await inferenceView(ctx, req, prior)),
      ),
      links: { self: req.serviceUrl + req.url, next: null, previous: null },
    }
  },
})

async function create(ctx: Ctx, prior: RoleRecord, implied: RoleRecord): Promise<void> {
  if (implied.name === 'admin' && implied.domainId === null)
    throw cloudError('forbidden', 'The role admin cannot be implied by another role.')
  if (implied.domainId !== null && prior.domainId === null)
    throw cloudError(
      'forbidden',
      'A role of a domain cannot be implied by a role of the whole cloud.',
    )
  if (closesCircle(prior.id, implied.id, await allImplications(ctx)))
    throw cloudError(
      'badRequest',
      `Role ${prior.name} cannot imply ${implied.name}: the rules would go in a circle.`,
    )
  await addImplication(ctx, prior.id, implied.id)
}

async function mustImply(
  ctx: Ctx,
  { id, implied_id }: { readonly id: string; readonly implied_id: string },
): Promise<readonly [RoleRecord, RoleRecord]> {
  const [prior, implied] = [await getRole(ctx, id), await getRole(ctx, implied_id)]
  const rules = await allImplications(ctx)
  if (!rules.some((rule) => rule.prior_id === id && rule.implied_id === implied_id))
    throw notFound('implied role', `${id} implies ${implied_id}`)
  return [prior, implied]
}

const brief = (req: Req, role: RoleRecord): Record<string, unknown> => ({
  id: role.id,
  name: role.name,
  description: role.description,
  links: { self: `${req.serviceUrl}/v3/roles/${role.id}` },
})

const ruleView = (req: Req, prior: RoleRecord, implied: RoleRecord): Record<string, unknown> => ({
  role_inference: { prior_role: brief(req, prior), implies: brief(req, implied) },
  links: { self: req.serviceUrl + req.url },
})

async function inferenceView(
  ctx: Ctx,
  req: Req,
  prior: RoleRecord,
): Promise<Record<string, unknown>> {
  const [rules, roles] = [await allImplications(ctx), await allRoles(ctx)]
  const implied = rules
    .filter((rule) => rule.prior_id === prior.id)
    .flatMap((rule) => roles.get(rule.implied_id) ?? [])
  return { prior_role: brief(req, prior), implies: implied.map((role) => brief(req, role)) }
}
