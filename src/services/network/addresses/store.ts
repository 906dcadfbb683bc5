import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { parseIp, sortKey } from '../addressing/address.ts'
import { db, type AddressTable } from '../tables.ts'

/** Writes one address; false when somebody in the network has it. The unique index decides, so no two ports ever share one. */
export async function insertAddress(
  tx: Ctx,
  row: Omit<AddressTable, 'sort_key'>,
): Promise<boolean> {
  const ip = parseIp(row.address)
  if (ip === undefined) throw new Error(`${row.address} is no address`)
  const result = await db(tx)
    .insertInto('net_addresses')
    .values({ ...row, sort_key: sortKey(ip) })
    .onConflict((conflict) => conflict.columns(['network_id', 'address']).doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

/** The address becomes another port's in one step: at no moment could a third one take it. */
export async function moveAddress(
  tx: Ctx,
  networkId: string,
  address: string,
  to: { readonly portId: string; readonly position: number },
): Promise<void> {
  await db(tx)
    .updateTable('net_addresses')
    .set({ port_id: to.portId, position: to.position })
    .where('network_id', '=', networkId)
    .where('address', '=', address)
    .execute()
}

/** Sort keys of taken addresses of a subnet from this one on. */
export async function takenKeys(
  ctx: Ctx,
  subnetId: string,
  from: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_addresses')
    .select('sort_key')
    .where('subnet_id', '=', subnetId)
    .where('sort_key', '>=', from)
    .orderBy('sort_key')
    .limit(limit)
    .execute()
  return rows.map((row) => row.sort_key)
}

export async function setCursor(tx: Ctx, subnetId: string, key: string): Promise<void> {
  await db(tx)
    .updateTable('net_subnets')
    .set({ cursor_key: key })
    .where('id', '=', subnetId)
    .execute()
}

/** As written last, with the row locked on PostgreSQL until the transaction ends: allocations in one subnet queue up here. */
export async function lockCursor(tx: Ctx, subnetId: string): Promise<string> {
  const query = db(tx).selectFrom('net_subnets').select('cursor_key').where('id', '=', subnetId)
  const row = await (tx.db.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
  return row?.cursor_key ?? ''
}

export async function addressesOf(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<readonly AddressTable[]> {
  if (portIds.length === 0) return []
  return await db(ctx)
    .selectFrom('net_addresses')
    .selectAll()
    .where('port_id', 'in', portIds)
    .orderBy('position')
    .execute()
}

export async function deleteAddresses(
  tx: Ctx,
  networkId: string,
  addresses: readonly string[],
): Promise<void> {
  if (addresses.length === 0) return
  await db(tx)
    .deleteFrom('net_addresses')
    .where('network_id', '=', networkId)
    .where('address', 'in', addresses)
    .execute()
}

export async function setPosition(
  tx: Ctx,
  networkId: string,
  address: string,
  position: number,
): Promise<void> {
  await db(tx)
    .updateTable('net_addresses')
    .set({ position })
    .where('network_id', '=', networkId)
    .where('address', '=', address)
    .execute()
}
