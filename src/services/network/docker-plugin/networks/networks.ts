import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../../kernel/db/db.ts'
import { invalidInput, neutronError } from '../../fault.ts'
import type { NetworkRow } from '../../networks/schema.ts'
import { addInterface, removeInterface } from '../../routers/interfaces.ts'
import type { RouterRow } from '../../routers/schema.ts'
import { legsOf } from '../../routers/store.ts'
import { asTenant, type PluginDeps } from '../deps.ts'
import { endEndpoint } from '../endpoints/endpoints.ts'
import { existingNetworkTag, idTags, networkName } from '../names.ts'
import type { Added } from '../neutron.ts'
import { merged, networkOptions, type NetworkOptions } from '../options.ts'
import type { IpamDatum, Payload } from '../payloads.ts'
import { releasePool } from '../addresses/pools.ts'
import { projectFor } from './projects.ts'
import { dropAddress } from '../addresses/release.ts'
import { addressesIn, freePools, poolsOf, updatePool } from '../addresses/store.ts'
import { endpointsOf } from '../endpoints/store.ts'
import { deleteDockerNetwork, findDockerNetwork, insertDockerNetwork } from './store.ts'
import type { DockerNetworkTable, PoolTable } from '../tables.ts'
import { ensureSubnet } from './subnets.ts'

type Asked = Payload<'NetworkDriver.CreateNetwork'>

/** The Docker network's counterpart: an existing network, or a new one, with a subnet per prefix. */
export async function createNetwork(tx: Ctx, deps: PluginDeps, asked: Asked): Promise<void> {
  const dockerId = asked.NetworkID
  if ((await findDockerNetwork(tx, dockerId)) !== undefined) return
  const { pools, options } = await settled(tx, asked)
  const projectId = await projectFor(tx, deps, options.project)
  const tenant = asTenant(tx, projectId)
  const { network, made } = await ensureNeutronNetwork(tenant, deps, dockerId, options, projectId)
  const subnets: string[] = []
  for (const [datum, pool] of pools) {
    const wish = { dockerId, network, projectId, datum, pool, options }
    subnets.push(await ensureSubnet(tenant, deps, wish))
  }
  await insertDockerNetwork(tx, {
    id: dockerId,
    project_id: projectId,
    network_id: network.id,
    made: made ? 1 : 0,
    internal: options.internal === true ? 1 : 0,
    router_id: await joinRouter(tenant, deps, options.router, subnets),
    added: toJson([await tagNetwork(tx, deps, network.id, dockerId, made)]),
    seen: 0,
    missing_since: null,
    created_at: tx.now().toISOString(),
  })
}

interface Settled {
  /** Undefined for a prefix whose addresses Docker keeps itself. */
  readonly pools: ReadonlyMap<IpamDatum, PoolTable | undefined>
  readonly options: NetworkOptions
}

/** What is asked for, by `-o` and by the `--ipam-opt` that came before. */
async function settled(tx: Ctx, asked: Asked): Promise<Settled> {
  const data = [...asked.IPv4Data, ...asked.IPv6Data]
  const pools = await poolsFor(
    tx,
    data.filter(({ Pool }) => Pool !== ''),
  )
  let options = networkOptions(asked.Options)
  for (const pool of pools.values())
    if (pool !== undefined) options = merged(options, fromJson<NetworkOptions>(pool.options))
  return { pools, options }
}

/**
 * Docker does not say which pool a network is made of, only the prefix. Of several that wait with the same one any will do: they
 * differ in nothing but their options, and the newest is the one just asked for.
 */
async function poolsFor(
  tx: Ctx,
  data: readonly IpamDatum[],
): Promise<ReadonlyMap<IpamDatum, PoolTable | undefined>> {
  const waiting = [...(await freePools(tx))]
  return new Map(
    data.map((datum) => {
      const at = waiting.findIndex(({ cidr }) => cidr === datum.Pool)
      return [datum, at < 0 ? undefined : waiting.splice(at, 1)[0]]
    }),
  )
}

async function ensureNeutronNetwork(
  tenant: Ctx,
  deps: PluginDeps,
  dockerId: string,
  options: NetworkOptions,
  projectId: string,
): Promise<{ readonly network: NetworkRow; readonly made: boolean }> {
  const { neutron } = deps
  if (options.network !== undefined) {
    const network = await neutron.named<NetworkRow>(tenant, 'network', options.network)
    mustSuit(network, options)
    return { network, made: false }
  }
  const id = await neutron.create(
    // sharing is an admin's right, and whoever commands the Docker Engine commands the host
    asCloud(tenant),
    'network',
    {
      name: networkName(dockerId),
      ...(options.shared === undefined ? {} : { shared: options.shared }),
      ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    },
    projectId,
  )
  return { network: await neutron.get<NetworkRow>(tenant, 'network', id), made: true }
}

function mustSuit(network: NetworkRow, options: NetworkOptions): void {
  const shared = network.is_shared === 1
  if (options.shared !== undefined && options.shared !== shared)
    throw invalidInput(`network ${network.name} is ${shared ? '' : 'not '}shared.`)
  if (network.external === 1)
    throw neutronError(
      'forbidden',
      'ExternalNetworkAttachForbidden',
      `Network ${network.name} is external: containers reach it through a router and floating IPs.`,
    )
}

async function tagNetwork(
  tx: Ctx,
  { neutron }: PluginDeps,
  networkId: string,
  dockerId: string,
  made: boolean,
): Promise<Added> {
  const tags = [...idTags(dockerId), ...(made ? [] : [existingNetworkTag(dockerId)])]
  return await neutron.tag(asCloud(tx), 'network', networkId, tags)
}

/** Ours: with `stackyard.router` the network has a way out at once. Subnets that are joined to it already stay as they are. */
async function joinRouter(
  tenant: Ctx,
  { neutron }: PluginDeps,
  name: string | undefined,
  subnets: readonly string[],
): Promise<string | null> {
  if (name === undefined) return null
  const router = await neutron.named<RouterRow>(tenant, 'router', name)
  const had = new Set((await legsOf(tenant, router.id)).map((leg) => leg.subnet_id))
  const fresh = subnets.filter((id) => !had.has(id))
  for (const id of fresh) await addInterface(tenant, router, { subnet_id: id })
  return fresh.length > 0 ? router.id : null
}

/** What was made goes, what was there before is as it was. Refuses while others use what was made. */
export async function deleteNetwork(tx: Ctx, deps: PluginDeps, dockerId: string): Promise<void> {
  const row = await findDockerNetwork(tx, dockerId)
  if (row === undefined) return
  const cloud = asCloud(tx)
  for (const endpoint of await endpointsOf(tx, dockerId)) await endEndpoint(tx, deps, endpoint)
  const pools = await poolsOf(tx, dockerId)
  for (const pool of pools) {
    const held = (await addressesIn(tx, pool.id)).filter(({ kind }) => kind !== 'gateway')
    for (const address of held) await dropAddress(cloud, deps, address)
  }
  await leaveRouter(cloud, deps, row, pools)
  for (const pool of pools.filter(({ made_subnet }) => made_subnet === 1)) {
    if (pool.subnet_id !== null) await deps.neutron.remove(cloud, 'subnet', pool.subnet_id)
    await updatePool(tx, pool.id, { made_subnet: 0, subnet_id: null })
  }
  for (const pool of pools.filter(({ nameless }) => nameless === 1))
    await releasePool(cloud, deps, pool.id)
  for (const added of fromJson<Added[]>(row.added)) await deps.neutron.untag(cloud, added)
  if (row.made === 1) await deps.neutron.remove(cloud, 'network', row.network_id)
  await deleteDockerNetwork(tx, dockerId)
}

async function leaveRouter(
  cloud: Ctx,
  { neutron }: PluginDeps,
  row: DockerNetworkTable,
  pools: readonly PoolTable[],
): Promise<void> {
  if (row.router_id === null) return
  const router = await neutron.find<RouterRow>(cloud, 'router', row.router_id)
  if (router === undefined) return
  const mine = new Set(pools.map(({ subnet_id }) => subnet_id))
  for (const { subnet_id } of await legsOf(cloud, router.id))
    if (mine.has(subnet_id)) await removeInterface(cloud, router, { subnet_id })
}
