import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import type { NetworkFace, NewRule, RuleInfo, SecurityGroupInfo } from '../face.ts'
import { neutronError } from '../fault.ts'
import { ensureDefaultGroup } from '../security-groups/effects.ts'
import {
  createGroup,
  createRule,
  removeGroup,
  removeRule,
  updateGroup,
} from '../security-groups/routes.ts'
import type { GroupRow, RuleRow } from '../security-groups/schema.ts'
import { getGroup, groupSpec, ruleSpec, rulesOf } from '../security-groups/store.ts'
import { mustOwn } from '../standard/access.ts'
import { listQuery } from '../standard/query.ts'
import { findRow, listRows, rowsBy } from '../standard/store.ts'
import type { RuleTable } from '../tables.ts'

type GroupAnswers = Pick<
  NetworkFace,
  | 'resolveSecurityGroup'
  | 'listSecurityGroups'
  | 'createSecurityGroup'
  | 'updateSecurityGroup'
  | 'deleteSecurityGroup'
  | 'createSecurityGroupRule'
  | 'deleteSecurityGroupRule'
>

/** Security groups, for Nova's old proxies. */
export function groupAnswers(): GroupAnswers {
  return {
    resolveSecurityGroup: async (ctx, idOrName) => await infoOf(ctx, await resolve(ctx, idOrName)),
    listSecurityGroups: async (ctx) =>
      await infos(ctx, ctx.who === undefined ? await everybodys(ctx) : await own(ctx)),
    createSecurityGroup: async (ctx, wish) =>
      await inTx(
        ctx,
        async (tx) =>
          await infoOf(tx, await getGroup(tx, await createGroup(tx, { ...wish }, projectOf(tx)))),
      ),
    updateSecurityGroup: async (ctx, id, change) =>
      await inTx(ctx, async (tx) => {
        await updateGroup(tx, await mine(tx, id, 'update_security_group'), { ...change })
        return await infoOf(tx, await getGroup(tx, id))
      }),
    deleteSecurityGroup: async (ctx, id) =>
      await inTx(
        ctx,
        async (tx) => await removeGroup(tx, await mine(tx, id, 'delete_security_group')),
      ),
    createSecurityGroupRule: async (ctx, wish) =>
      await inTx(ctx, async (tx) => await addRule(tx, wish)),
    deleteSecurityGroupRule: async (ctx, id) =>
      await inTx(ctx, async (tx) => {
        const rule = await getRule(tx, id)
        mustOwn(tx, rule, 'delete_security_group_rule')
        await removeRule(tx, rule)
      }),
  }
}

async function addRule(tx: Ctx, wish: NewRule): Promise<RuleInfo> {
  const rule = {
    security_group_id: wish.groupId,
    direction: wish.direction,
    ethertype: wish.ethertype,
    protocol: wish.protocol,
    port_range_min: wish.portMin,
    port_range_max: wish.portMax,
    remote_ip_prefix: wish.remoteCidr,
    remote_group_id: wish.remoteGroupId,
    description: '',
  }
  return ruleInfo(await getRule(tx, await createRule(tx, rule, projectOf(tx))))
}

async function mine(tx: Ctx, id: string, rule: string): Promise<GroupRow> {
  const row = await getGroup(tx, id)
  mustOwn(tx, row, rule)
  return row
}

async function getRule(ctx: Ctx, id: string): Promise<RuleRow> {
  const row = await findRow<RuleRow>(ctx, ruleSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'SecurityGroupRuleNotFound',
      `Security group rule ${id.slice(0, 255)} does not exist`,
    )
  return row
}

async function own(ctx: Ctx): Promise<readonly GroupRow[]> {
  const project = projectOf(ctx)
  await ensureDefaultGroup(ctx, project)
  return await rowsBy<GroupRow>(ctx, groupSpec, 'project_id', [project])
}

/** For an operator's view: the compute service asks as the cloud itself. */
async function everybodys(ctx: Ctx): Promise<readonly GroupRow[]> {
  return await listRows<GroupRow>(ctx, groupSpec, listQuery(new URLSearchParams(), groupSpec))
}

/** An id wins over a name; a name must be unique within the project. */
async function resolve(ctx: Ctx, idOrName: string): Promise<GroupRow> {
  const byId = await findRow<GroupRow>(ctx, groupSpec, idOrName)
  if (byId !== undefined) return byId
  const named = (await own(ctx)).filter(({ name }) => name === idOrName)
  const [only, second] = named
  if (only === undefined)
    throw neutronError(
      'notFound',
      'SecurityGroupNotFound',
      `Security group ${idOrName.slice(0, 255)} not found.`,
    )
  if (second !== undefined)
    throw neutronError(
      'conflict',
      'NoUniqueMatch',
      `Multiple security groups found matching '${idOrName.slice(0, 255)}'. Use an ID to be more specific.`,
    )
  return only
}

async function infoOf(ctx: Ctx, row: GroupRow): Promise<SecurityGroupInfo> {
  const [info] = await infos(ctx, [row])
  return (
    info ?? {
      id: row.id,
      name: row.name,
      description: row.description,
      projectId: row.project_id,
      rules: [],
    }
  )
}

async function infos(ctx: Ctx, rows: readonly GroupRow[]): Promise<readonly SecurityGroupInfo[]> {
  const rules = Map.groupBy(
    await rulesOf(
      ctx,
      rows.map(({ id }) => id),
    ),
    ({ group_id }) => group_id,
  )
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    description: row.description,
    projectId: row.project_id,
    rules: (rules.get(row.id) ?? []).map(ruleInfo),
  }))
}

function ruleInfo(row: RuleTable): RuleInfo {
  return {
    id: row.id,
    groupId: row.group_id,
    direction: row.direction,
    ethertype: row.ethertype,
    protocol: row.protocol,
    portMin: row.port_min,
    portMax: row.port_max,
    remoteCidr: row.remote_cidr,
    remoteGroupId: row.remote_group,
  }
}
