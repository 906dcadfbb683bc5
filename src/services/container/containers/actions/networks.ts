import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { PortInfo } from '../../../network/face.ts'
import type { ContainerDeps } from '../../deps.ts'
import { argumentsOf, argumentsOn } from '../../wire/arguments.ts'
import { Ident } from '../../wire/schemas.ts'
import { begin, containerFor, getContainer, type LiveContainer } from '../act.ts'
import { makePorts, networkBy, planOne, type PlannedNic } from '../nics.ts'
import { onContainer } from '../on-container.ts'
import { onePartsOf } from '../parts.ts'

const Attach = Type.Object({
  network: Type.Optional(Ident),
  port: Type.Optional(Ident),
  fixed_ip: Type.Optional(
    Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })]),
  ),
})
const Detach = Type.Object({ network: Type.Optional(Ident), port: Type.Optional(Ident) })

/** Interfaces that come and go while the container lives. */
export function networkRoutes(deps: ContainerDeps): readonly Route[] {
  return [attachRoute(deps), detachRoute(deps), listRoute(deps)]
}

function attachRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('POST', '/network_attach', 'network_attach', 'Give it another interface'),
    ...argumentsOn(Attach),
    since: '1.8',
    status: 202,
    handle: async (ctx, req) => {
      const { network, port, fixed_ip } = argumentsOf(req, Attach)
      const live = await containerFor(ctx, deps, req.params.id, 'network_attach')
      const nic = await planOne(ctx, deps, {
        ...(network === undefined ? {} : { network }),
        ...(port === undefined ? {} : { port }),
        ...(fixed_ip === undefined
          ? {}
          : { [fixed_ip.includes(':') ? 'v6-fixed-ip' : 'v4-fixed-ip']: fixed_ip }),
      })
      await attach(ctx, deps, live, nic)
    },
  })
}

async function attach(
  ctx: Ctx,
  deps: ContainerDeps,
  { container, workload }: LiveContainer,
  nic: PlannedNic,
): Promise<void> {
  await inTx(ctx, async (tx) => {
    const [port] = await makePorts(tx, deps, container.id, [nic], container.securityGroups)
    if (port === undefined) throw new Error('one plan makes one port')
    const index = Math.max(-1, ...workload.nics.map((one) => one.index)) + 1
    await begin(tx, deps, container, {
      kind: 'network_attach',
      change: { nics: [...workload.nics, { portId: port.id, index }] },
    })
  })
}

function detachRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('POST', '/network_detach', 'network_detach', 'Take an interface away'),
    ...argumentsOn(Detach),
    since: '1.6',
    status: 202,
    handle: async (ctx, req) => {
      const wish = argumentsOf(req, Detach)
      if (wish.port !== undefined && !atLeast(req.version, '1.17'))
        throw cloudError('badRequest', 'A port can be detached from version 1.17 on.')
      const { container, workload } = await containerFor(ctx, deps, req.params.id, 'network_detach')
      const { ports } = await onePartsOf(ctx, deps, container)
      const gone = new Set((await meant(ctx, deps, ports, wish)).map(({ id }) => id))
      await begin(ctx, deps, container, {
        kind: 'network_detach',
        change: { nics: workload.nics.filter((nic) => !gone.has(nic.portId)) },
      })
    },
  })
}

/** The ports a request means, by port or by network: 400 when the container has none of them. */
async function meant(
  ctx: Ctx,
  deps: ContainerDeps,
  ports: readonly PortInfo[],
  { network, port }: { readonly network?: string; readonly port?: string },
): Promise<readonly PortInfo[]> {
  if ((network === undefined) === (port === undefined))
    throw cloudError('badRequest', "Either 'network' or 'port' is needed, not both.")
  if (port !== undefined) {
    const found = ports.filter(({ id, name }) => id === port || name === port)
    if (found.length === 0)
      throw cloudError('badRequest', `Port '${port}' is not attached to the container.`)
    return found
  }
  const { id } = await networkBy(ctx, deps, network ?? '')
  const found = ports.filter(({ networkId }) => networkId === id)
  if (found.length === 0)
    throw cloudError('badRequest', `Network '${network ?? ''}' is not attached to the container.`)
  return found
}

function listRoute(deps: ContainerDeps): Route {
  return route({
    ...onContainer('GET', '/network_list', 'get_one', 'List the networks of a container'),
    since: '1.13',
    handle: async (ctx, req) => {
      const container = await getContainer(ctx, req.params.id)
      const { ports } = await onePartsOf(ctx, deps, container)
      const shape = atLeast(req.version, '1.18') ? byPort : byAddress
      return { networks: ports.flatMap(shape) }
    },
  })
}

function byPort(port: PortInfo): object[] {
  return [{ net_id: port.networkId, port_id: port.id, fixed_ips: port.fixedIps.map(addressOf) }]
}

function byAddress(port: PortInfo): object[] {
  return port.fixedIps.map((ip) => ({
    net_id: port.networkId,
    port_id: port.id,
    ...addressOf(ip),
  }))
}

function addressOf(ip: PortInfo['fixedIps'][number]): object {
  return { subnet_id: ip.subnetId, version: ip.version, ip_address: ip.address }
}
