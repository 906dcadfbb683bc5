import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { IdentityFace } from '../../identity/face.ts'
import { getAddressGroup } from '../address-groups/store.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { mustFit } from '../quotas/store.ts'
import { deleteSharesOf } from '../rbac-policies/store.ts'
import { mustOwn, seesAll } from '../standard/access.ts'
import type { ListQuery } from '../standard/query.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, standardView, type View } from '../standard/schema.ts'
import { changeRow, tagsOf, touch } from '../standard/store.ts'
import { newRow, type RuleTable } from '../tables.ts'
import { egressRules, ensureDefaultGroup } from './effects.ts'
import { normalizedCidr, planRule, sameRule } from './plan.ts'
import {
  GroupChange,
  NewGroup,
  NewRule,
  type GroupChangeWish,
  type GroupRow,
  type NewGroupWish,
  type NewRuleWish,
  type RuleRow,
} from './schema.ts'
import {
  deleteGroup,
  deleteRule,
  getGroup,
  groupInUse,
  groupSpec,
  groupsReferringTo,
  insertGroup,
  insertRules,
  ruleSpec,
  rulesOf,
} from './store.ts'

/** Security groups: what may reach a port, and what it may reach. */
export function groupResource(identity: IdentityFace): Resource {
  const ownDefault = defaultsFor(identity)
  return resource<GroupRow, typeof NewGroup, typeof GroupChange>({
    singular: 'security_group',
    plural: 'security_groups',
    path: 'security-groups',
    label: 'Security group',
    notFound: 'SecurityGroupNotFound',
    spec: groupSpec,
    taggable: true,
    createBody: NewGroup,
    updateBody: GroupChange,
    beforeList: ownDefault,
    create: createGroup,
    update: updateGroup,
    remove: removeGroup,
    views: groupViews,
  })
}

/** The rules in them; a rule never changes. */
export function ruleResource(identity: IdentityFace): Resource {
  const ownDefault = defaultsFor(identity)
  return resource<RuleRow, typeof NewRule, typeof GroupChange>({
    singular: 'security_group_rule',
    plural: 'security_group_rules',
    path: 'security-group-rules',
    label: 'Security group rule',
    notFound: 'SecurityGroupRuleNotFound',
    spec: ruleSpec,
    createBody: NewRule,
    beforeList: ownDefault,
    create: createRule,
    remove: removeRule,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(ruleView)),
  })
}

/** A project whose groups are looked at, by itself or by an admin, has a default one. */
function defaultsFor(identity: IdentityFace) {
  return async (ctx: Ctx, { filters }: ListQuery): Promise<void> => {
    if (ctx.who?.projectId !== undefined) await ensureDefaultGroup(ctx, ctx.who.projectId)
    if (!seesAll(ctx)) return
    for (const id of [...(filters.get('project_id') ?? []), ...(filters.get('tenant_id') ?? [])]) {
      if ((await identity.findProject(ctx, id)) !== undefined) await ensureDefaultGroup(ctx, id)
    }
  }
}

export async function createGroup(tx: Ctx, wish: NewGroupWish, projectId: string): Promise<string> {
  await ensureDefaultGroup(tx, projectId)
  if (wish.name === 'default')
    throw neutronError(
      'conflict',
      'SecurityGroupDefaultAlreadyExists',
      'Default security group already exists.',
    )
  await mustFit(tx, 'security_group', projectId)
  await mustFit(tx, 'security_group_rule', projectId, egressRules.length)
  const id = randomUUID()
  await insertGroup(tx, {
    ...newRow(tx, id, projectId, wish),
    is_default: 0,
    stateful: bit(wish.stateful, true),
  })
  await insertRules(tx, id, projectId, egressRules)
  return id
}

export async function updateGroup(tx: Ctx, row: GroupRow, wish: GroupChangeWish): Promise<void> {
  if (row.is_default === 1 && wish.name !== undefined && wish.name !== row.name) {
    throw neutronError(
      'conflict',
      'SecurityGroupCannotUpdateDefault',
      'Updating default security group not allowed.',
    )
  }
  if (row.is_default === 0 && wish.name === 'default')
    throw neutronError(
      'conflict',
      'SecurityGroupDefaultAlreadyExists',
      'Default security group already exists.',
    )
  const stateful = bit(wish.stateful, row.stateful === 1)
  if (stateful !== row.stateful && (await groupInUse(tx, row.id)))
    throw neutronError('conflict', 'SecurityGroupInUse', `Security Group ${row.id} in use.`)
  await changeRow(tx, groupSpec, row.id, {
    name: wish.name,
    description: wish.description,
    stateful,
  })
}

export async function removeGroup(tx: Ctx, row: GroupRow): Promise<void> {
  if (row.is_default === 1 && !seesAll(tx))
    throw neutronError(
      'conflict',
      'SecurityGroupCannotRemoveDefault',
      'Insufficient rights for removing default security group.',
    )
  if (await groupInUse(tx, row.id))
    throw neutronError('conflict', 'SecurityGroupInUse', `Security Group ${row.id} in use.`)
  for (const other of await groupsReferringTo(tx, [row.id])) await nudge(tx, kinds.group, other)
  await deleteGroup(tx, row.id)
  await deleteSharesOf(tx, row.id)
  await nudge(tx, kinds.group, row.id)
}

export async function createRule(tx: Ctx, wish: NewRuleWish, projectId: string): Promise<string> {
  const group = await getGroup(tx, wish.security_group_id)
  mustOwn(tx, group, 'create_security_group_rule')
  const rule = planRule(wish)
  if (rule.remote_group !== null) await getGroup(tx, rule.remote_group)
  if (rule.remote_addresses !== null) await getAddressGroup(tx, rule.remote_addresses)
  const twin = (await rulesOf(tx, [group.id])).find((other) => sameRule(other, rule))
  if (twin !== undefined)
    throw neutronError(
      'conflict',
      'SecurityGroupRuleExists',
      `Security group rule already exists. Rule id is ${twin.id}.`,
    )
  await mustFit(tx, 'security_group_rule', projectId)
  const [id = ''] = await insertRules(tx, group.id, projectId, [
    { ...rule, description: wish.description },
  ])
  await groupChanged(tx, group.id)
  return id
}

export async function removeRule(tx: Ctx, row: RuleRow): Promise<void> {
  await deleteRule(tx, row.id)
  await groupChanged(tx, row.group_id)
}

async function groupChanged(tx: Ctx, groupId: string): Promise<void> {
  await touch(tx, groupSpec, groupId)
  await nudge(tx, kinds.group, groupId)
}

export function ruleView(row: RuleTable): View {
  const { name: _unnamed, ...common } = standardView(row)
  return {
    ...common,
    security_group_id: row.group_id,
    direction: row.direction,
    ethertype: row.ethertype,
    protocol: row.protocol,
    port_range_min: row.port_min,
    port_range_max: row.port_max,
    remote_ip_prefix: row.remote_cidr,
    remote_group_id: row.remote_group,
    remote_address_group_id: row.remote_addresses,
    normalized_cidr: normalizedCidr(row.remote_cidr),
  }
}

async function groupViews(ctx: Ctx, rows: readonly GroupRow[]): Promise<readonly View[]> {
  const rules = Map.groupBy(
    await rulesOf(
      ctx,
      rows.map(({ id }) => id),
    ),
    ({ group_id }) => group_id,
  )
  return rows.map((row) => ({
    ...standardView(row),
    shared: row.is_shared === 1,
    stateful: row.stateful === 1,
    security_group_rules: (rules.get(row.id) ?? []).map(ruleView),
    tags: tagsOf(row),
  }))
}
