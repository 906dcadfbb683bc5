import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { PortForwardingSpec } from '../../../ports/network.ts'
import { neutronError } from '../fault.ts'
import { standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import { findRow } from '../standard/store.ts'
import type { ForwardingRow, ForwardingTable } from './schema.ts'

interface ForwardingTables {
  net_port_forwardings: ForwardingTable
  net_floating_ips: { id: string; address: string; router_id: string | null }
}

const db = (ctx: Ctx): Kysely<ForwardingTables> => tables<ForwardingTables>(ctx)

/** Seen by whoever sees the floating IP: that is asked before. */
export const forwardingSpec: ListSpec = {
  table: 'net_port_forwardings',
  columns: {
    id: standardColumns.id,
    description: standardColumns.description,
    floatingip_id: text('floatingip_id'),
    internal_port_id: text('port_id'),
    internal_ip_address: text('address'),
    protocol: text('protocol'),
    external_port: { column: 'external_first', kind: 'integer' },
    internal_port: { column: 'internal_first', kind: 'integer' },
  },
  filters: {
    external_port_range: (values) => rangeFilter('external', values),
    internal_port_range: (values) => rangeFilter('internal', values),
  },
  open: true,
}

const rangeFilter = (side: 'external' | 'internal', values: readonly string[]) =>
  sql`cast(t.${sql.ref(`${side}_first`)} as text) || ':' || cast(t.${sql.ref(`${side}_last`)} as text) in (${sql.join(
    values.map((value) => (value.includes(':') ? value : `${value}:${value}`)),
  )})`

export async function getForwarding(
  ctx: Ctx,
  floatingIpId: string,
  id: string,
): Promise<ForwardingRow> {
  const row = await findRow<ForwardingRow>(ctx, forwardingSpec, id)
  if (row?.floatingip_id === floatingIpId) return row
  throw neutronError(
    'notFound',
    'PortForwardingNotFound',
    `Port Forwarding ${id.slice(0, 255)} could not be found.`,
  )
}

export async function insertForwarding(tx: Ctx, row: ForwardingTable): Promise<void> {
  await db(tx).insertInto('net_port_forwardings').values(row).execute()
}

export async function deleteForwardings(tx: Ctx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await db(tx).deleteFrom('net_port_forwardings').where('id', 'in', ids).execute()
}

/** Of many floating IPs, in the order of their making. */
export async function forwardingsOf(
  ctx: Ctx,
  floatingIpIds: readonly string[],
): Promise<readonly ForwardingTable[]> {
  if (floatingIpIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_port_forwardings')
    .selectAll()
    .where('floatingip_id', 'in', floatingIpIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

/** Those that lead to this port. */
export async function forwardingsTo(ctx: Ctx, portId: string): Promise<readonly ForwardingTable[]> {
  return await db(ctx)
    .selectFrom('net_port_forwardings')
    .selectAll()
    .where('port_id', '=', portId)
    .execute()
}

/** Where a router forwards to. */
export async function addressesForwardedTo(ctx: Ctx, routerId: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_port_forwardings as w')
    .innerJoin('net_floating_ips as f', 'f.id', 'w.floatingip_id')
    .select('w.address')
    .distinct()
    .where('f.router_id', '=', routerId)
    .execute()
  return rows.map((row) => row.address)
}

/** As the engine is to hear of them. */
export async function specsOfRouter(
  ctx: Ctx,
  routerId: string,
): Promise<readonly PortForwardingSpec[]> {
  const rows = await db(ctx)
    .selectFrom('net_port_forwardings as w')
    .innerJoin('net_floating_ips as f', 'f.id', 'w.floatingip_id')
    .selectAll('w')
    .select('f.address as floating')
    .where('f.router_id', '=', routerId)
    .orderBy('w.id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    protocol: row.protocol,
    floating: row.floating,
    externalPorts: [row.external_first, row.external_last],
    fixed: row.address,
    internalPorts: [row.internal_first, row.internal_last],
  }))
}
