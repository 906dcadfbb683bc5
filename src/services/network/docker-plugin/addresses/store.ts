import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { db, type AddressTable, type PoolTable } from '../tables.ts'

export async function findPool(ctx: Ctx, id: string): Promise<PoolTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_pools')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function insertPool(tx: Ctx, row: PoolTable): Promise<void> {
  await db(tx).insertInto('net_docker_pools').values(row).execute()
}

export async function updatePool(tx: Ctx, id: string, changes: Partial<PoolTable>): Promise<void> {
  await db(tx).updateTable('net_docker_pools').set(changes).where('id', '=', id).execute()
}

export async function deletePool(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_docker_addresses').where('pool_id', '=', id).execute()
  await db(tx).deleteFrom('net_docker_pools').where('id', '=', id).execute()
}

/** Pools no network was made of yet, the newest first. */
export async function freePools(tx: Ctx): Promise<readonly PoolTable[]> {
  return await db(tx)
    .selectFrom('net_docker_pools')
    .selectAll()
    .where('docker_network', 'is', null)
    .orderBy('created_at', 'desc')
    .execute()
}

export async function poolsOf(ctx: Ctx, dockerNetwork: string): Promise<readonly PoolTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_pools')
    .selectAll()
    .where('docker_network', '=', dockerNetwork)
    .orderBy('version')
    .execute()
}

export async function allPools(ctx: Ctx): Promise<readonly PoolTable[]> {
  return await db(ctx).selectFrom('net_docker_pools').selectAll().execute()
}

export async function findAddress(
  ctx: Ctx,
  poolId: string,
  address: string,
): Promise<AddressTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_addresses')
    .selectAll()
    .where('pool_id', '=', poolId)
    .where('address', '=', address)
    .executeTakeFirst()
}

export async function addressOfCall(
  ctx: Ctx,
  poolId: string,
  call: string,
): Promise<AddressTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_addresses')
    .selectAll()
    .where('pool_id', '=', poolId)
    .where('call_id', '=', call)
    .executeTakeFirst()
}

export async function insertAddress(tx: Ctx, row: Omit<AddressTable, 'id'>): Promise<void> {
  const id = `${row.pool_id} ${row.address}`
  await db(tx)
    .insertInto('net_docker_addresses')
    .values({ ...row, id })
    .execute()
}

/** Of all addresses of a port. */
export async function updateAddresses(
  tx: Ctx,
  portId: string,
  changes: Partial<AddressTable>,
): Promise<void> {
  await db(tx)
    .updateTable('net_docker_addresses')
    .set(changes)
    .where('port_id', '=', portId)
    .execute()
}

export async function updateAddress(
  tx: Ctx,
  poolId: string,
  address: string,
  changes: Partial<AddressTable>,
): Promise<void> {
  await db(tx)
    .updateTable('net_docker_addresses')
    .set(changes)
    .where('pool_id', '=', poolId)
    .where('address', '=', address)
    .execute()
}

export async function deleteAddress(tx: Ctx, poolId: string, address: string): Promise<void> {
  await db(tx)
    .deleteFrom('net_docker_addresses')
    .where('pool_id', '=', poolId)
    .where('address', '=', address)
    .execute()
}

export async function addressesIn(ctx: Ctx, poolId: string): Promise<readonly AddressTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_addresses')
    .selectAll()
    .where('pool_id', '=', poolId)
    .execute()
}

export async function addressesOfPort(ctx: Ctx, portId: string): Promise<readonly AddressTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_addresses')
    .selectAll()
    .where('port_id', '=', portId)
    .execute()
}

export async function allAddresses(ctx: Ctx): Promise<readonly AddressTable[]> {
  return await db(ctx).selectFrom('net_docker_addresses').selectAll().execute()
}
