import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { prepared } from '../../../kernel/db/prepared.ts'
import { canonicalIp } from '../addressing/address.ts'
import { invalidValue, neutronError } from '../fault.ts'
import { flag, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import { db, type NetworkTables, type PortTable } from '../tables.ts'
import { newMac } from './plan.ts'
import type { PortRow } from './schema.ts'

export const portSpec: ListSpec = {
  table: 'net_ports',
  columns: {
    ...standardColumns,
    network_id: text('network_id'),
    mac_address: text('mac'),
    admin_state_up: flag('admin_up'),
    status: text('status'),
    device_id: text('device_id'),
    device_owner: text('device_owner'),
    port_security_enabled: flag('port_security'),
    'binding:host_id': text('host_id'),
    'binding:vnic_type': text('vnic_type'),
  },
  filters: {
    fixed_ips: fixedIpsFilter,
    ip_allocation: () => sql`1 = 1`,
    security_groups: (values) =>
      sql`exists (select 1 from net_port_groups m where m.port_id = t.id and m.group_id in (${sql.join(values)}))`,
  },
  computed: [
    sql`(select n.project_id from net_networks n where n.id = t.network_id) as network_project`,
  ],
  alive: sql`t.deleted = 0`,
  alsoVisible: (project) =>
    sql`exists (select 1 from net_networks n where n.id = t.network_id and n.project_id = ${project})`,
}

/** `fixed_ips=subnet_id=…`, `ip_address=…`, `ip_address_substr=…`: of one kind any may match, of several kinds all must. */
function fixedIpsFilter(values: readonly string[]): RawBuilder<unknown> {
  const parts = values
    .flatMap((value) => value.split(','))
    .map((value) => {
      const at = value.indexOf('=')
      return { key: value.slice(0, at), value: value.slice(at + 1) }
    })
  const conditions = [...Map.groupBy(parts, ({ key }) => key)].map(
    ([key, list]) =>
      sql`(${sql.join(
        list.map(({ value }) => addressCondition(key, value)),
        sql` or `,
      )})`,
  )
  return sql`exists (select 1 from net_addresses a where a.port_id = t.id and ${sql.join(conditions, sql` and `)})`
}

function addressCondition(key: string, value: string): RawBuilder<unknown> {
  switch (key) {
    case 'subnet_id':
      return sql`a.subnet_id = ${value}`
    case 'ip_address':
      return sql`a.address = ${canonicalIp(value) ?? value}`
    case 'ip_address_substr':
      return value === '' ? sql`1 = 1` : sql`replace(a.address, ${value}, '') <> a.address`
    default:
      throw invalidValue(
        'fixed_ips',
        `'${key.slice(0, 40)}' cannot be filtered by: use subnet_id, ip_address or ip_address_substr.`,
      )
  }
}

/** A port that who asks may see; 404 otherwise. */
export async function getPort(ctx: Ctx, id: string): Promise<PortRow> {
  const row = await findRow<PortRow>(ctx, portSpec, id)
  if (row === undefined)
    throw neutronError('notFound', 'PortNotFound', `Port ${id.slice(0, 255)} could not be found.`)
  return row
}

const MAC_TRIES = 16

/** Writes the port; a MAC made up here is replaced as long as somebody in the network has it, a wished one is a 409. */
export async function insertPort(tx: Ctx, row: PortTable, macIsWished: boolean): Promise<string> {
  let { mac } = row
  for (let tries = 0; tries < MAC_TRIES; tries++) {
    const result = await db(tx)
      .insertInto('net_ports')
      .values({ ...row, mac })
      .onConflict((conflict) => conflict.columns(['network_id', 'mac']).doNothing())
      .executeTakeFirst()
    if (Number(result.numInsertedOrUpdatedRows ?? 0) > 0) return mac
    if (macIsWished) throw macInUse(row.network_id, mac)
    mac = newMac()
  }
  throw neutronError(
    'unavailable',
    'MacAddressGenerationFailure',
    `Unable to generate unique mac on network ${row.network_id}.`,
  )
}

export const macInUse = (networkId: string, mac: string): Error =>
  neutronError(
    'conflict',
    'MacAddressInUse',
    `Unable to complete operation for network ${networkId}. The mac address ${mac} is in use.`,
  )

export async function macTaken(
  ctx: Ctx,
  networkId: string,
  mac: string,
  portId: string,
): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('net_ports')
    .select('id')
    .where('network_id', '=', networkId)
    .where('mac', '=', mac)
    .where('id', '!=', portId)
    .executeTakeFirst()
  return row !== undefined
}

export async function setGroups(
  tx: Ctx,
  portId: string,
  groupIds: readonly string[],
): Promise<void> {
  await db(tx).deleteFrom('net_port_groups').where('port_id', '=', portId).execute()
  await addGroups(tx, portId, groupIds)
}

export async function addGroups(
  tx: Ctx,
  portId: string,
  groupIds: readonly string[],
): Promise<void> {
  if (groupIds.length === 0) return
  await db(tx)
    .insertInto('net_port_groups')
    .values(groupIds.map((group_id) => ({ port_id: portId, group_id })))
    .execute()
}

export async function groupIdsOf(ctx: Ctx, portId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_port_groups')
    .select('group_id')
    .where('port_id', '=', portId)
    .execute()
  return rows.map((row) => row.group_id)
}

/** For the engine's side: rows the API does not show too. */
export async function anyPort(ctx: Ctx, id: string): Promise<PortTable | undefined> {
  return await db(ctx).selectFrom('net_ports').selectAll().where('id', '=', id).executeTakeFirst()
}

export async function portsById(ctx: Ctx, ids: readonly string[]): Promise<readonly PortTable[]> {
  if (ids.length === 0) return []
  return await db(ctx)
    .selectFrom('net_ports')
    .selectAll()
    .where('id', 'in', ids)
    .where('deleted', '=', 0)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

export async function portsOfDevices(
  ctx: Ctx,
  deviceIds: readonly string[],
): Promise<readonly PortTable[]> {
  return deviceIds.length === 0 ? [] : await deviceRows(ctx, { deviceIds })
}

const deviceRows = prepared(
  (query: Kysely<NetworkTables>, { deviceIds }: { readonly deviceIds: readonly string[] }) =>
    query
      .selectFrom('net_ports')
      .selectAll()
      .where('device_id', 'in', deviceIds)
      .where('deleted', '=', 0)
      .orderBy('created_at')
      .orderBy('id'),
)

export async function portsInNetwork(ctx: Ctx, networkId: string): Promise<readonly PortTable[]> {
  return await db(ctx)
    .selectFrom('net_ports')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('deleted', '=', 0)
    .execute()
}

export async function plainUpdate(
  ctx: Ctx,
  id: string,
  changes: Partial<PortTable>,
): Promise<void> {
  await db(ctx).updateTable('net_ports').set(changes).where('id', '=', id).execute()
}

/** A row that is gone for the API but still plugged stays, marked, with nothing that others could want. */
export async function hidePort(tx: Ctx, port: PortTable): Promise<void> {
  await db(tx).deleteFrom('net_port_groups').where('port_id', '=', port.id).execute()
  await db(tx).deleteFrom('net_addresses').where('port_id', '=', port.id).execute()
  if (port.netns === null) await erasePort(tx, port.id)
  else
    await db(tx)
      .updateTable('net_ports')
      .set({ deleted: 1, status: 'DOWN' })
      .where('id', '=', port.id)
      .execute()
}

export async function erasePort(ctx: Ctx, id: string): Promise<void> {
  await db(ctx).deleteFrom('net_ports').where('id', '=', id).execute()
}

export async function setStatus(
  ctx: Ctx,
  ids: readonly string[],
  status: PortTable['status'],
): Promise<void> {
  if (ids.length === 0) return
  await db(ctx)
    .updateTable('net_ports')
    .set({ status })
    .where('id', 'in', ids)
    .where('status', '!=', status)
    .execute()
}

export async function portsWithAddress(ctx: Ctx, subnetId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_addresses')
    .select('port_id')
    .distinct()
    .where('subnet_id', '=', subnetId)
    .execute()
  return rows.map((row) => row.port_id)
}

/** The port that has this address in this network. */
export async function portWithAddress(
  ctx: Ctx,
  networkId: string,
  address: string,
): Promise<PortTable | undefined> {
  return await db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_addresses as a', 'a.port_id', 'p.id')
    .selectAll('p')
    .where('a.network_id', '=', networkId)
    .where('a.address', '=', canonicalIp(address) ?? address)
    .where('p.deleted', '=', 0)
    .executeTakeFirst()
}

/** Networks in which something is plugged. */
export async function networksInUse(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_ports')
    .select('network_id')
    .distinct()
    .where('netns', 'is not', null)
    .where('deleted', '=', 0)
    .execute()
  return rows.map((row) => row.network_id)
}

/** Hidden ports that wait to be unplugged. */
export async function hiddenPorts(ctx: Ctx): Promise<readonly string[]> {
  const rows = await db(ctx).selectFrom('net_ports').select('id').where('deleted', '=', 1).execute()
  return rows.map((row) => row.id)
}
