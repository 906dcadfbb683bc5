import { Type, type Static } from '../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { badRequest, neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { networkSpec } from '../networks/store.ts'
import { mustFit } from '../quotas/store.ts'
import { askingProject, seesAll } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { Id, Text, type StandardRow } from '../standard/schema.ts'
import { changeRow } from '../standard/store.ts'
import type { RbacTable } from '../tables.ts'
import { mustStayUsable } from './in-use.ts'
import {
  deleteShare,
  insertShare,
  ownerOfObject,
  rbacSpec,
  scopeOfPool,
  sharesOf,
  touchObject,
  type Share,
} from './store.ts'

type RbacRow = RbacTable & StandardRow

const Target = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' })
const NewPolicy = Type.Object(
  {
    object_type: Type.Union([
      Type.Literal('network'),
      Type.Literal('subnetpool'),
      Type.Literal('address_scope'),
      Type.Literal('security_group'),
      Type.Literal('qos_policy'),
      Type.Literal('address_group'),
    ]),
    object_id: Id,
    action: Type.Union([Type.Literal('access_as_shared'), Type.Literal('access_as_external')]),
    target_tenant: Type.Optional(Target),
    target_project: Type.Optional(Target),
    project_id: Type.Optional(Text()),
    tenant_id: Type.Optional(Text()),
  },
  { additionalProperties: false },
)
const PolicyChange = Type.Object(
  { target_tenant: Type.Optional(Target), target_project: Type.Optional(Target) },
  { additionalProperties: false },
)

/** RBAC policies: which projects may use an object of another. */
export function rbacResource(): Resource {
  return resource<RbacRow, typeof NewPolicy, typeof PolicyChange>({
    singular: 'rbac_policy',
    plural: 'rbac_policies',
    path: 'rbac-policies',
    label: 'RBAC policy',
    notFound: 'RbacPolicyNotFound',
    spec: rbacSpec,
    createBody: NewPolicy,
    updateBody: PolicyChange,
    create: createPolicy,
    update: updatePolicy,
    remove: removePolicy,
    views: async (_ctx, rows) =>
      await Promise.resolve(
        rows.map((row) => ({
          id: row.id,
          project_id: row.project_id,
          tenant_id: row.project_id,
          object_type: row.object_type,
          object_id: row.object_id,
          action: row.action,
          target_tenant: row.target,
        })),
      ),
  })
}

/** The rule that sharing with everyone asks for. */
export const wildcardRules = {
  'network:create_rbac_policy:target_tenant': 'rule:admin',
  'network:update_rbac_policy:target_tenant': 'rule:admin',
} as const

async function createPolicy(
  tx: Ctx,
  wish: Static<typeof NewPolicy>,
  projectId: string,
): Promise<string> {
  const target = wish.target_tenant ?? wish.target_project
  if (target === undefined) throw badRequest('target_tenant is a required property.')
  mayTarget(tx, target, 'create')
  if (wish.action === 'access_as_external' && wish.object_type !== 'network')
    throw badRequest(`Action ${wish.action} is not valid for a ${wish.object_type}.`)
  const owner = await ownerOfObject(tx, wish.object_type, wish.object_id)
  // whether somebody else's object exists is not told
  if (owner === undefined || (!seesAll(tx) && owner !== askingProject(tx))) {
    throw badRequest(
      `Bad rbac_policy request: ${wish.object_type} ${wish.object_id} is not yours to share, or does not exist.`,
    )
  }
  await mustReachScope(tx, wish.object_type, wish.object_id, target)
  await mustFit(tx, 'rbac_policy', projectId)
  const id = await insertShare(
    tx,
    { type: wish.object_type, id: wish.object_id, action: wish.action, target },
    projectId,
  )
  await touchObject(tx, wish.object_type, wish.object_id)
  await followExternal(tx, wish.action, wish.object_id)
  return id
}

/** A pool is of no use to who may not use its address scope. */
async function mustReachScope(tx: Ctx, type: string, id: string, target: string): Promise<void> {
  const scope = type === 'subnetpool' ? await scopeOfPool(tx, id) : undefined
  if (scope === undefined || scope.project_id === target) return
  const open = (await sharesOf(tx, scope.id)).map((share) => share.target)
  if (open.includes('*') || open.includes(target)) return
  throw neutronError(
    'badRequest',
    'RbacPolicyInitError',
    `Subnet pool ${id} cannot be shared with ${target}: its address scope ${scope.id} is not shared with that project.`,
  )
}

function mayTarget(ctx: Ctx, target: string, verb: 'create' | 'update'): void {
  if (target !== '*' || can(ctx, `network:${verb}_rbac_policy:target_tenant`)) return
  throw neutronError(
    'forbidden',
    'PolicyNotAuthorized',
    `(rule:${verb}_rbac_policy:target_tenant) is disallowed by policy`,
  )
}

async function updatePolicy(
  tx: Ctx,
  row: RbacRow,
  wish: Static<typeof PolicyChange>,
): Promise<void> {
  const target = wish.target_tenant ?? wish.target_project
  if (target === undefined || target === row.target) return
  mayTarget(tx, target, 'update')
  await mustReachScope(tx, row.object_type, row.object_id, target)
  await mustStayUsable(tx, objectOf(row), row.target, target)
  const twin = (await sharesOf(tx, row.object_id)).find(
    (other) => other.action === row.action && other.target === target,
  )
  if (twin !== undefined)
    throw neutronError(
      'conflict',
      'DuplicateRbacPolicy',
      'An RBAC policy already exists with those values.',
    )
  await changeRow(tx, rbacSpec, row.id, { target })
  await touchObject(tx, objectOf(row).type, row.object_id)
}

async function removePolicy(tx: Ctx, row: RbacRow): Promise<void> {
  await mustStayUsable(tx, objectOf(row), row.target)
  await deleteShare(tx, row.id)
  await touchObject(tx, objectOf(row).type, row.object_id)
  await followExternal(tx, row.action, row.object_id)
}

const objectOf = (row: RbacRow): Omit<Share, 'target'> => ({
  type: row.object_type as Share['type'], // written by insertShare only
  id: row.object_id,
  action: row.action as Share['action'], // as above
})

/** A network is external as long as a rule opens it as such. */
async function followExternal(tx: Ctx, action: string, networkId: string): Promise<void> {
  if (action !== 'access_as_external') return
  const open = (await sharesOf(tx, networkId)).some(
    (share) => share.action === 'access_as_external',
  )
  await changeRow(tx, networkSpec, networkId, { external: open ? 1 : 0 })
  await nudge(tx, kinds.network, networkId)
  await nudge(tx, kinds.external, networkId)
}
