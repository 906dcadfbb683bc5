import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { FloatingIpInfo } from '../../network/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { Text } from '../wire/schemas.ts'

/** The network service decides once more by its own rules. */
export const floatingIpProxyPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-floating-ips:list': 'rule:project-reader',
  'os_compute_api:os-floating-ips:show': 'rule:project-reader',
  'os_compute_api:os-floating-ips:create': 'rule:project-member',
  'os_compute_api:os-floating-ips:delete': 'rule:project-member',
  'os_compute_api:os-floating-ip-pools': '@',
}

const NewFloatingIp = Type.Union([
  Type.Object(
    { pool: Type.Optional(Type.Union([Text(255), Type.Null()])) },
    { additionalProperties: true },
  ),
  Type.Null(),
])

const until = '2.35'
const all = '/v2.1/os-floating-ips'
const policy = (verb: string): string => `os_compute_api:os-floating-ips:${verb}`

/** Nova's window on floating IPs, gone after 2.35. A pool is an external network. */
export function floatingIpProxyRoutes(deps: ComputeDeps): readonly Route[] {
  return [...readRoutes(deps), ...writeRoutes(deps)]
}

function readRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      until,
      policy: policy('list'),
      summary: 'List floating IPs',
      handle: async (ctx) => ({
        floating_ips: (await deps.network.listFloatingIps(ctx)).map(view),
      }),
    }),
    route({
      method: 'GET',
      path: `${all}/:id`,
      until,
      policy: policy('show'),
      summary: 'Show a floating IP',
      handle: async (ctx, req) => ({ floating_ip: view(await floatingIpIn(ctx, deps, req)) }),
    }),
    route({
      method: 'GET',
      path: '/v2.1/os-floating-ip-pools',
      until,
      policy: 'os_compute_api:os-floating-ip-pools',
      summary: 'List the pools of floating IPs',
      handle: async (ctx) => ({
        floating_ip_pools: (await deps.network.listNetworks(ctx))
          .filter((network) => network.external)
          .map(({ name }) => ({ name })),
      }),
    }),
  ]
}

function writeRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: all,
      until,
      policy: policy('create'),
      body: NewFloatingIp,
      bodyOptional: true,
      summary: 'Allocate a floating IP from a pool',
      handle: async (ctx, req) => ({
        floating_ip: view(await deps.network.createFloatingIp(ctx, req.body?.pool ?? undefined)),
      }),
    }),
    route({
      method: 'DELETE',
      path: `${all}/:id`,
      until,
      policy: policy('delete'),
      summary: 'Give a floating IP back',
      handle: async (ctx, req) => {
        await deps.network.deleteFloatingIp(ctx, (await floatingIpIn(ctx, deps, req)).id)
        return reply(202)
      },
    }),
  ]
}

async function floatingIpIn(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<FloatingIpInfo> {
  const { id } = req.params as { id: string } // asked only where the path has :id
  const found = (await deps.network.listFloatingIps(ctx)).find((floatingIp) => floatingIp.id === id)
  if (found === undefined)
    throw cloudError('notFound', `Floating IP not found for ID ${id.slice(0, 255)}.`)
  return found
}

function view(floatingIp: FloatingIpInfo): unknown {
  return {
    id: floatingIp.id,
    ip: floatingIp.address,
    pool: floatingIp.networkName,
    instance_id: floatingIp.deviceId,
    fixed_ip: floatingIp.fixedAddress,
  }
}
