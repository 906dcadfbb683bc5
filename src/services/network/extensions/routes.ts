import { route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { listed } from '../standard/in-memory.ts'
import type { Extension } from './known.ts'

const view = (extension: Extension): unknown => ({ ...extension, links: [] })

/** Of services that can be done in several ways; load balancers, firewalls and VPNs are not here. */
const providers = [{ service_type: 'L3_ROUTER_NAT', name: 'stackyard', default: true }]

/** What clients look at before they use more than the basics. */
export function extensionRoutes(known: readonly Extension[]): Route[] {
  const extensions = known.toSorted((a, b) => a.alias.localeCompare(b.alias))
  return [
    route({
      method: 'GET',
      path: '/v2.0/extensions',
      policy: 'network:get_extension',
      handle: async () => await Promise.resolve({ extensions: extensions.map(view) }),
    }),
    route({
      method: 'GET',
      path: '/v2.0/extensions/:alias',
      policy: 'network:get_extension',
      handle: async (_ctx, req) => {
        const { alias } = req.params as { alias: string } // named in the path
        const extension = extensions.find((each) => each.alias === alias)
        if (extension === undefined)
          throw neutronError(
            'notFound',
            'ExtensionsNotFound',
            `Extensions not found: ['${alias.slice(0, 100)}'].`,
          )
        return await Promise.resolve({ extension: view(extension) })
      },
    }),
    providersRoute,
  ]
}

const providersRoute = route({
  method: 'GET',
  path: '/v2.0/service-providers',
  policy: 'network:get_extension',
  handle: async (_ctx, { rawQuery }) =>
    await Promise.resolve({
      service_providers: listed(
        providers,
        rawQuery,
        ['service_type', 'name', 'default'],
        (provider) => String(provider['name']),
      ),
    }),
})

export const extensionPolicies = { 'network:get_extension': '@' } as const
