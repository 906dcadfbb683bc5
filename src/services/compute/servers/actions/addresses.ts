import { Type } from '../../../../kernel/schema/type.ts'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { cloudError, isCloudError } from '../../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { FloatingIpInfo } from '../../../network/face.ts'
import type { ComputeDeps } from '../../deps.ts'
import { getServer, serverFor } from '../act.ts'
import { Ip, Uuid } from '../create-schema.ts'
import { attach, detach } from '../interfaces.ts'
import { Text } from '../../wire/schemas.ts'
import { serverAction } from '../on-server.ts'

const strict = { additionalProperties: false } as const
const Group = Type.Object({ name: Text(255) }, { additionalProperties: true })
const UNTIL = '2.43'

/** Nova's old way to change a server's groups and addresses: it speaks to the network service in the client's name. */
export function addressActions(deps: ComputeDeps): readonly Route[] {
  return [...groupActions(deps), ...floatingIpActions(deps), ...fixedIpActions(deps)]
}

function groupActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('addSecurityGroup', 'os-security-groups:add'),
      body: Group,
      status: 202,
      handle: async (ctx, { params, body }) =>
        await changeGroups(ctx, deps, params.id, body.name, 'add'),
    }),
    route({
      ...serverAction('removeSecurityGroup', 'os-security-groups:remove'),
      body: Group,
      status: 202,
      handle: async (ctx, { params, body }) =>
        await changeGroups(ctx, deps, params.id, body.name, 'remove'),
    }),
  ]
}

function floatingIpActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('addFloatingIp', 'os-floating-ips:add'),
      until: UNTIL,
      status: 202,
      body: Type.Object({ address: Ip, fixed_address: Type.Optional(Ip) }, strict),
      handle: async (ctx, { params, body }) =>
        await addFloatingIp(ctx, deps, params.id, body.address, body.fixed_address),
    }),
    route({
      ...serverAction('removeFloatingIp', 'os-floating-ips:remove'),
      until: UNTIL,
      body: Type.Object({ address: Ip }, strict),
      status: 202,
      handle: async (ctx, { params, body }) => {
        const server = await getServer(ctx, params.id)
        const floating = await floatingIp(ctx, deps, body.address)
        if (floating.deviceId !== server.id)
          throw cloudError(
            'conflict',
            `Floating IP ${body.address} is not associated with instance ${server.id}.`,
          )
        await deps.network.associateFloatingIp(ctx, floating.id, null)
      },
    }),
  ]
}

function fixedIpActions(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('addFixedIp', 'os-multinic:add'),
      until: UNTIL,
      body: Type.Object({ networkId: Uuid }, strict),
      status: 202,
      handle: async (ctx, { params, body }) =>
        void (await attach(ctx, deps, await serverFor(ctx, deps, params.id, 'attach_interface'), {
          uuid: body.networkId,
        })),
    }),
    route({
      ...serverAction('removeFixedIp', 'os-multinic:remove'),
      until: UNTIL,
      body: Type.Object({ address: Ip }, strict),
      status: 202,
      handle: async (ctx, { params, body }) => {
        const live = await serverFor(ctx, deps, params.id, 'detach_interface')
        const port = (await deps.network.portsOf(ctx, [params.id])).find(({ fixedIps }) =>
          fixedIps.some((ip) => ip.address === body.address),
        )
        if (port === undefined)
          throw cloudError(
            'badRequest',
            `Fixed IP address ${body.address} is not associated with instance ${params.id}.`,
          )
        await detach(ctx, deps, live, port.id)
      },
    }),
  ]
}

async function changeGroups(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  name: string,
  how: 'add' | 'remove',
): Promise<undefined> {
  const server = await getServer(ctx, id)
  const group = await deps.network.resolveSecurityGroup(ctx, name)
  const ports = await deps.network.portsOf(ctx, [server.id])
  if (ports.length === 0)
    throw cloudError(
      'badRequest',
      `Instance ${id} has no interface that a security group could be put on.`,
    )
  const having = ports.filter((port) =>
    port.securityGroups.some(({ id: other }) => other === group.id),
  )
  if (how === 'remove' && having.length === 0)
    throw cloudError(
      'notFound',
      `Security group ${name.slice(0, 255)} not associated with the instance ${id}`,
    )
  for (const port of how === 'add' ? ports.filter((one) => !having.includes(one)) : having) {
    const others = port.securityGroups.map((one) => one.id).filter((other) => other !== group.id)
    await deps.network.setPortSecurityGroups(
      ctx,
      port.id,
      how === 'add' ? [...others, group.id] : others,
    )
  }
  return undefined
}

async function addFloatingIp(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  address: string,
  fixed: string | undefined,
): Promise<undefined> {
  const server = await getServer(ctx, id)
  const ports = await deps.network.portsOf(ctx, [server.id])
  const port =
    fixed === undefined
      ? ports.find(({ fixedIps }) => fixedIps.some((ip) => ip.version === 4))
      : ports.find(({ fixedIps }) => fixedIps.some((ip) => ip.address === fixed))
  if (port === undefined) {
    throw cloudError(
      'badRequest',
      fixed === undefined
        ? 'No fixed IPs associated to instance'
        : `Specified fixed address ${fixed} not assigned to instance`,
    )
  }
  const floating = await floatingIp(ctx, deps, address)
  try {
    await deps.network.associateFloatingIp(ctx, floating.id, port.id, fixed)
  } catch (error) {
    // what the network service calls a conflict (the fixed address has a floating one already) Nova has always answered with 400
    if (isCloudError(error, 'conflict'))
      throw cloudError('badRequest', error.message, { cause: error })
    if (!isCloudError(error, 'notFound')) throw error
    throw cloudError(
      'badRequest',
      `Unable to associate floating IP ${address} to any fixed IPs for instance ${id}: its network has no router to the floating IP's network.`,
    )
  }
  return undefined
}

async function floatingIp(ctx: Ctx, deps: ComputeDeps, address: string): Promise<FloatingIpInfo> {
  const found = (await deps.network.listFloatingIps(ctx)).find((one) => one.address === address)
  if (found === undefined)
    throw cloudError('notFound', `Floating IP not found for address ${address}.`)
  return found
}
