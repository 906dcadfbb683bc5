import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { mustStayUsable } from '../rbac-policies/in-use.ts'
import { deleteSharesOf, setShared } from '../rbac-policies/store.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, given, isTrue, standardView, type View } from '../standard/schema.ts'
import { changeRow, tagsOf } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { ruleView } from './rule-types.ts'
import {
  NewPolicy,
  PolicyChange,
  type NewPolicyWish,
  type PolicyChangeWish,
  type PolicyRow,
} from './schema.ts'
import {
  defaultPolicyOf,
  deletePolicy,
  insertPolicy,
  policySpec,
  rulesOf,
  userOf,
} from './store.ts'

/** QoS policies: written by admins, used by the projects they are shared with. */
export function policyResource(): Resource {
  return resource<PolicyRow, typeof NewPolicy, typeof PolicyChange>({
    singular: 'policy',
    plural: 'policies',
    path: 'qos/policies',
    label: 'QoS policy',
    notFound: 'QosPolicyNotFound',
    spec: policySpec,
    taggable: true,
    openTags: true,
    tagPaths: ['policies'],
    adminWrites: true,
    createBody: NewPolicy,
    updateBody: PolicyChange,
    create: createPolicy,
    update: updatePolicy,
    remove: removePolicy,
    views: policyViews,
  })
}

const sharing = (id: string) => ({ type: 'qos_policy', id, action: 'access_as_shared' }) as const

async function createPolicy(tx: Ctx, wish: NewPolicyWish, projectId: string): Promise<string> {
  const id = randomUUID()
  const made = await insertPolicy(tx, {
    ...newRow(tx, id, projectId, wish),
    is_default: bit(wish.is_default, false),
  })
  if (!made) throw oneDefaultOnly(projectId)
  if (bit(wish.shared, false) === 1) await setShared(tx, sharing(id), projectId, true)
  return id
}

async function updatePolicy(tx: Ctx, row: PolicyRow, wish: PolicyChangeWish): Promise<void> {
  if (wish.shared !== undefined) {
    if (!isTrue(wish.shared)) await mustStayUsable(tx, sharing(row.id), '*')
    await setShared(tx, sharing(row.id), row.project_id, isTrue(wish.shared))
  }
  if (wish.is_default !== undefined && isTrue(wish.is_default) && row.is_default === 0) {
    if ((await defaultPolicyOf(tx, row.project_id)) !== undefined)
      throw oneDefaultOnly(row.project_id)
  }
  await changeRow(tx, policySpec, row.id, {
    name: wish.name,
    description: wish.description,
    is_default: given(wish.is_default, (on) => bit(on, false)),
  })
}

const oneDefaultOnly = (projectId: string): Error =>
  neutronError(
    'conflict',
    'QoSPolicyDefaultAlreadyExists',
    `A default QoS policy exists for project ${projectId}.`,
  )

async function removePolicy(tx: Ctx, row: PolicyRow): Promise<void> {
  const user = await userOf(tx, row.id)
  if (user !== undefined)
    throw neutronError(
      'conflict',
      'QosPolicyInUse',
      `QoS Policy ${row.id} is used by ${user.label} ${user.id}.`,
    )
  await deletePolicy(tx, row.id)
  await deleteSharesOf(tx, row.id)
}

async function policyViews(ctx: Ctx, rows: readonly PolicyRow[]): Promise<readonly View[]> {
  const rules = Map.groupBy(
    await rulesOf(
      ctx,
      rows.map(({ id }) => id),
    ),
    ({ policy_id }) => policy_id,
  )
  return rows.map((row) => ({
    ...standardView(row),
    shared: row.is_shared === 1,
    is_default: row.is_default === 1,
    rules: (rules.get(row.id) ?? []).map((rule) => ({
      ...ruleView(rule),
      type: rule.type,
      qos_policy_id: row.id,
    })),
    tags: tagsOf(row),
  }))
}
