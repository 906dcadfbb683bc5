import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { Type } from '../../../kernel/schema/type.ts'
import { guarded, type Target } from '../guarded.ts'
import { listBody, listQuery, passes } from '../list-query.ts'
import { newOrderedId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import {
  findRecord,
  insertRecord,
  listRecords,
  removeRecord,
  type StoredRecord,
} from '../records/store.ts'
import type { AccessRule } from '../tokens/payload.ts'
import { listApplicationCredentials } from './store.ts'

/** Which requests an application credential may make. A user's rules are kept once and shared by his credentials. */

const ruleOf = ({ id, body }: StoredRecord): AccessRule => ({
  id,
  service: String(body['service']),
  method: String(body['method']),
  path: String(body['path']),
})

export async function accessRulesByIds(ctx: Ctx, ids: readonly string[]): Promise<AccessRule[]> {
  const rules = await Promise.all(ids.map(async (id) => await findRecord(ctx, 'access-rule', id)))
  return rules.flatMap((rule) => (rule === undefined ? [] : [ruleOf(rule)]))
}

export async function accessRulesOf(
  ctx: Ctx,
  userId: string,
): Promise<ReadonlyMap<string, AccessRule>> {
  return new Map(
    (await listRecords(ctx, 'access-rule', userId)).map((rule) => [rule.id, ruleOf(rule)]),
  )
}

/** Ids of the rules: those named by id must be the user's own, equal ones are found again, the others are made. */
export async function ensureAccessRules(
  ctx: Ctx,
  userId: string,
  wanted: readonly Partial<AccessRule>[],
): Promise<string[]> {
  const mine = [...(await accessRulesOf(ctx, userId)).values()]
  const ids: string[] = []
  for (const { id, service, method, path } of wanted) {
    if (id !== undefined) {
      if (!mine.some((rule) => rule.id === id)) throw notFound('access rule', id)
      ids.push(id)
      continue
    }
    if (service === undefined || method === undefined || path === undefined) {
      throw cloudError(
        'badRequest',
        'An access rule needs service, method and path, or the id of an existing one.',
      )
    }
    const same = mine.find(
      (rule) => rule.service === service && rule.method === method && rule.path === path,
    )
    const rule = same ?? { id: newOrderedId(), service, method, path }
    if (same === undefined) {
      const key = `${userId}|${service}|${method}|${path}`
      await insertRecord(
        ctx,
        'access-rule',
        { id: rule.id, owner: userId, uniqueKey: key, body: { service, method, path } },
        () =>
          cloudError('conflict', 'The access rule was just made by another request: try again.'),
      )
      mine.push(rule)
    }
    ids.push(rule.id)
  }
  return [...new Set(ids)]
}

const RuleParams = Type.Object({ user_id: Type.String(), id: Type.String() })
const ownerTarget = async (
  _ctx: Ctx,
  { params }: { readonly params: { readonly user_id: string } },
): Promise<Target> => await Promise.resolve({ 'target.user.id': params.user_id })

const view = (req: Req, userId: string, rule: AccessRule): Record<string, unknown> => ({
  ...rule,
  links: { self: `${req.serviceUrl}/v3/users/${userId}/access_rules/${rule.id}` },
})

export const accessRuleRoutes: readonly Route[] = [
  guarded({
    method: 'GET',
    path: '/v3/users/:user_id/access_rules',
    policy: 'identity:list_access_rules',
    params: Type.Object({ user_id: Type.String() }),
    target: ownerTarget,
    handle: async (ctx, req) => {
      const { filters, limit } = listQuery(req.rawQuery, ['service', 'method', 'path'])
      const rules = [...(await accessRulesOf(ctx, req.params.user_id)).values()].filter((rule) =>
        filters.every((filter) => passes(filter, rule[filter.column as 'service'])),
      ) // the columns named above
      return listBody(
        req,
        'access_rules',
        rules.map((rule) => ({ ...view(req, req.params.user_id, rule), id: rule.id })),
        limit,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/users/:user_id/access_rules/:id',
    policy: 'identity:get_access_rule',
    params: RuleParams,
    target: ownerTarget,
    handle: async (ctx, req) => ({
      access_rule: view(req, req.params.user_id, await mustFind(ctx, req.params)),
    }),
  }),
  guarded({
    method: 'DELETE',
    path: '/v3/users/:user_id/access_rules/:id',
    policy: 'identity:delete_access_rule',
    params: RuleParams,
    target: ownerTarget,
    handle: async (ctx, { params }) => {
      const rule = await mustFind(ctx, params)
      refuseRestricted(ctx)
      const used = (await listApplicationCredentials(ctx, params.user_id)).some(
        (credential) => credential.accessRuleIds?.includes(rule.id) === true,
      )
      if (used)
        throw cloudError(
          'forbidden',
          `Access rule ${rule.id} is in use by an application credential: delete that first.`,
        )
      await removeRecord(ctx, 'access-rule', rule.id)
    },
  }),
]

async function mustFind(
  ctx: Ctx,
  { user_id, id }: { readonly user_id: string; readonly id: string },
): Promise<AccessRule> {
  const rule = (await accessRulesOf(ctx, user_id)).get(id)
  if (rule === undefined) throw notFound('access rule', id)
  return rule
}

/** A credential that is limited to some requests must not widen itself. */
function refuseRestricted(ctx: Ctx): void {
  if (whoOf(ctx).applicationCredentialId !== undefined)
    throw cloudError('forbidden', 'An application credential cannot change access rules.')
}
