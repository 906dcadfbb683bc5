import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { NetworkInfo } from '../../network/face.ts'
import type { ComputeDeps } from '../deps.ts'

/** The network service decides once more by its own rules. */
export const networkProxyPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-networks:list': 'rule:project-reader',
  'os_compute_api:os-networks:show': 'rule:project-reader',
  'os_compute_api:os-tenant-networks:list': 'rule:project-reader',
  'os_compute_api:os-tenant-networks:show': 'rule:project-reader',
}

/** Nova's windows on the network service, gone after 2.35: clients go there themselves. */
export function networkProxyRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    ...windows(deps, 'os-networks', fullView),
    ...windows(deps, 'os-tenant-networks', shortView),
  ]
}

function windows(
  deps: ComputeDeps,
  name: string,
  view: (network: NetworkInfo) => unknown,
): readonly Route[] {
  const until = '2.35'
  return [
    route({
      method: 'GET',
      path: `/v2.1/${name}`,
      until,
      policy: `os_compute_api:${name}:list`,
      summary: 'List networks',
      handle: async (ctx) => ({ networks: (await deps.network.listNetworks(ctx)).map(view) }),
    }),
    route({
      method: 'GET',
      path: `/v2.1/${name}/:id`,
      until,
      policy: `os_compute_api:${name}:show`,
      summary: 'Show a network',
      handle: async (ctx, req) => ({ network: view(await networkIn(ctx, deps, req)) }),
    }),
  ]
}

async function networkIn(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<NetworkInfo> {
  const { id } = req.params as { id: string } // asked only where the path has :id
  const network = await deps.network.findNetwork(ctx, id)
  if (network === undefined)
    throw cloudError('notFound', `Network ${id.slice(0, 255)} could not be found.`)
  return network
}

const shortView = (network: NetworkInfo): unknown => ({
  id: network.id,
  label: network.name,
  cidr: null,
})

/** The keys of Nova's own networks of old; the network service knows id and name of them. */
const oldKeys = [
  'cidr',
  'netmask',
  'gateway',
  'broadcast',
  'dns1',
  'dns2',
  'cidr_v6',
  'gateway_v6',
  'netmask_v6',
  'created_at',
  'updated_at',
  'deleted_at',
  'deleted',
  'injected',
  'bridge',
  'vlan',
  'vpn_public_address',
  'vpn_public_port',
  'vpn_private_address',
  'dhcp_start',
  'project_id',
  'host',
  'bridge_interface',
  'multi_host',
  'priority',
  'rxtx_base',
  'mtu',
  'dhcp_server',
  'enable_dhcp',
  'share_address',
] as const

function fullView(network: NetworkInfo): unknown {
  return {
    ...Object.fromEntries(oldKeys.map((key) => [key, null])),
    id: network.id,
    label: network.name,
  }
}
