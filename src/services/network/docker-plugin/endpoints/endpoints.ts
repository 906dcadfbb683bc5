import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../../kernel/db/db.ts'
import { invalidInput, neutronError } from '../../fault.ts'
import { DOCKER_OWNER } from '../../kinds.ts'
import type { PortRow } from '../../ports/schema.ts'
import { tagsOf } from '../../standard/store.ts'
import { asTenant, type PluginDeps } from '../deps.ts'
import { giveExtras, takeExtras, type Extras } from './extras.ts'
import { EXISTING_PORT_TAG, idTags, OWN_PORT_TAG, portName, UNBOUND_PORT } from '../names.ts'
import type { Kind } from '../neutron.ts'
import { endpointOptions, type EndpointOptions } from '../options.ts'
import type { Payload } from '../payloads.ts'
import { portFor } from './port-for.ts'
import { closeExposed } from './exposure.ts'
import { addressesOfPort } from '../addresses/store.ts'
import { deleteEndpoint, endpointOfPort, findEndpoint, insertEndpoint } from './store.ts'
import { findDockerNetwork } from '../networks/store.ts'
import type { DockerNetworkTable, EndpointTable } from '../tables.ts'

/** What a port was before a container had it. */
interface PortBefore {
  readonly name: string
  readonly device_id: string
  readonly device_owner: string
  readonly host: string
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly fixedIps: readonly { readonly subnet_id: string; readonly ip_address: string }[]
  /** Attributes that options changed. */
  readonly others: Readonly<Record<string, unknown>>
}

type Asked = Payload<'NetworkDriver.CreateEndpoint'>

/** The container's port: bound to the endpoint, with what its options ask for. */
export async function createEndpoint(
  tx: Ctx,
  deps: PluginDeps,
  asked: Asked,
): Promise<Readonly<Record<string, unknown>>> {
  const network = await mustFindNetwork(tx, asked.NetworkID)
  const given = asked.Interface.MacAddress
  const known = await findEndpoint(tx, asked.EndpointID)
  const portId = known?.port_id ?? (await newEndpoint(tx, deps, network, asked))
  const port = await deps.neutron.get<PortRow>(asCloud(tx), 'port', portId)
  return given === '' ? { Interface: { MacAddress: port.mac } } : {}
}

export async function mustFindNetwork(tx: Ctx, dockerId: string): Promise<DockerNetworkTable> {
  const network = await findDockerNetwork(tx, dockerId)
  if (network !== undefined) return network
  throw neutronError(
    'notFound',
    'NetworkNotFound',
    `This cloud has no Docker network ${dockerId.slice(0, 12)}: remove it and create it anew.`,
  )
}

async function newEndpoint(
  tx: Ctx,
  deps: PluginDeps,
  network: DockerNetworkTable,
  asked: Asked,
): Promise<string> {
  const tenant = asTenant(tx, network.project_id)
  const options = endpointOptions(asked.Options)
  const { portId, made } = await portFor(tx, deps, network, asked.Interface)
  const port = await deps.neutron.get<PortRow>(asCloud(tx), 'port', portId)
  const holder = await endpointOfPort(tx, portId)
  if (holder !== undefined || port.netns !== null)
    throw neutronError('conflict', 'PortInUse', `Port ${portId} is in use by another container.`)
  mustBePort(options, portId, port)
  const before = made ? null : await beforeOf(tx, deps, port)
  await bind(tx, deps, asked, port, made)
  const extras = await giveExtras(tenant, deps, port, asked.EndpointID, options)
  const row: EndpointTable = {
    id: asked.EndpointID,
    docker_network: network.id,
    port_id: portId,
    made: made ? 1 : 0,
    port_before: toJson(before),
    sandbox: null,
    exposed_group: null,
    extras: toJson(extras),
    missing_since: null,
    created_at: tx.now().toISOString(),
  }
  await insertEndpoint(tx, row)
  return portId
}

/** Docker asked for the address before it told of the port, and does not ask again. */
function mustBePort(options: EndpointOptions, portId: string, port: PortRow): void {
  if (options.port === undefined || options.port === portId) return
  throw invalidInput(
    `the address that Docker asked for belongs to port ${port.id}: to run with port ${options.port.slice(0, 64)}, give its address with --ip too.`,
  )
}

async function beforeOf(tx: Ctx, deps: PluginDeps, port: PortRow): Promise<PortBefore> {
  const view = (await deps.neutron.view(asCloud(tx), 'port', port.id)) ?? {}
  if (view['trunk_details'] !== undefined)
    throw invalidInput(`port ${port.id} carries a trunk, whose sub-ports Docker knows nothing of.`)
  return {
    name: port.name,
    device_id: port.device_id,
    device_owner: port.device_owner,
    host: port.host_id,
    tags: tagsOf(port),
    groups: view['security_groups'] as string[], // as the port's own view has them, and the next
    fixedIps: view['fixed_ips'] as PortBefore['fixedIps'],
    others: Object.fromEntries(
      ['qos_policy_id', 'dns_name']
        .filter((name) => Object.hasOwn(view, name))
        .map((name) => [name, view[name] ?? null]),
    ),
  }
}

async function bind(
  tx: Ctx,
  { neutron, host }: PluginDeps,
  asked: Asked,
  port: PortRow,
  made: boolean,
): Promise<void> {
  const mac = asked.Interface.MacAddress
  if (mac !== '' && !made && mac.toLowerCase() !== port.mac)
    throw invalidInput(`port ${port.id} has the MAC ${port.mac}, not ${mac}.`)
  await neutron.update(asCloud(tx), 'port', port.id, {
    name: portName(asked.EndpointID),
    device_id: asked.EndpointID,
    device_owner: DOCKER_OWNER,
    'binding:host_id': host,
    ...(mac === '' || !made ? {} : { mac_address: mac }),
  })
  const tags = [...idTags(asked.EndpointID), made ? OWN_PORT_TAG : EXISTING_PORT_TAG]
  await neutron.tag(asCloud(tx), 'port', port.id, tags)
}

/** As in `DeleteEndpoint`; the port must be unplugged before or, at the latest, right after. */
export async function endEndpoint(tx: Ctx, deps: PluginDeps, row: EndpointTable): Promise<void> {
  const cloud = asCloud(tx)
  await closeExposed(cloud, deps, row)
  await takeExtras(cloud, deps, fromJson<Extras>(row.extras), row.port_id)
  await deleteEndpoint(tx, row.id)
  const port = await deps.neutron.find<PortRow>(cloud, 'port', row.port_id)
  if (port === undefined) return
  const before = fromJson<PortBefore | null>(row.port_before)
  if (before !== null) return await restore(cloud, deps, port, before)
  const reserved = await addressesOfPort(tx, port.id)
  if (reserved.length === 0) return await deps.neutron.remove(cloud, 'port', port.id)
  // Docker gives the addresses back next, and the port goes with the last of them
  await deps.neutron.update(cloud, 'port', port.id, { name: UNBOUND_PORT, device_id: '' })
  await deps.neutron.replaceTags(cloud, 'port', port.id, [OWN_PORT_TAG])
}

async function restore(
  cloud: Ctx,
  { neutron }: PluginDeps,
  port: PortRow,
  before: PortBefore,
): Promise<void> {
  // what was deleted meanwhile cannot come back, and must not keep the rest
  const isThere = async (kind: Kind, id: unknown): Promise<boolean> =>
    (await neutron.find(cloud, kind, String(id))) !== undefined
  const groups: string[] = []
  for (const id of before.groups) if (await isThere('security_group', id)) groups.push(id)
  const { qos_policy_id: policy, ...others } = before.others
  const hasPolicy = policy !== null && policy !== undefined && (await isThere('policy', policy))
  await neutron.update(cloud, 'port', port.id, {
    name: before.name,
    device_id: before.device_id,
    device_owner: before.device_owner,
    'binding:host_id': before.host,
    ...(port.port_security === 1 ? { security_groups: groups } : {}),
    fixed_ips: before.fixedIps,
    ...(policy === undefined ? {} : { qos_policy_id: hasPolicy ? policy : null }),
    ...others,
  })
  await neutron.replaceTags(cloud, 'port', port.id, before.tags)
}
