import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { bitsOf, formatIp, parseIp } from '../addressing/address.ts'
import { formatCidr, overlaps, parseCidr, type Cidr } from '../addressing/cidr.ts'
import type { Pool } from '../addressing/pools.ts'
import { badRequest, invalidInput, neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { checkMtu6, getNetwork, networkSpec } from '../networks/store.ts'
import { addAutoAddresses, nudgePluggedPorts, portsWithAddressIn } from '../ports/effects.ts'
import { mustFit } from '../quotas/store.ts'
import { mustOwn } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import {
  bit,
  given,
  isTrue,
  standardView,
  versionOf,
  wholeOf,
  type View,
} from '../standard/schema.ts'
import { changeRow, tagsOf, touch } from '../standard/store.ts'
import { allocatePrefix, defaultPool } from '../subnetpools/allocate.ts'
import type { NetworkTable, SubnetTable } from '../tables.ts'
import {
  checkGatewayOutside,
  checkModes,
  dnsOf,
  gatewayOf,
  hostRoutesOf,
  poolsOf,
  readCidr,
  serviceTypesOf,
} from './plan.ts'
import {
  isAuto,
  NewSubnet,
  SubnetChange,
  type NewSubnetWish,
  type Route,
  type SubnetChangeWish,
  type SubnetRow,
} from './schema.ts'
import {
  deleteSubnet,
  holderOf,
  insertSubnet,
  subnetInUse,
  subnetsIn,
  subnetSpec,
} from './store.ts'

/** Subnets: the addresses of a network. */
export function subnetResource(): Resource {
  return resource<SubnetRow, typeof NewSubnet, typeof SubnetChange>({
    singular: 'subnet',
    plural: 'subnets',
    path: 'subnets',
    label: 'Subnet',
    notFound: 'SubnetNotFound',
    spec: subnetSpec,
    taggable: true,
    createBody: NewSubnet,
    updateBody: SubnetChange,
    create: createSubnet,
    update: updateSubnet,
    remove: removeSubnet,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(subnetView)),
  })
}

export async function createSubnet(
  tx: Ctx,
  wish: NewSubnetWish,
  projectId: string,
): Promise<string> {
  if (wish.segment_id !== undefined && wish.segment_id !== null)
    throw badRequest(
      'Bad subnets request: segment_id cannot be set: a network of this cloud is one segment, and all its subnets are in it.',
    )
  const network = await getNetwork(tx, wish.network_id)
  mustOwn(tx, network, 'create_subnet')
  await mustFit(tx, 'subnet', projectId)
  const others = await subnetsIn(tx, network.id)
  const { cidr, poolId } = await prefixFor(tx, wish, projectId)
  checkModes(wish, cidr)
  if (cidr.base.version === 6) checkMtu6(network.mtu)
  checkNeighbours(network, others, cidr, poolId)
  const gateway = gatewayOf(wish, cidr)
  const row = await insertSubnet(
    tx,
    wish,
    {
      cidr: formatCidr(cidr),
      gateway: gateway === undefined ? null : formatIp(gateway),
      pools: poolsOf(wish.allocation_pools, cidr, gateway),
      dns: dnsOf(wish.dns_nameservers),
      routes: hostRoutesOf(wish.host_routes, cidr.base.version),
      serviceTypes: serviceTypesOf(wish.service_types),
      poolId,
    },
    projectId,
  )
  if (isAuto(row)) await addAutoAddresses(tx, row)
  await changed(tx, network)
  return row.id
}

/** The prefix itself, or one out of a pool. */
async function prefixFor(
  tx: Ctx,
  wish: NewSubnetWish,
  projectId: string,
): Promise<{ cidr: Cidr; poolId: string | null }> {
  const byDefault = wish.use_default_subnetpool !== undefined && isTrue(wish.use_default_subnetpool)
  const version = versionOf(wish.ip_version)
  const poolId = wish.subnetpool_id ?? (byDefault ? await defaultPool(tx, version) : null)
  const asked = typeof wish.cidr === 'string' ? readCidr(wish.cidr, version) : undefined
  const prefixlen = wholeOf('prefixlen', wish.prefixlen, bitsOf(version))
  if (asked !== undefined && prefixlen !== undefined)
    throw badRequest('Bad subnets request: cidr and prefixlen must not be supplied together.')
  if (poolId === null) {
    if (asked === undefined)
      throw badRequest(
        'Bad subnets request: a subnetpool must be specified in the absence of a cidr.',
      )
    return { cidr: asked, poolId }
  }
  const cidr = await allocatePrefix(tx, poolId, {
    version,
    projectId,
    ...(asked === undefined ? {} : { cidr: asked }),
    ...(prefixlen === undefined ? {} : { prefixlen }),
  })
  return { cidr, poolId }
}

function checkNeighbours(
  network: NetworkTable,
  others: readonly SubnetTable[],
  cidr: Cidr,
  poolId: string | null,
): void {
  for (const other of others) {
    const taken = parseCidr(other.cidr)
    if (taken !== undefined && overlaps(taken, cidr)) {
      throw invalidInput(
        `Requested subnet with cidr: ${formatCidr(cidr)} for network: ${network.id} overlaps with another subnet`,
      )
    }
    if (other.version === cidr.base.version && other.pool_id !== poolId) {
      throw neutronError(
        'badRequest',
        'NetworkSubnetPoolAffinityError',
        'Subnets hosted on the same network must be allocated from the same subnet pool.',
      )
    }
  }
}

/** The network's shape is another now: its revision rises and the engine looks again. */
async function changed(tx: Ctx, network: NetworkTable): Promise<void> {
  await touch(tx, networkSpec, network.id)
  await nudge(tx, kinds.network, network.id)
  if (network.external === 1) await nudge(tx, kinds.external, network.id)
}

async function updateSubnet(tx: Ctx, row: SubnetRow, wish: SubnetChangeWish): Promise<void> {
  const cidr = parseCidr(row.cidr)
  if (cidr === undefined) throw new Error(`subnet ${row.id} has no CIDR`)
  const current = row.gateway === null ? undefined : parseIp(row.gateway)
  const gateway = wish.gateway_ip === undefined ? current : gatewayOf(wish, cidr)
  const pools =
    wish.allocation_pools === undefined || wish.allocation_pools === null
      ? fromJson<Pool[]>(row.pools)
      : poolsOf(wish.allocation_pools, cidr, gateway)
  if (wish.gateway_ip !== undefined)
    await checkGatewayChange(tx, row, pools, gateway === undefined ? null : formatIp(gateway))
  await changeRow(tx, subnetSpec, row.id, {
    gateway: gateway === undefined ? null : formatIp(gateway),
    pools: toJson(pools),
    name: wish.name,
    description: wish.description,
    dhcp: given(wish.enable_dhcp, (on) => dhcpOf(row, isTrue(on))),
    dns: given(wish.dns_nameservers, (dns) => toJson(dnsOf(dns))),
    routes: given(wish.host_routes, (routes) => toJson(hostRoutesOf(routes, row.version))),
    service_types: given(wish.service_types, (types) => toJson(serviceTypesOf(types))),
  })
  await changed(tx, await getNetwork(tx, row.network_id))
  if (wish.gateway_ip !== undefined || wish.host_routes !== undefined)
    await nudgePluggedPorts(tx, row.network_id)
}

function dhcpOf(row: SubnetRow, on: boolean): 0 | 1 {
  if (!on && (row.ra_mode !== null || row.address_mode !== null)) {
    throw invalidInput(
      'ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False.',
    )
  }
  return bit(on, true)
}

async function checkGatewayChange(
  tx: Ctx,
  row: SubnetRow,
  pools: readonly Pool[],
  gateway: string | null,
): Promise<void> {
  const ip = gateway === null ? undefined : parseIp(gateway)
  if (ip !== undefined) checkGatewayOutside(pools, ip)
  if (row.gateway === null || row.gateway === gateway) return
  const holder = await holderOf(tx, row.network_id, row.gateway)
  if (holder?.device_owner !== 'network:router_interface') return
  throw neutronError(
    'conflict',
    'GatewayIpInUse',
    `Current gateway ip ${row.gateway} already in use by port ${holder.id}. Unable to update.`,
  )
}

async function removeSubnet(tx: Ctx, row: SubnetRow): Promise<void> {
  if (await subnetInUse(tx, row, isAuto(row))) {
    throw neutronError(
      'conflict',
      'SubnetInUse',
      `Unable to complete operation on subnet ${row.id}: One or more ports have an IP allocation from this subnet.`,
    )
  }
  // ports with automatic addresses outlive the subnet
  for (const portId of await portsWithAddressIn(tx, row.id)) await nudge(tx, kinds.port, portId)
  await deleteSubnet(tx, row.id)
  await changed(tx, await getNetwork(tx, row.network_id))
}

function subnetView(row: SubnetRow): View {
  return {
    ...standardView(row),
    network_id: row.network_id,
    'router:external': row.external === 1,
    ip_version: row.version,
    cidr: row.cidr,
    gateway_ip: row.gateway,
    enable_dhcp: row.dhcp === 1,
    allocation_pools: fromJson<Pool[]>(row.pools),
    dns_nameservers: fromJson<string[]>(row.dns),
    host_routes: fromJson<Route[]>(row.routes),
    ipv6_ra_mode: row.ra_mode,
    ipv6_address_mode: row.address_mode,
    subnetpool_id: row.pool_id,
    service_types: fromJson<string[]>(row.service_types),
    tags: tagsOf(row),
  }
}
