import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { prepared } from '../../../kernel/db/prepared.ts'
import { neutronError } from '../fault.ts'
import { flag, integer, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import { db, newRow, type GroupTable, type NetworkTables, type RuleTable } from '../tables.ts'
import type { GroupRow, RuleContent } from './schema.ts'

export const groupSpec: ListSpec = {
  table: 'net_groups',
  columns: { ...standardColumns, stateful: flag('stateful') },
  filters: {
    security_group_rules: (values) =>
      sql`exists (select 1 from net_group_rules r where r.group_id = t.id and r.id in (${sql.join(values)}))`,
  },
  sharedBy: ['access_as_shared'],
}

export const ruleSpec: ListSpec = {
  table: 'net_group_rules',
  columns: {
    ...standardColumns,
    security_group_id: text('group_id'),
    direction: text('direction'),
    ethertype: text('ethertype'),
    protocol: text('protocol'),
    port_range_min: integer('port_min'),
    port_range_max: integer('port_max'),
    remote_ip_prefix: text('remote_cidr'),
    remote_group_id: text('remote_group'),
    remote_address_group_id: text('remote_addresses'),
  },
  // rules of one's own group are seen whoever wrote them
  alsoVisible: (project) =>
    sql`exists (select 1 from net_groups g where g.id = t.group_id and g.project_id = ${project})`,
}

/** A group that who asks may use; 404 otherwise. */
export async function getGroup(ctx: Ctx, id: string): Promise<GroupRow> {
  const row = await findRow<GroupRow>(ctx, groupSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'SecurityGroupNotFound',
      `Security group ${id.slice(0, 255)} does not exist`,
    )
  return row
}

export async function insertGroup(tx: Ctx, row: GroupTable): Promise<boolean> {
  const result = await db(tx)
    .insertInto('net_groups')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

export async function defaultGroupOf(ctx: Ctx, projectId: string): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_groups')
    .select('id')
    .where('project_id', '=', projectId)
    .where('is_default', '=', 1)
    .executeTakeFirst()
  return row?.id
}

export async function insertRules(
  tx: Ctx,
  groupId: string,
  projectId: string,
  rules: readonly (RuleContent & { readonly description?: string })[],
): Promise<readonly string[]> {
  const rows = rules.map(({ description, ...rule }): RuleTable => ({
    ...newRow(tx, randomUUID(), projectId, description === undefined ? {} : { description }),
    group_id: groupId,
    ...rule,
  }))
  await db(tx).insertInto('net_group_rules').values(rows).execute()
  return rows.map((row) => row.id)
}

/** Rules of many groups, in the order of their making. */
export async function rulesOf(
  ctx: Ctx,
  groupIds: readonly string[],
): Promise<readonly RuleTable[]> {
  if (groupIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_group_rules')
    .selectAll()
    .where('group_id', 'in', groupIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

export async function deleteRule(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_group_rules').where('id', '=', id).execute()
}

/** Groups with rules that name this one as their remote group. */
export async function groupsReferringTo(
  ctx: Ctx,
  groupIds: readonly string[],
): Promise<readonly string[]> {
  if (groupIds.length === 0) return []
  const rows = await db(ctx)
    .selectFrom('net_group_rules')
    .select('group_id')
    .distinct()
    .where('remote_group', 'in', groupIds)
    .execute()
  return rows.map((row) => row.group_id)
}

/** The group and every rule that names it. */
export async function deleteGroup(tx: Ctx, id: string): Promise<void> {
  await db(tx)
    .deleteFrom('net_group_rules')
    .where((eb) => eb.or([eb('group_id', '=', id), eb('remote_group', '=', id)]))
    .execute()
  await db(tx).deleteFrom('net_port_groups').where('group_id', '=', id).execute()
  await db(tx).deleteFrom('net_groups').where('id', '=', id).execute()
}

export async function groupInUse(ctx: Ctx, id: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_port_groups as g')
    .innerJoin('net_ports as p', 'p.id', 'g.port_id')
    .select('p.id')
    .where('g.group_id', '=', id)
    .where('p.deleted', '=', 0)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Groups by id with nothing hidden: for the engine. */
export async function groupsById(ctx: Ctx, ids: readonly string[]): Promise<readonly GroupTable[]> {
  if (ids.length === 0) return []
  return await db(ctx).selectFrom('net_groups').selectAll().where('id', 'in', ids).execute()
}

/** Groups of many ports. */
export async function groupsOfPorts(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<
  readonly { readonly port_id: string; readonly group_id: string; readonly name: string }[]
> {
  return portIds.length === 0 ? [] : await membersNamed(ctx, { portIds })
}

const membersNamed = prepared(
  (query: Kysely<NetworkTables>, { portIds }: { readonly portIds: readonly string[] }) =>
    query
      .selectFrom('net_port_groups as m')
      .innerJoin('net_groups as g', 'g.id', 'm.group_id')
      .select(['m.port_id', 'm.group_id', 'g.name'])
      .where('m.port_id', 'in', portIds)
      .orderBy('g.name')
      .orderBy('g.id'),
)

/** Who is in the groups: addresses of their ports, and the pairs these may also use. */
export async function membersOf(
  ctx: Ctx,
  groupIds: readonly string[],
): Promise<readonly { readonly group_id: string; readonly address: string }[]> {
  if (groupIds.length === 0) return []
  const own = await db(ctx)
    .selectFrom('net_port_groups as m')
    .innerJoin('net_addresses as a', 'a.port_id', 'm.port_id')
    .select(['m.group_id', 'a.address'])
    .where('m.group_id', 'in', groupIds)
    .orderBy('a.address')
    .execute()
  return [...own, ...(await pairsIn(ctx, groupIds))]
}

async function pairsIn(
  ctx: Ctx,
  groupIds: readonly string[],
): Promise<readonly { readonly group_id: string; readonly address: string }[]> {
  const rows = await db(ctx)
    .selectFrom('net_port_groups as m')
    .innerJoin('net_ports as p', 'p.id', 'm.port_id')
    .select(['m.group_id', 'p.pairs'])
    .where('m.group_id', 'in', groupIds)
    .where('p.pairs', '!=', '[]')
    .orderBy('p.id')
    .execute()
  return rows.flatMap(({ group_id, pairs }) =>
    fromJson<{ ip_address: string }[]>(pairs).map(({ ip_address }) => ({
      group_id,
      address: ip_address,
    })),
  )
}

/** Networks in which a plugged port is in the group. */
export async function networksWithGroup(ctx: Ctx, groupId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_port_groups as m')
    .innerJoin('net_ports as p', 'p.id', 'm.port_id')
    .select('p.network_id')
    .distinct()
    .where('m.group_id', '=', groupId)
    .where('p.netns', 'is not', null)
    .where('p.deleted', '=', 0)
    .execute()
  return rows.map((row) => row.network_id)
}

/** Where the engine was given the group. */
export async function placesOf(ctx: Ctx, groupId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_group_places')
    .select('network_id')
    .where('group_id', '=', groupId)
    .execute()
  return rows.map((row) => row.network_id)
}

export async function addPlaces(
  ctx: Ctx,
  networkId: string,
  groupIds: readonly string[],
): Promise<void> {
  if (groupIds.length === 0) return
  await db(ctx)
    .insertInto('net_group_places')
    .values(groupIds.map((group_id) => ({ group_id, network_id: networkId })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function removePlace(ctx: Ctx, networkId: string, groupId: string): Promise<void> {
  await db(ctx)
    .deleteFrom('net_group_places')
    .where('group_id', '=', groupId)
    .where('network_id', '=', networkId)
    .execute()
}

/** Groups that were given to the engine somewhere and are no more: left over when the process died in between. */
export async function lostGroups(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_group_places as l')
    .select('l.group_id')
    .distinct()
    .where((eb) =>
      eb.not(
        eb.exists(
          eb.selectFrom('net_groups as g').select('g.id').whereRef('g.id', '=', 'l.group_id'),
        ),
      ),
    )
    .execute()
  return rows.map((row) => row.group_id)
}
