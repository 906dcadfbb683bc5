import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { PortInfo } from '../../network/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { getServer, serverFor, type LiveServer } from './act.ts'
import { Ip, Tag, Uuid, type AskedNic } from './create-schema.ts'
import { logAction } from './instance-actions/store.ts'
import { makePorts, planDefault, planOne, tagsOfNics } from './nics.ts'
import { inOrder } from './parts.ts'
import type { Server } from './schema.ts'
import { updateServer } from './store.ts'
import { spans } from './version-spans.ts'
import { onServer } from './on-server.ts'

const PortId = Type.Object({ id: Type.String(), port: Type.String() })

/** Interfaces of a server, plugged and unplugged while it runs; and the two older views of them. */
export function interfaceRoutes(deps: ComputeDeps): readonly Route[] {
  return [...shownInterfaces(deps), ...changedInterfaces(deps), ...virtualInterfaces(deps)]
}

function shownInterfaces(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/os-interface', 'os-attach-interfaces:list', 'List interfaces'),
      handle: async (ctx, req) => {
        const { server, ports } = await portsOf(ctx, deps, req.params.id)
        return { interfaceAttachments: ports.map((port) => interfaceView(req, server, port)) }
      },
    }),
    route({
      ...onServer('GET', '/os-interface/:port', 'os-attach-interfaces:show', 'Show an interface'),
      params: PortId,
      handle: async (ctx, req) => {
        const { server, ports } = await portsOf(ctx, deps, req.params.id)
        return {
          interfaceAttachment: interfaceView(
            req,
            server,
            portIn(ports, req.params.port, server.id),
          ),
        }
      },
    }),
  ]
}

/** Nova's older view of the same, gone after 2.43. */
function virtualInterfaces(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer(
        'GET',
        '/os-virtual-interfaces',
        'os-attach-interfaces:list',
        'List virtual interfaces',
      ),
      until: '2.43',
      handle: async (ctx, req) => {
        const { ports } = await portsOf(ctx, deps, req.params.id)
        const netId = (port: PortInfo): object =>
          atLeast(req.version, '2.12') ? { net_id: port.networkId } : {}
        return {
          virtual_interfaces: ports.map((port) => ({
            id: port.id,
            mac_address: port.mac,
            ...netId(port),
          })),
        }
      },
    }),
  ]
}

function changedInterfaces(deps: ComputeDeps): readonly Route[] {
  return [
    ...spans(['2.1', '2.49']).map((span) =>
      route({
        ...onServer('POST', '/os-interface', 'os-attach-interfaces:create', 'Attach an interface'),
        ...span,
        body: attachSchema(span.since),
        handle: async (ctx, req) => {
          const live = await serverFor(ctx, deps, req.params.id, 'attach_interface')
          const port = await attach(ctx, deps, live, askedNic(req.body.interfaceAttachment ?? {}))
          return {
            interfaceAttachment: interfaceView(req, await getServer(ctx, live.server.id), port),
          }
        },
      }),
    ),
    route({
      ...onServer(
        'DELETE',
        '/os-interface/:port',
        'os-attach-interfaces:delete',
        'Detach an interface',
      ),
      params: PortId,
      status: 202,
      handle: async (ctx, { params }) => {
        const live = await serverFor(ctx, deps, params.id, 'detach_interface')
        await detach(ctx, deps, live, params.port)
      },
    }),
  ]
}

async function portsOf(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
): Promise<{ readonly server: Server; readonly ports: readonly PortInfo[] }> {
  const server = await getServer(ctx, id)
  const workload = await deps.workload.find(ctx, id)
  // a port that is being unplugged is no interface any more
  const nics = new Set(workload?.nics.map((nic) => nic.portId))
  const ports = (await deps.network.portsOf(ctx, [id])).filter((port) => nics.has(port.id))
  return { server, ports: inOrder(ports, workload) }
}

function portIn(ports: readonly PortInfo[], portId: string, serverId: string): PortInfo {
  const port = ports.find((one) => one.id === portId)
  if (port === undefined)
    throw cloudError(
      'notFound',
      `Instance ${serverId} does not have port id ${portId.slice(0, 100)}`,
    )
  return port
}

function interfaceView(req: Req, server: Server, port: PortInfo): Record<string, unknown> {
  return {
    port_state: port.status,
    port_id: port.id,
    net_id: port.networkId,
    mac_addr: port.mac,
    fixed_ips: port.fixedIps.map((ip) => ({ subnet_id: ip.subnetId, ip_address: ip.address })),
    ...(atLeast(req.version, '2.70') ? { tag: server.nicTags[port.id] ?? null } : {}),
  }
}

interface AttachWish {
  readonly port_id?: string
  readonly net_id?: string
  readonly fixed_ips?: readonly { readonly ip_address: string }[]
  readonly tag?: string
}

function attachSchema(version: string) {
  const opt = Type.Optional
  const strict = { additionalProperties: false } as const
  const wish = Type.Object(
    {
      port_id: opt(Uuid),
      net_id: opt(Uuid),
      fixed_ips: opt(
        Type.Array(Type.Object({ ip_address: Ip }, strict), { minItems: 1, maxItems: 1 }),
      ),
      ...(atLeast(version, '2.49') ? { tag: opt(Tag) } : {}),
    },
    strict,
  )
  return Type.Unsafe<{ readonly interfaceAttachment?: AttachWish }>(
    Type.Object({ interfaceAttachment: opt(wish) }, strict),
  )
}

function askedNic(wish: AttachWish): AskedNic {
  const fixed = wish.fixed_ips?.[0]?.ip_address
  if (wish.net_id !== undefined && wish.port_id !== undefined)
    throw cloudError('badRequest', 'Must not input both network_id and port_id')
  if (fixed !== undefined && wish.net_id === undefined)
    throw cloudError('badRequest', 'Must input network_id when request IP address')
  return {
    ...(wish.port_id === undefined ? {} : { port: wish.port_id }),
    ...(wish.net_id === undefined ? {} : { uuid: wish.net_id }),
    ...(fixed === undefined ? {} : { fixed_ip: fixed }),
    ...(wish.tag === undefined ? {} : { tag: wish.tag }),
  }
}

/** Adds an interface after the last: the port and the wish in one transaction. */
export async function attach(
  ctx: Ctx,
  deps: ComputeDeps,
  { server, workload }: LiveServer,
  asked: AskedNic,
): Promise<PortInfo> {
  const named = asked.port !== undefined || asked.uuid !== undefined
  const plan = named
    ? [await planOne(ctx, deps, asked)]
    : (await planDefault(ctx, deps, true)).map((nic) => ({
        ...nic,
        ...(asked.tag === undefined ? {} : { tag: asked.tag }),
      }))
  return await inTx(ctx, async (tx) => {
    const [port] = await makePorts(tx, deps, server, plan, undefined)
    if (port === undefined) throw new Error('one planned interface makes one port')
    const now = (await deps.workload.find(tx, server.id)) ?? workload
    const index = Math.max(-1, ...now.nics.map((nic) => nic.index)) + 1
    const generation = await deps.workload.change(tx, server.id, {
      nics: [...now.nics, { portId: port.id, index }],
    })
    await updateServer(tx, server.id, {
      nic_tags: toJson({ ...server.nicTags, ...tagsOfNics(plan, [port]) }),
    })
    await logAction(tx, {
      serverId: server.id,
      projectId: server.projectId,
      host: server.host,
      action: 'attach_interface',
      generation,
    })
    return port
  })
}

/** Takes an interface away; the workload unplugs and releases its port. */
export async function detach(
  ctx: Ctx,
  deps: ComputeDeps,
  { server }: LiveServer,
  portId: string,
): Promise<void> {
  await inTx(ctx, async (tx) => {
    const nics = (await deps.workload.find(tx, server.id))?.nics ?? []
    if (!nics.some((nic) => nic.portId === portId))
      throw cloudError(
        'notFound',
        `Instance ${server.id} does not have port id ${portId.slice(0, 100)}`,
      )
    const generation = await deps.workload.change(tx, server.id, {
      nics: nics.filter((nic) => nic.portId !== portId),
    })
    await updateServer(tx, server.id, {
      nic_tags: toJson(
        Object.fromEntries(Object.entries(server.nicTags).filter(([id]) => id !== portId)),
      ),
    })
    await logAction(tx, {
      serverId: server.id,
      projectId: server.projectId,
      host: server.host,
      action: 'detach_interface',
      generation,
    })
  })
}
