import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import { neutronError } from '../fault.ts'
import { flag, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import type { Subport, TrunkPlace } from '../wiring/subports.ts'
import type { SubportTable, TrunkRow, TrunkTable } from './schema.ts'

interface TrunkTables {
  net_trunks: TrunkTable
  net_subports: SubportTable
  net_ports: { id: string; mac: string }
}

const db = (ctx: Ctx): Kysely<TrunkTables> => tables<TrunkTables>(ctx)

/** Nobody keeps a trunk's status: it is that of its ports. */
const status = sql`case
  when not exists (select 1 from net_ports p where p.id = t.port_id and p.status = 'ACTIVE') then 'DOWN'
  when exists (select 1 from net_subports s join net_ports p on p.id = s.port_id
    where s.trunk_id = t.id and p.admin_up = 1 and p.status <> 'ACTIVE') then 'DEGRADED'
  else 'ACTIVE' end`

export const trunkSpec: ListSpec = {
  table: 'net_trunks',
  columns: { ...standardColumns, port_id: text('port_id'), admin_state_up: flag('admin_up') },
  filters: { status: (values) => sql`${status} in (${sql.join(values)})` },
  computed: [sql`${status} as status`],
}

export async function getTrunk(ctx: Ctx, id: string): Promise<TrunkRow> {
  const row = await findRow<TrunkRow>(ctx, trunkSpec, id)
  if (row === undefined)
    throw neutronError('notFound', 'TrunkNotFound', `Trunk ${id.slice(0, 255)} could not be found.`)
  return row
}

export async function insertTrunk(tx: Ctx, row: TrunkTable): Promise<void> {
  await db(tx).insertInto('net_trunks').values(row).execute()
}

export async function deleteTrunk(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_trunks').where('id', '=', id).execute()
}

/** The trunk that has this parent. */
export async function trunkOfParent(ctx: Ctx, portId: string): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_trunks')
    .select('id')
    .where('port_id', '=', portId)
    .executeTakeFirst()
  return row?.id
}

/** The trunk that this port is a sub-port of. */
export async function trunkOfSubport(ctx: Ctx, portId: string): Promise<string | undefined> {
  const row = await db(ctx)
    .selectFrom('net_subports')
    .select('trunk_id')
    .where('port_id', '=', portId)
    .executeTakeFirst()
  return row?.trunk_id
}

/** Trunks of these parents. */
export async function trunksOfPorts(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<readonly { readonly id: string; readonly port_id: string }[]> {
  if (portIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_trunks')
    .select(['id', 'port_id'])
    .where('port_id', 'in', portIds)
    .execute()
}

/** Sub-ports of many trunks, in order of their adding, with their MACs. */
export async function subportsOfTrunks(
  ctx: Ctx,
  trunkIds: readonly string[],
): Promise<readonly (SubportTable & { readonly mac: string })[]> {
  if (trunkIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_subports as s')
    .innerJoin('net_ports as p', 'p.id', 's.port_id')
    .selectAll('s')
    .select('p.mac')
    .where('s.trunk_id', 'in', trunkIds)
    .orderBy('s.position')
    .execute()
}

export async function insertSubports(tx: Ctx, rows: readonly SubportTable[]): Promise<void> {
  if (rows.length > 0) await db(tx).insertInto('net_subports').values(rows).execute()
}

export async function deleteSubports(tx: Ctx, portIds: readonly string[]): Promise<void> {
  if (portIds.length > 0)
    await db(tx).deleteFrom('net_subports').where('port_id', 'in', portIds).execute()
}

/** For the wiring. */
export async function subportsOf(ctx: Ctx, parentPortId: string): Promise<readonly Subport[]> {
  const rows = await db(ctx)
    .selectFrom('net_trunks as t')
    .innerJoin('net_subports as s', 's.trunk_id', 't.id')
    .select(['s.port_id', 's.vlan'])
    .where('t.port_id', '=', parentPortId)
    .orderBy('s.position')
    .execute()
  return rows.map(({ port_id, vlan }) => ({ portId: port_id, vlan }))
}

export async function parentOf(ctx: Ctx, portId: string): Promise<TrunkPlace | undefined> {
  const row = await db(ctx)
    .selectFrom('net_subports as s')
    .innerJoin('net_trunks as t', 't.id', 's.trunk_id')
    .select(['t.port_id', 's.vlan'])
    .where('s.port_id', '=', portId)
    .executeTakeFirst()
  return row === undefined ? undefined : { parentPortId: row.port_id, vlan: row.vlan }
}
