import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError, isCloudError } from '../../../kernel/errors/cloud-error.ts'
import type { DeviceOwner, NetworkInfo, PortInfo } from '../../network/face.ts'
import type { ComputeDeps } from '../deps.ts'
import type { AskedNic, ServerWish } from './create-schema.ts'

/** One interface to be: a port that exists, or one to make in a network. */
export interface PlannedNic {
  readonly portId?: string
  readonly networkId: string
  readonly fixedIp?: string
  readonly tag?: string
}

/** Which interfaces new servers get. 400 or 409 with a reason when the wish cannot be met. */
export async function planNics(
  ctx: Ctx,
  deps: ComputeDeps,
  asked: ServerWish['networks'],
  count: number,
): Promise<readonly PlannedNic[]> {
  if (asked === 'none') return []
  if (asked === undefined || asked === 'auto' || asked.length === 0)
    return await planDefault(ctx, deps, asked === 'auto')
  const seen = new Set<string>()
  const plan: PlannedNic[] = []
  for (const nic of asked) {
    if (count > 1 && typeof nic.port === 'string') {
      throw cloudError(
        'badRequest',
        'Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
      )
    }
    if (count > 1 && nic.fixed_ip !== undefined)
      throw cloudError(
        'badRequest',
        'Unable to launch multiple instances with one fixed IP address: launch them one by one.',
      )
    if (typeof nic.port === 'string' && seen.has(nic.port))
      throw cloudError('conflict', `Port ${nic.port} is asked for twice.`)
    if (typeof nic.port === 'string') seen.add(nic.port)
    plan.push(await planOne(ctx, deps, nic))
  }
  return plan
}

/** One entry of `networks`, or the body of an interface attachment. */
export async function planOne(ctx: Ctx, deps: ComputeDeps, nic: AskedNic): Promise<PlannedNic> {
  const tag = nic.tag === undefined ? {} : { tag: nic.tag }
  if (typeof nic.port === 'string') {
    if (nic.fixed_ip !== undefined) {
      throw cloudError(
        'badRequest',
        `Specified Fixed IP '${nic.fixed_ip}' cannot be used with port '${nic.port}': the two cannot be specified together.`,
      )
    }
    const port = await deps.network.findPort(ctx, nic.port)
    if (port === undefined)
      throw cloudError('badRequest', `Port id ${nic.port} could not be found.`)
    if (port.deviceId !== '') throw cloudError('conflict', `Port ${nic.port} is still in use.`)
    if (port.fixedIps.length === 0)
      throw cloudError('badRequest', `Port ${nic.port} requires a FixedIP in order to be used.`)
    return { portId: nic.port, networkId: port.networkId, ...tag }
  }
  if (nic.uuid === undefined)
    throw cloudError('badRequest', "Bad network format: each network needs 'uuid' or 'port'.")
  const network = await deps.network.findNetwork(ctx, nic.uuid)
  if (network === undefined)
    throw cloudError('badRequest', `Network ${nic.uuid} could not be found.`)
  mustBeUsable(ctx, network)
  return {
    networkId: network.id,
    ...(nic.fixed_ip === undefined ? {} : { fixedIp: nic.fixed_ip }),
    ...tag,
  }
}

/** Nothing was asked for: the project's only network; none is none, unless `auto` asks to make one. */
export async function planDefault(
  ctx: Ctx,
  deps: ComputeDeps,
  mustHave: boolean,
): Promise<readonly PlannedNic[]> {
  const networks = (await deps.network.listNetworks(ctx)).filter((network) => !network.external)
  // the project's own come first: a shared one is a choice only when there are no others
  const own = networks.filter((network) => network.projectId === ctx.who?.projectId)
  const choice = own.length > 0 ? own : networks
  if (choice.length > 1)
    throw cloudError(
      'conflict',
      'Multiple possible networks found, use a Network ID to be more specific.',
    )
  const [only] = choice
  if (only === undefined) {
    if (mustHave) return [{ networkId: (await allocated(ctx, deps)).id }]
    return []
  }
  mustBeUsable(ctx, only)
  return [{ networkId: only.id }]
}

async function allocated(ctx: Ctx, deps: ComputeDeps): Promise<NetworkInfo> {
  try {
    return await deps.network.allocateNetwork(ctx)
  } catch (error) {
    // 400 as Nova has it, with Neutron's reason
    if (!isCloudError(error, 'conflict')) throw error
    throw cloudError(
      'badRequest',
      `Unable to automatically allocate a network for this project. ${error.message}`,
    )
  }
}

function mustBeUsable(ctx: Ctx, network: NetworkInfo): void {
  if (network.external && !network.shared && !can(ctx, 'admin')) {
    throw cloudError(
      'forbidden',
      `It is not allowed to create an interface on external network ${network.id}`,
    )
  }
  if (network.subnetIds.length === 0)
    throw cloudError(
      'badRequest',
      `Network ${network.id} requires a subnet in order to boot instances on.`,
    )
}

/** Makes or takes the ports, in the caller's transaction. */
export async function makePorts(
  tx: Ctx,
  deps: ComputeDeps,
  server: { readonly id: string; readonly hostname: string },
  plan: readonly PlannedNic[],
  securityGroupIds: readonly string[] | undefined,
): Promise<readonly PortInfo[]> {
  const owner = {
    deviceId: server.id,
    deviceOwner: `compute:${deps.zone}`,
    dnsName: server.hostname,
  }
  const ports: PortInfo[] = []
  for (const nic of plan) {
    ports.push(
      nic.portId === undefined
        ? await deps.network.createPort(tx, {
            ...owner,
            networkId: nic.networkId,
            name: '',
            owned: true,
            ...(nic.fixedIp === undefined ? {} : { fixedIps: [nic.fixedIp] }),
            ...(securityGroupIds === undefined ? {} : { securityGroupIds }),
          })
        : await takePort(tx, deps, nic.portId, owner),
    )
  }
  return ports
}

async function takePort(
  tx: Ctx,
  deps: ComputeDeps,
  portId: string,
  owner: DeviceOwner,
): Promise<PortInfo> {
  const name = (await deps.network.findPort(tx, portId))?.dnsName ?? ''
  if (name !== '' && name !== owner.dnsName?.toLowerCase())
    throw cloudError(
      'badRequest',
      `Port ${portId} not usable for instance ${owner.deviceId}. Value ${name} assigned to dns_name attribute does not match instance's hostname ${owner.dnsName}`,
    )
  try {
    return await deps.network.claimPort(tx, portId, owner)
  } catch (error) {
    // the path of the request is the server's: a missing port is a fault of the body
    if (isCloudError(error, 'notFound'))
      throw cloudError('badRequest', `Port id ${portId} could not be found.`)
    throw error
  }
}

/** Port id → device tag, for the ports that were asked for with one. */
export function tagsOfNics(
  plan: readonly PlannedNic[],
  ports: readonly PortInfo[],
): Record<string, string> {
  return Object.fromEntries(
    plan.flatMap((nic, at) => {
      const port = ports[at]
      return nic.tag === undefined || port === undefined ? [] : [[port.id, nic.tag]]
    }),
  )
}
