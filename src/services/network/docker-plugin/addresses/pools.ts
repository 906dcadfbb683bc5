import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../../kernel/db/db.ts'
import { formatCidr, lastOf, overlaps, parseCidr, type Cidr } from '../../addressing/cidr.ts'
import { carve } from '../../addressing/pools.ts'
import { invalidInput, neutronError } from '../../fault.ts'
import type { SubnetPoolRow } from '../../subnetpools/schema.ts'
import { takenFrom } from '../../subnetpools/store.ts'
import type { SubnetRow } from '../../subnets/schema.ts'
import { subnetsIn } from '../../subnets/store.ts'
import { asTenant, type PluginDeps } from '../deps.ts'
import { EXISTING_POOL_TAG } from '../names.ts'
import type { Added } from '../neutron.ts'
import { networkOptions, type NetworkOptions } from '../options.ts'
import type { Payload } from '../payloads.ts'
import { projectFor } from '../networks/projects.ts'
import { dropAddress } from './release.ts'
import { addressesIn, allPools, deletePool, findPool, insertPool } from './store.ts'
import type { PoolTable } from '../tables.ts'

/** Where prefixes come from when nobody names one, as Kuryr calls them. */
const defaults = {
  4: { name: 'kuryr', prefix: '10.10.0.0/16', length: 24 },
  6: { name: 'kuryr6', prefix: 'fd6b:7572:7972::/48', length: 64 },
} as const

/** What a request settles on. */
interface Source {
  readonly cidr: Cidr
  readonly poolId?: string
  readonly subnetId?: string
  readonly existing?: boolean
}

/**
 * Docker asks for a prefix before it makes a network. Nothing of Neutron is made yet, so a `docker network create` that fails
 * leaves nothing; the prefix itself is set aside.
 */
export async function requestPool(
  tx: Ctx,
  deps: PluginDeps,
  asked: Payload<'IpamDriver.RequestPool'>,
  call: string,
): Promise<Readonly<Record<string, unknown>>> {
  const known = await findPool(tx, call)
  if (known !== undefined) return { PoolID: known.id, Pool: known.cidr, Data: {} }
  const options = networkOptions(asked.Options)
  const projectId = await projectFor(tx, deps, options.project)
  const version = asked.V6 ? 6 : 4
  const source = await sourceOf(asTenant(tx, projectId), deps, version, asked.Pool, options)
  const added: Added[] =
    source.existing === true && source.poolId !== undefined
      ? [await deps.neutron.tag(tx, 'subnetpool', source.poolId, [EXISTING_POOL_TAG])]
      : []
  const row: PoolTable = {
    id: call,
    project_id: projectId,
    version,
    cidr: formatCidr(source.cidr),
    sub_range: rangeOf(asked.SubPool, source.cidr),
    options: toJson(options),
    pool_id: source.poolId ?? null,
    made_pool: 0,
    subnet_id: source.subnetId ?? null,
    made_subnet: 0,
    docker_network: null,
    nameless: 0,
    added: toJson(added),
    missing_since: null,
    created_at: tx.now().toISOString(),
  }
  await insertPool(tx, row)
  return { PoolID: row.id, Pool: row.cidr, Data: {} }
}

function rangeOf(asked: string, whole: Cidr): string | null {
  if (asked === '') return null
  const range = parseCidr(asked)
  if (range !== undefined && covers(whole, range)) return formatCidr(range)
  throw invalidInput(`--ip-range ${asked.slice(0, 64)} does not lie in ${formatCidr(whole)}.`)
}

const covers = (outer: Cidr, inner: Cidr): boolean =>
  overlaps(outer, inner) && outer.base.value <= inner.base.value && lastOf(inner) <= lastOf(outer)

async function sourceOf(
  tenant: Ctx,
  deps: PluginDeps,
  version: 4 | 6,
  pool: string,
  options: NetworkOptions,
): Promise<Source> {
  const wanted = pool === '' ? undefined : cidrOf(pool, version)
  const subnet = await namedSubnet(tenant, deps, version, options)
  if (subnet !== undefined) return ofSubnet(subnet, wanted)
  if (wanted === undefined && options.network !== undefined) {
    const only = await onlySubnet(tenant, deps, version, options.network)
    if (only !== undefined) return ofSubnet(only, undefined)
  }
  const named = version === 4 ? options.pool : options.poolV6
  if (named === undefined && wanted !== undefined) return { cidr: wanted }
  const row =
    named === undefined
      ? await defaultPool(tenant, deps, version)
      : await deps.neutron.named<SubnetPoolRow>(tenant, 'subnetpool', named)
  if (row.version !== version)
    throw invalidInput(`subnet pool ${row.name} is for IPv${row.version}.`)
  const cidr = await prefixOf(tenant, row, wanted)
  return { cidr, poolId: row.id, existing: named !== undefined }
}

function cidrOf(text: string, version: 4 | 6): Cidr {
  const cidr = parseCidr(text)
  if (cidr !== undefined && cidr.base.version === version) return cidr
  throw invalidInput(`'${text.slice(0, 64)}' is no IPv${version} prefix.`)
}

/** The subnet named for this family, in the network if one is named too. */
async function namedSubnet(
  tenant: Ctx,
  deps: PluginDeps,
  version: 4 | 6,
  options: NetworkOptions,
): Promise<SubnetRow | undefined> {
  const name = version === 4 ? options.subnet : options.subnetV6
  if (name === undefined) return undefined
  const subnet = await deps.neutron.named<SubnetRow>(tenant, 'subnet', name)
  if (subnet.version === version) return subnet
  const key = version === 4 ? 'neutron.subnet' : 'neutron.subnet.v6'
  throw invalidInput(`${key} names ${subnet.cidr}, which is for IPv${subnet.version}.`)
}

async function onlySubnet(
  tenant: Ctx,
  deps: PluginDeps,
  version: 4 | 6,
  network: string,
): Promise<SubnetRow | undefined> {
  const { id, name } = await deps.neutron.named(tenant, 'network', network)
  const own = (await subnetsIn(tenant, id)).filter((subnet) => subnet.version === version)
  if (own.length < 2) return own[0] as SubnetRow | undefined // a row as it is in the table has all columns
  throw invalidInput(
    `network ${name} has ${own.length} IPv${version} subnets: name one with --subnet or by neutron.subnet.name.`,
  )
}

function ofSubnet(subnet: Pick<SubnetRow, 'id' | 'cidr'>, wanted: Cidr | undefined): Source {
  const cidr = parseCidr(subnet.cidr)
  if (cidr === undefined) throw new Error(`subnet ${subnet.id} has no CIDR`)
  if (wanted !== undefined && formatCidr(wanted) !== subnet.cidr)
    throw invalidInput(`the subnet is ${subnet.cidr}, not ${formatCidr(wanted)}.`)
  return { cidr, subnetId: subnet.id }
}

async function defaultPool(tenant: Ctx, deps: PluginDeps, version: 4 | 6): Promise<SubnetPoolRow> {
  const { name, prefix, length } = defaults[version]
  const known = await deps.neutron.byName<SubnetPoolRow>(tenant, 'subnetpool', name)
  if (known !== undefined) return known
  const wish = { name, prefixes: [prefix], default_prefixlen: length }
  const id = await deps.neutron.create(tenant, 'subnetpool', wish, tenant.who?.projectId ?? '')
  return await deps.neutron.get<SubnetPoolRow>(tenant, 'subnetpool', id)
}

/** The prefix asked for if the pool has it, else the next one that neither a subnet nor another request has. */
async function prefixOf(tx: Ctx, pool: SubnetPoolRow, wanted: Cidr | undefined): Promise<Cidr> {
  const prefixes = fromJson<string[]>(pool.prefixes).flatMap((text) => parseCidr(text) ?? [])
  if (wanted !== undefined) {
    if (prefixes.some((prefix) => covers(prefix, wanted))) return wanted
    throw invalidInput(`subnet pool ${pool.name} does not hold ${formatCidr(wanted)}.`)
  }
  const subnets = await takenFrom(tx, pool.id)
  const waiting = (await allPools(tx)).filter(
    (row) => row.pool_id === pool.id && row.subnet_id === null,
  )
  const used = [...subnets, ...waiting].flatMap(({ cidr }) => parseCidr(cidr) ?? [])
  const free = carve(prefixes, used, pool.default_len)
  if (free !== undefined) return free
  throw neutronError(
    'conflict',
    'SubnetAllocationError',
    `Subnet pool ${pool.name} has no /${pool.default_len} left.`,
  )
}

/** Everything the pool brought goes; what Docker forgot to give back before goes with it. */
export async function releasePool(tx: Ctx, deps: PluginDeps, id: string): Promise<void> {
  const pool = await findPool(tx, id)
  if (pool === undefined) return
  for (const address of await addressesIn(tx, id)) await dropAddress(tx, deps, address)
  for (const added of fromJson<Added[]>(pool.added)) await deps.neutron.untag(tx, added)
  if (pool.made_subnet === 1 && pool.subnet_id !== null)
    await deps.neutron.remove(tx, 'subnet', pool.subnet_id)
  if (pool.made_pool === 1 && pool.pool_id !== null)
    await deps.neutron.remove(tx, 'subnetpool', pool.pool_id)
  await deletePool(tx, id)
}
