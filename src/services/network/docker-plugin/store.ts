import type { Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'

/** What the Docker Engine was given, and what of it was there before. */

/** A `PoolID`: a prefix that Docker takes addresses from. It belongs to a Docker network as soon as one is made of it. */
export interface PoolTable {
  /** The id of the call that asked for it, so that the same call never makes a second one. */
  id: string
  project_id: string
  version: 4 | 6
  cidr: string
  /** Addresses that nobody asked for by name come from this part. */
  sub_range: string | null
  /** JSON: NetworkOptions */
  options: string
  /** The subnet pool that its prefix comes from. */
  pool_id: string | null
  made_pool: number
  subnet_id: string | null
  made_subnet: number
  docker_network: string | null
  /** 1: Docker keeps these addresses itself and has never heard of the pool. */
  nameless: number
  /** JSON: Added[] */
  added: string
  missing_since: string | null
  created_at: string
}

export interface DockerNetworkTable {
  id: string
  project_id: string
  network_id: string
  made: number
  internal: number
  /** The router that its subnets were joined to. */
  router_id: string | null
  /** JSON: Added[] */
  added: string
  /** 1: the engine that we ask knows it, so its absence there means something. */
  seen: number
  missing_since: string | null
  created_at: string
}

export interface AddressTable {
  /** Pool and address. */
  id: string
  pool_id: string
  address: string
  kind: 'gateway' | 'aux' | 'guest'
  port_id: string | null
  /** 1: the port was made for it. */
  made: number
  /** 1: asked for by name. */
  asked: number
  call_id: string
  missing_since: string | null
}

export interface EndpointTable {
  id: string
  docker_network: string
  port_id: string
  made: number
  /** JSON: PortBefore of a port that was there before; `null` otherwise. */
  port_before: string
  /** The container's sandbox, as long as it has joined. */
  sandbox: string | null
  exposed_group: string | null
  /** JSON: Extras */
  extras: string
  missing_since: string | null
  created_at: string
}

interface DockerTables {
  net_docker_pools: PoolTable
  net_docker_networks: DockerNetworkTable
  net_docker_addresses: AddressTable
  net_docker_endpoints: EndpointTable
}

const db = (ctx: Ctx): Kysely<DockerTables> => tables<DockerTables>(ctx)

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

export async function findDockerNetwork(
  ctx: Ctx,
  id: string,
): Promise<DockerNetworkTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_networks')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function insertDockerNetwork(tx: Ctx, row: DockerNetworkTable): Promise<void> {
  await db(tx).insertInto('net_docker_networks').values(row).execute()
}

export async function deleteDockerNetwork(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_docker_networks').where('id', '=', id).execute()
}

export async function allDockerNetworks(ctx: Ctx): Promise<readonly DockerNetworkTable[]> {
  return await db(ctx).selectFrom('net_docker_networks').selectAll().execute()
}

export async function markSeen(ctx: Ctx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db(ctx)
    .updateTable('net_docker_networks')
    .set({ seen: 1 })
    .where('id', 'in', ids)
    .where('seen', '=', 0)
    .execute()
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

export async function findEndpoint(ctx: Ctx, id: string): Promise<EndpointTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function endpointOfPort(ctx: Ctx, portId: string): Promise<EndpointTable | undefined> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('port_id', '=', portId)
    .executeTakeFirst()
}

export async function endpointsOf(
  ctx: Ctx,
  dockerNetwork: string,
): Promise<readonly EndpointTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('docker_network', '=', dockerNetwork)
    .execute()
}

export async function endpointsInSandbox(
  ctx: Ctx,
  sandbox: string,
): Promise<readonly EndpointTable[]> {
  return await db(ctx)
    .selectFrom('net_docker_endpoints')
    .selectAll()
    .where('sandbox', '=', sandbox)
    .execute()
}

export async function insertEndpoint(tx: Ctx, row: EndpointTable): Promise<void> {
  await db(tx).insertInto('net_docker_endpoints').values(row).execute()
}

export async function updateEndpoint(
  tx: Ctx,
  id: string,
  changes: Partial<EndpointTable>,
): Promise<void> {
  await db(tx).updateTable('net_docker_endpoints').set(changes).where('id', '=', id).execute()
}

export async function deleteEndpoint(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_docker_endpoints').where('id', '=', id).execute()
}

export async function allEndpoints(ctx: Ctx): Promise<readonly EndpointTable[]> {
  return await db(ctx).selectFrom('net_docker_endpoints').selectAll().execute()
}

export type Marked = keyof DockerTables

/** Since when nobody seems to want these any more; null: somebody does. */
export async function markMissing(
  ctx: Ctx,
  table: Marked,
  ids: readonly string[],
  since: string | null,
): Promise<void> {
  if (ids.length === 0) return
  await db(ctx).updateTable(table).set({ missing_since: since }).where('id', 'in', ids).execute()
}
