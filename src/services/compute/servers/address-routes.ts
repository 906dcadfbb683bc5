import { Type } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { groupView } from '../proxies/security-groups.ts'
import { getServer } from './act.ts'
import { onePartsOf } from './parts.ts'
import { addressesOf } from './view.ts'
import { onServer } from './on-server.ts'

/** A server's addresses, and the security groups of its ports. */
export function addressRoutes(deps: ComputeDeps): readonly Route[] {
  return [...ips(deps), ...groupsOfServer(deps)]
}

function ips(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/ips', 'ips:index', 'List addresses'),
      handle: async (ctx, { params, version }) => ({
        addresses: addressesOf(
          (await onePartsOf(ctx, deps, await getServer(ctx, params.id), version)).ports,
          false,
        ),
      }),
    }),
    route({
      ...onServer('GET', '/ips/:network', 'ips:show', 'List addresses in a network'),
      params: Type.Object({ id: Type.String(), network: Type.String() }),
      handle: async (ctx, { params, version }) => {
        const addresses = addressesOf(
          (await onePartsOf(ctx, deps, await getServer(ctx, params.id), version)).ports,
          false,
        )
        if (!Object.hasOwn(addresses, params.network))
          throw cloudError('notFound', 'Instance is not a member of specified network')
        return Object.fromEntries([[params.network, addresses[params.network]]])
      },
    }),
  ]
}

function groupsOfServer(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer(
        'GET',
        '/os-security-groups',
        'os-security-groups:list',
        'List security groups of a server',
      ),
      handle: async (ctx, { params }) => {
        const server = await getServer(ctx, params.id)
        const ids = new Set(
          (await deps.network.portsOf(ctx, [server.id])).flatMap((port) =>
            port.securityGroups.map((group) => group.id),
          ),
        )
        const known = ids.size === 0 ? [] : await deps.network.listSecurityGroups(ctx)
        const byId = new Map(known.map((group) => [group.id, group]))
        return {
          security_groups: known
            .filter((group) => ids.has(group.id))
            .map((group) => groupView(group, byId)),
        }
      },
    }),
  ]
}
