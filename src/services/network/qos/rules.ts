import { randomUUID } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { listQuery, pick } from '../standard/query.ts'
import type { View } from '../standard/schema.ts'
import { listRows, lockRow } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { mustSuitPorts } from './choose.ts'
import { policyChanged } from './effects.ts'
import { columnsOf, ruleBodies, ruleTypeNames, ruleView } from './rule-types.ts'
import type { RuleRow, RuleTable, RuleType } from './schema.ts'
import {
  getPolicy,
  getRule,
  insertRule,
  policySpec,
  deleteRule,
  rulesOf,
  ruleSpec,
  updateRule,
} from './store.ts'

/** Rules of a policy, found below it and, by their id alone, under an alias. */
export function ruleRoutes(): Route[] {
  return ruleTypeNames.flatMap((type) => [
    ...collectionRoutes(type),
    ...memberRoutes(type, `/v2.0/qos/policies/:policy/${type}_rules/:id`, `${type}_rule`),
    ...memberRoutes(type, `/v2.0/qos/alias_${type}_rules/:id`, `alias_${type}_rule`),
  ])
}

export const rulePolicies: Readonly<Record<string, string>> = Object.fromEntries(
  ruleTypeNames.flatMap((type) => [
    [`network:get_policy_${type}_rule`, 'rule:project-reader'],
    ...['create', 'update', 'delete'].map((verb) => [
      `network:${verb}_policy_${type}_rule`,
      'rule:admin',
    ]),
  ]),
)

/** Asked after the policy was found to be visible: 404 goes before 403. */
function mayWrite(ctx: Ctx, verb: string, type: RuleType): void {
  const rule = `${verb}_policy_${type}_rule`
  if (can(ctx, `network:${rule}`)) return
  throw neutronError('forbidden', 'PolicyNotAuthorized', `(rule:${rule}) is disallowed by policy`)
}

function collectionRoutes(type: RuleType): Route[] {
  const path = `/v2.0/qos/policies/:policy/${type}_rules`
  const policy = `network:get_policy_${type}_rule`
  const key = `${type}_rule`
  return [
    route({
      method: 'GET',
      path,
      policy,
      handle: async (ctx, req) => ({ [`${key}s`]: await list(ctx, type, req) }),
    }),
    route({
      method: 'POST',
      path,
      policy: `network:create_policy_${type}_rule`,
      status: 201,
      body: bodyOf(key, ruleBodies(type).create),
      handle: async (ctx, req) => ({
        [key]: await inTx(
          ctx,
          async (tx) => await create(tx, type, named(req, 'policy'), wishOf(req, key)),
        ),
      }),
    }),
  ]
}

function memberRoutes(type: RuleType, path: string, key: string): Route[] {
  const policy = `network:get_policy_${type}_rule`
  return [
    route({
      method: 'GET',
      path,
      policy,
      handle: async (ctx, req) => ({
        [key]: pick(ruleView(await find(ctx, type, req)), req.rawQuery.getAll('fields')),
      }),
    }),
    route({
      method: 'PUT',
      path,
      policy: `network:update_policy_${type}_rule`,
      policyAskedByHandler: true,
      body: bodyOf(key, ruleBodies(type).change),
      handle: async (ctx, req) => ({
        [key]: await inTx(
          ctx,
          async (tx) => await update(tx, await find(tx, type, req), wishOf(req, key)),
        ),
      }),
    }),
    route({
      method: 'DELETE',
      path,
      policy: `network:delete_policy_${type}_rule`,
      policyAskedByHandler: true,
      handle: async (ctx, req) => {
        await inTx(ctx, async (tx) => await remove(tx, await find(tx, type, req)))
        return reply(204)
      },
    }),
  ]
}

const bodyOf = (key: string, attributes: ReturnType<typeof ruleBodies>['create']) =>
  Type.Object(
    { [key]: Type.Object(attributes, { additionalProperties: false }) },
    { additionalProperties: false },
  )

const wishOf = (req: Req, key: string): Readonly<Record<string, unknown>> =>
  (req.body as Readonly<Record<string, Record<string, unknown>>>)[key] ?? {} // the schema demands it

const named = (req: Req, name: string): string =>
  (req.params as Readonly<Record<string, string>>)[name] ?? '' // named in the path

/** By its policy, or under the alias by itself; who may not see the policy does not see the rule. */
async function find(ctx: Ctx, type: RuleType, req: Req): Promise<RuleRow> {
  const policyId = named(req, 'policy')
  if (policyId !== '')
    return await getRule(ctx, type, named(req, 'id'), (await getPolicy(ctx, policyId)).id)
  const rule = await getRule(ctx, type, named(req, 'id'))
  await getPolicy(ctx, rule.policy_id)
  return rule
}

async function list(ctx: Ctx, type: RuleType, req: Req): Promise<View[]> {
  const policy = await getPolicy(ctx, named(req, 'policy'))
  const query = listQuery(req.rawQuery, ruleSpec)
  const filters = new Map([...query.filters, ['policy_id', [policy.id]], ['type', [type]]])
  const rows = await listRows<RuleRow>(ctx, ruleSpec, { ...query, filters })
  return rows.map((row) => pick(ruleView(row), query.fields))
}

async function create(
  tx: Ctx,
  type: RuleType,
  policyId: string,
  wish: Readonly<Record<string, unknown>>,
): Promise<View> {
  const policy = await getPolicy(tx, policyId)
  const row: RuleTable = {
    ...newRow(tx, randomUUID(), policy.project_id, {}),
    policy_id: policy.id,
    type,
    ...columnsOf(type, wish),
  }
  await mustAgree(tx, row)
  await insertRule(tx, row)
  await mustSuitPorts(tx, policy.id)
  await policyChanged(tx, policy.id)
  return ruleView(row)
}

async function update(
  tx: Ctx,
  had: RuleRow,
  wish: Readonly<Record<string, unknown>>,
): Promise<View> {
  mayWrite(tx, 'update', had.type)
  const changes = columnsOf(had.type, wish, had)
  await mustAgree(tx, { ...had, ...changes })
  await updateRule(tx, had.id, changes)
  await policyChanged(tx, had.policy_id)
  return ruleView({ ...had, ...changes })
}

async function remove(tx: Ctx, row: RuleRow): Promise<void> {
  mayWrite(tx, 'delete', row.type)
  await deleteRule(tx, row.id)
  await policyChanged(tx, row.policy_id)
}

/** One rule of a type and direction, and no minimum above the limit. */
async function mustAgree(tx: Ctx, rule: RuleTable): Promise<void> {
  await lockRow(tx, policySpec, rule.policy_id)
  const others = (await rulesOf(tx, [rule.policy_id])).filter(({ id }) => id !== rule.id)
  const twin = others.find((other) => other.type === rule.type && sameWay(other, rule))
  if (twin !== undefined)
    throw neutronError(
      'conflict',
      'QoSRulesConflict',
      `Rule ${rule.type} conflicts with rule ${twin.id} which already exists in QoS Policy ${rule.policy_id}.`,
    )
  const opposite = others.find((other) => contradicts(rule, other))
  if (opposite !== undefined)
    throw neutronError(
      'conflict',
      'QoSRuleParameterConflict',
      `Unable to add the rule with value ${rule.rate} to the policy ${rule.policy_id} as the existing rule of type ${opposite.type} has value ${opposite.rate}.`,
    )
}

const sameWay = (a: RuleTable, b: RuleTable): boolean =>
  a.direction === b.direction || a.direction === 'any' || b.direction === 'any'

function contradicts(a: RuleTable, b: RuleTable): boolean {
  const [limit, minimum] = a.type === 'bandwidth_limit' ? [a, b] : [b, a]
  return (
    limit.type === 'bandwidth_limit' &&
    minimum.type === 'minimum_bandwidth' &&
    limit.direction === minimum.direction &&
    (limit.rate ?? 0) > 0 &&
    (minimum.rate ?? 0) > (limit.rate ?? 0)
  )
}
