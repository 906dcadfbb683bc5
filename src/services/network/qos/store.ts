import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import { neutronError } from '../fault.ts'
import { flag, integer, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import type { PolicyRow, PolicyTable, RuleRow, RuleTable } from './schema.ts'

interface QosTables {
  net_qos_policies: PolicyTable
  net_qos_rules: RuleTable
}

const db = (ctx: Ctx): Kysely<QosTables> => tables<QosTables>(ctx)

export const policySpec: ListSpec = {
  table: 'net_qos_policies',
  freeMarker: true,
  columns: { ...standardColumns, is_default: flag('is_default') },
  sharedBy: ['access_as_shared'],
}

/** Rules are seen by whoever sees their policy: that is asked before. */
export const ruleSpec: ListSpec = {
  table: 'net_qos_rules',
  columns: {
    id: text('id'),
    policy_id: text('policy_id'),
    type: text('type'),
    direction: text('direction'),
    max_kbps: integer('rate'),
    min_kbps: integer('rate'),
    min_kpps: integer('rate'),
    max_burst_kbps: integer('burst'),
    dscp_mark: integer('dscp'),
  },
  open: true,
}

/** A policy that who asks may use; 404 otherwise. */
export async function getPolicy(ctx: Ctx, id: string): Promise<PolicyRow> {
  const row = await findRow<PolicyRow>(ctx, policySpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'QosPolicyNotFound',
      `QoS policy ${id.slice(0, 255)} could not be found.`,
    )
  return row
}

export async function getRule(
  ctx: Ctx,
  type: string,
  id: string,
  policyId?: string,
): Promise<RuleRow> {
  const row = await findRow<RuleRow>(ctx, ruleSpec, id)
  if (row?.type === type && (policyId === undefined || row.policy_id === policyId)) return row
  throw neutronError(
    'notFound',
    'QosRuleNotFound',
    policyId === undefined
      ? `QoS rule ${id.slice(0, 255)} could not be found.`
      : `QoS rule ${id.slice(0, 255)} for policy ${policyId} could not be found.`,
  )
}

/** False when the project has a default policy already, and this would be another. */
export async function insertPolicy(tx: Ctx, row: PolicyTable): Promise<boolean> {
  const result = await db(tx)
    .insertInto('net_qos_policies')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

export async function deletePolicy(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_qos_policies').where('id', '=', id).execute()
}

export async function defaultPolicyOf(ctx: Ctx, projectId: string): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_qos_policies')
    .select('id')
    .where('project_id', '=', projectId)
    .where('is_default', '=', 1)
    .executeTakeFirst()
  return row?.id
}

export async function insertRule(tx: Ctx, row: RuleTable): Promise<void> {
  await db(tx).insertInto('net_qos_rules').values(row).execute()
}

export async function updateRule(tx: Ctx, id: string, changes: Partial<RuleTable>): Promise<void> {
  await db(tx).updateTable('net_qos_rules').set(changes).where('id', '=', id).execute()
}

export async function deleteRule(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_qos_rules').where('id', '=', id).execute()
}

/** Rules of many policies, in the order of their making. */
export async function rulesOf(
  ctx: Ctx,
  policyIds: readonly string[],
): Promise<readonly RuleTable[]> {
  if (policyIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_qos_rules')
    .selectAll()
    .where('policy_id', 'in', policyIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

/** What can be under a policy: the table, and how it is called in messages. */
const users = [
  { table: 'net_networks', label: 'network', alive: sql` and deleted = 0` },
  { table: 'net_ports', label: 'port', alive: sql` and deleted = 0` },
  { table: 'net_floating_ips', label: 'floatingip', alive: sql`` },
  { table: 'net_routers', label: 'router', alive: sql` and deleted = 0` },
] as const

export type Governed = (typeof users)[number]['table']

/** Something that is under the policy. */
export async function userOf(
  ctx: Ctx,
  policyId: string,
): Promise<{ readonly label: string; readonly id: string } | undefined> {
  const each = users.map(
    ({ table, label, alive }) =>
      sql`select ${sql.lit(label)} as label, id from ${sql.table(table)} where qos_policy = ${policyId}${alive}`,
  )
  const { rows } = await sql<{
    label: string
    id: string
  }>`${sql.join(each, sql` union all `)} limit 1`.execute(db(ctx))
  return rows[0]
}

/** Puts something under a policy, or under none. */
export async function setPolicy(
  tx: Ctx,
  table: Governed,
  id: string,
  policyId: string | null,
): Promise<void> {
  await sql`update ${sql.table(table)} set qos_policy = ${policyId} where id = ${id}`.execute(
    db(tx),
  )
}

/** Policies of many networks. */
export async function policiesOfNetworks(
  ctx: Ctx,
  networkIds: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  if (networkIds.length === 0) return new Map()
  const { rows } = await sql<{
    id: string
    qos_policy: string | null
  }>`select id, qos_policy from net_networks where id in (${sql.join([...new Set(networkIds)])})`.execute(
    db(ctx),
  )
  return new Map(rows.map((row) => [row.id, row.qos_policy]))
}

/** What a port is under: its own policy, or its network's unless it is a port of the network's own devices. */
const portPolicy = sql`coalesce(p.qos_policy, case when p.device_owner like 'network:%' then null else n.qos_policy end)`

/** The rules that these ports are under. */
export async function rulesOfPorts(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<ReadonlyMap<string, readonly RuleTable[]>> {
  if (portIds.length === 0) return new Map()
  const { rows } = await sql<RuleTable & { subject: string }>`select r.*, p.id as subject
    from net_ports p join net_networks n on n.id = p.network_id
    join net_qos_rules r on r.policy_id = ${portPolicy} where p.id in (${sql.join(portIds)})`.execute(
    db(ctx),
  )
  return Map.groupBy(rows, ({ subject }) => subject)
}

/** Ids of rules' subjects at a router, with the rules: floating addresses, and the router itself for its gateway. */
export async function rulesOfRouter(
  ctx: Ctx,
  routerId: string,
): Promise<ReadonlyMap<string, readonly RuleTable[]>> {
  const { rows } = await sql<RuleTable & { subject: string }>`select r.*, f.id as subject
    from net_floating_ips f join net_networks n on n.id = f.network_id
    join net_qos_rules r on r.policy_id = coalesce(f.qos_policy, n.qos_policy) where f.router_id = ${routerId}
    union all select r.*, o.id as subject from net_routers o join net_qos_rules r on r.policy_id = o.qos_policy
    where o.id = ${routerId}`.execute(db(ctx))
  return Map.groupBy(rows, ({ subject }) => subject)
}

/** Plugged ports that a policy governs, their own or their network's. */
export async function portsUnder(ctx: Ctx, policyId: string): Promise<readonly string[]> {
  return await ids(
    ctx,
    sql`select p.id from net_ports p join net_networks n on n.id = p.network_id
      where ${portPolicy} = ${policyId} and p.netns is not null and p.deleted = 0`,
  )
}

/** Routers that carry a floating address or have a gateway under the policy. */
export async function routersUnder(ctx: Ctx, policyId: string): Promise<readonly string[]> {
  return await ids(
    ctx,
    sql`select f.router_id as id from net_floating_ips f join net_networks n on n.id = f.network_id
      where coalesce(f.qos_policy, n.qos_policy) = ${policyId} and f.router_id is not null
      union select id from net_routers where qos_policy = ${policyId} and deleted = 0`,
  )
}

/** Routers with floating addresses of this network that have no policy of their own. */
export async function routersHeeding(ctx: Ctx, networkId: string): Promise<readonly string[]> {
  return await ids(
    ctx,
    sql`select distinct router_id as id from net_floating_ips
      where network_id = ${networkId} and qos_policy is null and router_id is not null`,
  )
}

async function ids(ctx: Ctx, query: ReturnType<typeof sql>): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`${query}`.execute(db(ctx))
  return rows.map((row) => row.id)
}

/** A port (this one, if given) under the policy on a network that is not physical, if the policy promises a bandwidth. */
export async function portBeyondMinimum(
  ctx: Ctx,
  policyId: string,
  portId?: string,
): Promise<string | undefined> {
  const only = portId === undefined ? sql`` : sql` and p.id = ${portId}`
  const [id] = await ids(
    ctx,
    sql`select p.id from net_ports p join net_networks n on n.id = p.network_id
      where ${portPolicy} = ${policyId} and n.physical is null and p.deleted = 0${only}
      and exists (select 1 from net_qos_rules r where r.policy_id = ${policyId} and r.type = 'minimum_bandwidth') limit 1`,
  )
  return id
}

/** Networks that lie on a physical one, with its name. */
export async function physicalNetworks(ctx: Ctx): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{
    id: string
    physical: string
  }>`select id, physical from net_networks where physical is not null and deleted = 0`.execute(
    db(ctx),
  )
  return new Map(rows.map((row) => [row.id, row.physical]))
}
