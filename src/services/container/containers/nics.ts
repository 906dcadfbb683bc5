import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError, isCloudError } from '../../../kernel/errors/cloud-error.ts'
import type { NetworkInfo, PortInfo } from '../../network/face.ts'
import type { ContainerDeps } from '../deps.ts'
import { mayDo } from '../wire/policy.ts'
import type { Net } from './create-schema.ts'

/** One interface to be: a port that exists and outlives the container, or one to make in a network. */
export interface PlannedNic {
  readonly portId?: string
  readonly networkId: string
  readonly fixedIps?: readonly string[]
}

/** Neutron's word for who holds the port: the one Kuryr writes for Zun. */
export const DEVICE_OWNER = 'compute:kuryr'

/** Which interfaces a new container gets. A 4xx with the reason when the wish cannot be met. */
export async function planNics(
  ctx: Ctx,
  deps: ContainerDeps,
  nets: readonly Net[],
): Promise<readonly PlannedNic[]> {
  if (nets.length === 0) return [{ networkId: (await defaultNetwork(ctx, deps)).id }]
  const seen = new Set<string>()
  const plan: PlannedNic[] = []
  for (const net of nets) {
    const nic = await planOne(ctx, deps, net)
    if (nic.portId !== undefined && seen.has(nic.portId))
      throw cloudError('badRequest', `Port ${nic.portId} is asked for twice.`)
    if (nic.portId !== undefined) seen.add(nic.portId)
    plan.push(nic)
  }
  return plan
}

export async function planOne(ctx: Ctx, deps: ContainerDeps, net: Net): Promise<PlannedNic> {
  if ((net.network === undefined) === (net.port === undefined))
    throw cloudError('badRequest', "Each of 'nets' needs either 'network' or 'port', not both.")
  const fixedIps = [net['v4-fixed-ip'], net['v6-fixed-ip']].filter((ip) => ip !== undefined)
  if (net.port !== undefined) {
    if (fixedIps.length > 0)
      throw cloudError(
        'badRequest',
        `A port has its addresses already: no fixed IP with port ${net.port}.`,
      )
    const port = await freePort(ctx, deps, net.port)
    return { portId: port.id, networkId: port.networkId }
  }
  const network = await networkBy(ctx, deps, net.network ?? '')
  mustBeUsable(ctx, network)
  return { networkId: network.id, ...(fixedIps.length === 0 ? {} : { fixedIps }) }
}

async function freePort(ctx: Ctx, deps: ContainerDeps, id: string): Promise<PortInfo> {
  const port = await deps.network.findPort(ctx, id)
  if (port === undefined) throw cloudError('badRequest', `Port ${id} could not be found.`)
  if (port.deviceId !== '')
    throw cloudError('conflict', `Port ${id} is still in use by device ${port.deviceId}.`)
  if (port.fixedIps.length === 0)
    throw cloudError('badRequest', `Port ${id} has no fixed IP: a container needs one.`)
  return port
}

/** By id, else by name among those the project may use. */
export async function networkBy(
  ctx: Ctx,
  deps: ContainerDeps,
  ident: string,
): Promise<NetworkInfo> {
  const byId = await deps.network.findNetwork(ctx, ident)
  if (byId !== undefined) return byId
  const named = (await deps.network.listNetworks(ctx)).filter(({ name }) => name === ident)
  const [only, ...others] = named
  if (only === undefined) throw cloudError('badRequest', `Network ${ident} could not be found.`)
  if (others.length > 0)
    throw cloudError('conflict', `Several networks are named ${ident}: use the id of one.`)
  return only
}

/** The oldest network of the project, else the oldest that is shared. */
async function defaultNetwork(ctx: Ctx, deps: ContainerDeps): Promise<NetworkInfo> {
  const usable = (await deps.network.listNetworks(ctx)).filter(
    (network) => !network.external && network.subnetIds.length > 0,
  )
  const own = usable.filter((network) => network.projectId === ctx.who?.projectId)
  const [oldest] = (own.length > 0 ? own : usable.filter(({ shared }) => shared)).toSorted((a, b) =>
    a.createdAt < b.createdAt ? -1 : 1,
  )
  if (oldest === undefined)
    throw cloudError(
      'badRequest',
      'There is no network for the container: the project has none with a subnet, and none is shared. Create a network and a subnet, or name one in nets.',
    )
  return oldest
}

function mustBeUsable(ctx: Ctx, network: NetworkInfo): void {
  if (network.external && !network.shared && !mayDo(ctx, 'network:attach_external_network'))
    throw cloudError(
      'forbidden',
      `It is not allowed to create an interface on external network ${network.id}.`,
    )
  if (network.subnetIds.length === 0)
    throw cloudError(
      'badRequest',
      `Network ${network.id} has no subnet: a container needs an address.`,
    )
}

/** Makes or takes the ports, in the caller's transaction. */
export async function makePorts(
  tx: Ctx,
  deps: ContainerDeps,
  deviceId: string,
  plan: readonly PlannedNic[],
  securityGroupIds: readonly string[] | undefined,
): Promise<readonly PortInfo[]> {
  const ports: PortInfo[] = []
  for (const nic of plan) ports.push(await makePort(tx, deps, deviceId, nic, securityGroupIds))
  return ports
}

async function makePort(
  tx: Ctx,
  deps: ContainerDeps,
  deviceId: string,
  nic: PlannedNic,
  securityGroupIds: readonly string[] | undefined,
): Promise<PortInfo> {
  const owner = { deviceId, deviceOwner: DEVICE_OWNER }
  if (nic.portId !== undefined) {
    const port = await claim(tx, deps, nic.portId, owner)
    if (securityGroupIds === undefined) return port
    await deps.network.setPortSecurityGroups(tx, port.id, securityGroupIds)
    return port
  }
  return await deps.network.createPort(tx, {
    ...owner,
    networkId: nic.networkId,
    name: '',
    owned: true,
    ...(nic.fixedIps === undefined ? {} : { fixedIps: nic.fixedIps }),
    ...(securityGroupIds === undefined ? {} : { securityGroupIds }),
  })
}

async function claim(
  tx: Ctx,
  deps: ContainerDeps,
  portId: string,
  owner: { readonly deviceId: string; readonly deviceOwner: string },
): Promise<PortInfo> {
  try {
    return await deps.network.claimPort(tx, portId, owner)
  } catch (error) {
    // the path of the request is the container's: a missing port is a fault of the body
    if (isCloudError(error, 'notFound'))
      throw cloudError('badRequest', `Port ${portId} could not be found.`)
    throw error
  }
}
