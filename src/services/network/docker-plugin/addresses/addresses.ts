import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import {
  bitsOf,
  formatIp,
  parseIp,
  sortKey,
  fromSortKey,
  type Ip,
} from '../../addressing/address.ts'
import {
  contains,
  formatCidr,
  hostRange,
  lastOf,
  parseCidr,
  type Cidr,
} from '../../addressing/cidr.ts'
import { firstFree } from '../../addressing/pools.ts'
import { takenKeys } from '../../addresses/store.ts'
import { invalidInput, neutronError } from '../../fault.ts'
import { DOCKER_OWNER } from '../../kinds.ts'
import { portWithAddress } from '../../ports/store.ts'
import { subnetsById } from '../../subnets/store.ts'
import { asTenant, type PluginDeps } from '../deps.ts'
import { OWN_PORT_TAG, UNBOUND_PORT } from '../names.ts'
import type { Payload } from '../payloads.ts'
import { dropAddress } from './release.ts'
import { addressOfCall, findAddress, findPool, insertAddress } from './store.ts'
import { endpointOfPort } from '../endpoints/store.ts'
import { findDockerNetwork } from '../networks/store.ts'
import type { AddressTable, PoolTable } from '../tables.ts'

type Asked = Payload<'IpamDriver.RequestAddress'>

/** An address: the gateway's, one that Docker is to leave alone, or a container's. */
export async function requestAddress(
  tx: Ctx,
  deps: PluginDeps,
  asked: Asked,
  call: string,
): Promise<Readonly<Record<string, unknown>>> {
  const pool = await findPool(tx, asked.PoolID)
  if (pool === undefined)
    throw neutronError('notFound', 'PoolNotFound', `There is no pool ${asked.PoolID}.`)
  const known = await addressOfCall(tx, pool.id, call)
  const address = known?.address ?? (await chosen(tx, deps, pool, asked, call))
  return { Address: `${address}/${cidrOf(pool).prefix}`, Data: {} }
}

async function chosen(
  tx: Ctx,
  deps: PluginDeps,
  pool: PoolTable,
  asked: Asked,
  call: string,
): Promise<string> {
  const wanted = asked.Address === '' ? undefined : inside(pool, asked.Address)
  if (asked.Options['RequestAddressType'] === 'com.docker.network.gateway')
    return await gateway(tx, pool, wanted, call)
  if (pool.docker_network !== null) return await guest(tx, deps, pool, wanted, call)
  // before there is a network, Docker asks for what it is not to give to containers
  if (wanted === undefined)
    throw invalidInput('no network was made of this pool yet, so there is no container to serve.')
  await keep(tx, pool, wanted, { kind: 'aux', asked: 1, call_id: call })
  return wanted
}

export function cidrOf(pool: Pick<PoolTable, 'cidr' | 'id'>): Cidr {
  const cidr = parseCidr(pool.cidr)
  if (cidr === undefined) throw new Error(`pool ${pool.id} has no CIDR`)
  return cidr
}

function inside(pool: PoolTable, text: string): string {
  const ip = parseIp(text.split('/')[0] ?? '')
  if (ip !== undefined && contains(cidrOf(pool), ip)) return formatIp(ip)
  throw invalidInput(`${text.slice(0, 64)} is no address of ${pool.cidr}.`)
}

type More = Partial<Omit<AddressTable, 'id'>> & Pick<AddressTable, 'kind' | 'call_id'>

/** A gateway or aux address asked for again stays as it is. */
async function keep(tx: Ctx, pool: PoolTable, address: string, more: More): Promise<void> {
  if ((await findAddress(tx, pool.id, address)) !== undefined) return
  await insertAddress(tx, {
    pool_id: pool.id,
    address,
    port_id: null,
    made: 0,
    asked: 0,
    missing_since: null,
    ...more,
  })
}

/**
 * An existing subnet's gateway is what it is. One without a gateway gets its network address: Docker insists on some address,
 * no container can have this one, and Join leaves it out.
 */
async function gateway(
  tx: Ctx,
  pool: PoolTable,
  wanted: string | undefined,
  call: string,
): Promise<string> {
  const cidr = cidrOf(pool)
  const [subnet] = pool.subnet_id === null ? [] : await subnetsById(tx, [pool.subnet_id])
  const given = subnet === undefined ? firstHost(cidr) : (subnet.gateway ?? formatIp(cidr.base))
  if (subnet !== undefined && wanted !== undefined && wanted !== given)
    throw invalidInput(
      subnet.gateway === null
        ? `subnet ${subnet.cidr} has no gateway.`
        : `the gateway of subnet ${subnet.cidr} is ${subnet.gateway}, not ${wanted}.`,
    )
  const address = wanted ?? given
  const asked = wanted === undefined ? 0 : 1
  await keep(tx, pool, address, { kind: 'gateway', asked, call_id: call })
  return address
}

function firstHost(cidr: Cidr): string {
  const { first } = hostRange(cidr)
  const value = cidr.base.version === 6 && cidr.prefix < 127 ? cidr.base.value + 1n : first
  return formatIp({ version: cidr.base.version, value })
}

async function guest(
  tx: Ctx,
  deps: PluginDeps,
  pool: PoolTable,
  wanted: string | undefined,
  call: string,
): Promise<string> {
  const network = await findDockerNetwork(tx, pool.docker_network ?? '')
  const [subnet] = pool.subnet_id === null ? [] : await subnetsById(tx, [pool.subnet_id])
  if (network === undefined || subnet === undefined)
    throw neutronError(
      'notFound',
      'SubnetNotFound',
      `The subnet ${pool.cidr} of this network is gone: it was deleted in Neutron.`,
    )
  if (wanted !== undefined && (await taken(tx, deps, pool, network.network_id, wanted, call)))
    return wanted
  const address = wanted ?? (await freeInRange(tx, pool, subnet.id))
  const fixed = { subnet_id: subnet.id, ...(address === undefined ? {} : { ip_address: address }) }
  const portId = await deps.neutron.create(
    asTenant(tx, network.project_id),
    'port',
    {
      network_id: network.network_id,
      name: UNBOUND_PORT,
      device_owner: DOCKER_OWNER,
      'binding:host_id': deps.host,
      fixed_ips: [fixed],
      tags: [OWN_PORT_TAG],
    },
    network.project_id,
  )
  const made = address ?? (await addressIn(tx, deps, portId, subnet.id))
  const asked = wanted === undefined ? 0 : 1
  await keep(tx, pool, made, { kind: 'guest', port_id: portId, made: 1, asked, call_id: call })
  return made
}

async function addressIn(
  tx: Ctx,
  deps: PluginDeps,
  portId: string,
  subnetId: string,
): Promise<string> {
  const view = await deps.neutron.view(tx, 'port', portId)
  const list = (view?.['fixed_ips'] ?? []) as readonly { subnet_id: string; ip_address: string }[] // a port's view has them
  const own = list.find(({ subnet_id }) => subnet_id === subnetId)
  if (own === undefined) throw new Error(`port ${portId} has no address in ${subnetId}`)
  return own.ip_address
}

/**
 * Somebody has this address already: a port that waits for a container is taken as it is (true); what is in use is refused.
 * A reservation of ours that never became an endpoint is what a repeated `docker run --ip` means.
 */
async function taken(
  tx: Ctx,
  deps: PluginDeps,
  pool: PoolTable,
  networkId: string,
  address: string,
  call: string,
): Promise<boolean> {
  const ours = await findAddress(tx, pool.id, address)
  const port = await portWithAddress(tx, networkId, address)
  if (ours !== undefined && ours.kind !== 'guest')
    throw inUse(address, ours.kind === 'gateway' ? 'it is the gateway' : 'it is set aside')
  if (ours !== undefined) {
    const holder = ours.port_id === null ? undefined : await endpointOfPort(tx, ours.port_id)
    if (holder !== undefined) throw inUse(address, `endpoint ${holder.id.slice(0, 12)} has it`)
    if (port?.id === ours.port_id) return true
    await dropAddress(tx, deps, ours) // its port was deleted in Neutron
  }
  if (port === undefined) return false
  const visible = await deps.neutron.find(asTenant(tx, pool.project_id), 'port', port.id)
  if (visible === undefined || port.device_id !== '' || port.device_owner.startsWith('network:'))
    throw inUse(address, `port ${port.id} has it`)
  await keep(tx, pool, address, { kind: 'guest', port_id: port.id, asked: 1, call_id: call })
  return true
}

const inUse = (address: string, why: string): Error =>
  neutronError('conflict', 'IpAddressInUse', `Address ${address} is already in use: ${why}.`)

const LOOK_AHEAD = 256

/** With `--ip-range`: the lowest free address of that part. Undefined: any of the subnet will do. */
async function freeInRange(
  tx: Ctx,
  pool: PoolTable,
  subnetId: string,
): Promise<string | undefined> {
  const range = pool.sub_range === null ? undefined : parseCidr(pool.sub_range)
  if (range === undefined) return undefined
  const whole = hostRange(cidrOf(pool))
  const { version } = range.base
  const least = range.base.value > whole.first ? range.base.value : whole.first
  const to = lastOf(range) < whole.last ? lastOf(range) : whole.last
  for (let from = least; from <= to;) {
    const keys = await takenKeys(tx, subnetId, sortKey({ version, value: from }), LOOK_AHEAD)
    const values = keys.map((key) => fromSortKey(key).value)
    const complete = keys.length < LOOK_AHEAD
    const found = await notOurs(
      tx,
      pool,
      firstFree([{ from: least, to }], from, values, complete),
      version,
    )
    if (typeof found === 'string') return found
    const next = found ?? values.at(-1)
    if (next === undefined || (found === undefined && complete)) break
    from = next + 1n
  }
  throw neutronError(
    'conflict',
    'IpAddressGenerationFailure',
    `No more IP addresses available in ${formatCidr(range)}.`,
  )
}

/** The gateway and what is set aside may not be ports; a candidate that is one of them is answered as a number to go on from. */
async function notOurs(
  tx: Ctx,
  pool: PoolTable,
  value: bigint | undefined,
  version: 4 | 6,
): Promise<string | bigint | undefined> {
  if (value === undefined) return undefined
  const ip: Ip = { version, value: BigInt.asUintN(bitsOf(version), value) }
  return (await findAddress(tx, pool.id, formatIp(ip))) === undefined ? formatIp(ip) : value
}

export async function releaseAddress(
  tx: Ctx,
  deps: PluginDeps,
  { PoolID, Address }: Payload<'IpamDriver.ReleaseAddress'>,
): Promise<void> {
  const ip = parseIp(Address.split('/')[0] ?? '')
  const row = ip === undefined ? undefined : await findAddress(tx, PoolID, formatIp(ip))
  if (row !== undefined) await dropAddress(tx, deps, row)
}
