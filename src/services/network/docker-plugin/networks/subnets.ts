import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../../kernel/db/db.ts'
import { formatIp, parseIp } from '../../addressing/address.ts'
import { formatCidr, hostRange, lastOf, parseCidr, type Cidr } from '../../addressing/cidr.ts'
import { defaultPools, rangesOf, type Pool } from '../../addressing/pools.ts'
import { invalidInput } from '../../fault.ts'
import { DOCKER_OWNER } from '../../kinds.ts'
import type { NetworkRow } from '../../networks/schema.ts'
import { subnetsIn } from '../../subnets/store.ts'
import type { SubnetTable } from '../../tables.ts'
import type { PluginDeps } from '../deps.ts'
import { auxName, OWN_PORT_TAG, subnetName, subnetPoolName } from '../names.ts'
import type { Added } from '../neutron.ts'
import { networkOptions, type NetworkOptions } from '../options.ts'
import type { IpamDatum } from '../payloads.ts'
import {
  addressesIn,
  findAddress,
  insertAddress,
  insertPool,
  updateAddress,
  updatePool,
} from '../addresses/store.ts'
import type { PoolTable } from '../tables.ts'

export interface SubnetWish {
  readonly dockerId: string
  readonly network: NetworkRow
  readonly projectId: string
  readonly datum: IpamDatum
  /** Undefined when Docker keeps the addresses itself (`--ipam-driver default`). */
  readonly pool: PoolTable | undefined
  readonly options: NetworkOptions
}

/** The subnet behind one of Docker's prefixes: the network's own, or a new one out of a pool. Answers its id. */
export async function ensureSubnet(
  tenant: Ctx,
  deps: PluginDeps,
  wish: SubnetWish,
): Promise<string> {
  const cidr = parseCidr(wish.datum.Pool)
  if (cidr === undefined) throw invalidInput(`'${wish.datum.Pool.slice(0, 64)}' is no prefix.`)
  const pool = wish.pool ?? (await poolOfDocker(tenant, wish, cidr))
  const siblings = await subnetsIn(tenant, wish.network.id)
  const existing = siblings.find((subnet) =>
    pool.subnet_id === null ? subnet.cidr === formatCidr(cidr) : subnet.id === pool.subnet_id,
  )
  if (existing === undefined && pool.subnet_id !== null)
    throw invalidInput(`subnet ${wish.datum.Pool} is not in network ${wish.network.name}.`)
  if (existing !== undefined) await mustHaveGateway(tenant, existing, pool)
  const made =
    existing === undefined ? await makeSubnet(tenant, deps, wish, pool, cidr, siblings) : undefined
  const subnetId = existing?.id ?? made?.subnetId ?? ''
  await updatePool(tenant, pool.id, {
    docker_network: wish.dockerId,
    project_id: wish.projectId,
    subnet_id: subnetId,
    made_subnet: made === undefined ? 0 : 1,
    ...(made?.poolId === undefined ? {} : { pool_id: made.poolId, made_pool: 1 }),
    added: toJson([
      ...fromJson<Added[]>(pool.added),
      ...(existing === undefined
        ? []
        : [await deps.neutron.tag(asCloud(tenant), 'subnet', existing.id, [pool.id])]),
    ]),
  })
  await setAside(tenant, deps, wish, pool, subnetId)
  return subnetId
}

/** Docker gives the addresses itself: a pool of our own stands for them, so that everything else is as usual. */
async function poolOfDocker(tenant: Ctx, wish: SubnetWish, cidr: Cidr): Promise<PoolTable> {
  const row: PoolTable = {
    id: randomUUID(),
    project_id: wish.projectId,
    version: cidr.base.version,
    cidr: formatCidr(cidr),
    sub_range: null,
    options: toJson(networkOptions({})),
    pool_id: null,
    made_pool: 0,
    subnet_id: null,
    made_subnet: 0,
    docker_network: null,
    nameless: 1,
    added: '[]',
    missing_since: null,
    created_at: tenant.now().toISOString(),
  }
  await insertPool(tenant, row)
  return row
}

/** Asked by name, the gateway was promised before anybody knew the subnet. */
async function mustHaveGateway(tx: Ctx, subnet: SubnetTable, pool: PoolTable): Promise<void> {
  const gateway = (await addressesIn(tx, pool.id)).find(({ kind }) => kind === 'gateway')
  if (gateway === undefined || gateway.asked === 0 || gateway.address === subnet.gateway) return
  throw invalidInput(
    `the gateway of subnet ${subnet.cidr} is ${subnet.gateway ?? 'none'}, not ${gateway.address}.`,
  )
}

async function makeSubnet(
  tenant: Ctx,
  deps: PluginDeps,
  wish: SubnetWish,
  pool: PoolTable,
  cidr: Cidr,
  siblings: readonly SubnetTable[],
): Promise<{ readonly subnetId: string; readonly poolId?: string }> {
  const family = siblings.filter(({ version }) => version === pool.version)
  // of one network all subnets of a family come from one pool, or from none
  const made =
    family.length === 0 && pool.pool_id === null
      ? await makePool(tenant, deps, wish, cidr)
      : undefined
  const poolId = family.length > 0 ? (family[0]?.pool_id ?? null) : (made ?? pool.pool_id)
  const gateway = gatewayOf(wish.datum, cidr)
  const id = await deps.neutron.create(
    tenant,
    'subnet',
    {
      network_id: wish.network.id,
      name: subnetName(formatCidr(cidr)),
      ip_version: pool.version,
      cidr: formatCidr(cidr),
      gateway_ip: gateway,
      ...(poolId === null ? {} : { subnetpool_id: poolId }),
      ...(pool.sub_range === null
        ? {}
        : { allocation_pools: poolsIn(pool.sub_range, cidr, gateway) }),
    },
    wish.projectId,
  )
  await deps.neutron.tag(tenant, 'subnet', id, [poolId ?? pool.id])
  if (made !== undefined) await deps.neutron.tag(tenant, 'subnetpool', made, [id])
  return { subnetId: id, ...(made === undefined ? {} : { poolId: made }) }
}

async function makePool(
  tenant: Ctx,
  deps: PluginDeps,
  wish: SubnetWish,
  cidr: Cidr,
): Promise<string> {
  return await deps.neutron.create(
    asCloud(tenant),
    'subnetpool',
    {
      name: subnetPoolName(formatCidr(cidr)),
      prefixes: [formatCidr(cidr)],
      default_prefixlen: cidr.prefix,
      min_prefixlen: cidr.prefix,
      ...(wish.options.shared === undefined ? {} : { shared: wish.options.shared }),
    },
    wish.projectId,
  )
}

/** What Docker was told for want of a gateway is the network address: there is none then. */
function gatewayOf({ Gateway }: IpamDatum, cidr: Cidr): string | null {
  const ip = parseIp(Gateway.split('/')[0] ?? '')
  return ip === undefined || ip.value === cidr.base.value ? null : formatIp(ip)
}

/** The part of `--ip-range` that hosts may have, around the gateway. */
export function poolsIn(range: string, whole: Cidr, gateway: string | null): Pool[] {
  const part = parseCidr(range)
  if (part === undefined) return []
  const hosts = hostRange(whole)
  const from = part.base.value > hosts.first ? part.base.value : hosts.first
  const to = lastOf(part) < hosts.last ? lastOf(part) : hosts.last
  const around = rangesOf(defaultPools(whole, gateway === null ? undefined : parseIp(gateway)))
  const text = (value: bigint): string => formatIp({ version: whole.base.version, value })
  return around.flatMap((piece) => {
    const start = piece.from > from ? piece.from : from
    const end = piece.to < to ? piece.to : to
    return start > end ? [] : [{ start: text(start), end: text(end) }]
  })
}

/** `--aux-address`: nobody is given these, in Neutron neither. */
async function setAside(
  tenant: Ctx,
  deps: PluginDeps,
  wish: SubnetWish,
  pool: PoolTable,
  subnetId: string,
): Promise<void> {
  for (const [name, text] of Object.entries(wish.datum.AuxAddresses)) {
    const ip = parseIp(text.split('/')[0] ?? '')
    if (ip === undefined) continue
    const address = formatIp(ip)
    const portId = await deps.neutron.create(
      tenant,
      'port',
      {
        network_id: wish.network.id,
        name: auxName(name),
        device_owner: DOCKER_OWNER,
        device_id: `aux-${wish.dockerId.slice(0, 12)}`,
        fixed_ips: [{ subnet_id: subnetId, ip_address: address }],
        tags: [OWN_PORT_TAG],
      },
      wish.projectId,
    )
    const held = { kind: 'aux', port_id: portId, made: 1 } as const
    if ((await findAddress(tenant, pool.id, address)) === undefined)
      await insertAddress(tenant, {
        pool_id: pool.id,
        address,
        asked: 1,
        call_id: '',
        missing_since: null,
        ...held,
      })
    else await updateAddress(tenant, pool.id, address, held)
  }
}
