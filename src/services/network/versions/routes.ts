import { route, type Route } from '../../../kernel/http/route.ts'
import type { Resource } from '../standard/resource.ts'

/** Discovery: clients read these without a token. */
export function versionRoutes(resources: readonly Resource[]): Route[] {
  const list = route({
    method: 'GET',
    path: '/',
    policy: null,
    handle: async (_ctx, { serviceUrl }) =>
      await Promise.resolve({
        versions: [
          { id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${serviceUrl}/v2.0/` }] },
        ],
      }),
  })
  const show = route({
    method: 'GET',
    path: '/v2.0',
    policy: null,
    handle: async (_ctx, { serviceUrl }) =>
      await Promise.resolve({
        resources: resources.map(({ singular, plural, path }) => ({
          name: singular,
          collection: plural,
          links: [{ rel: 'self', href: `${serviceUrl}/v2.0/${path}` }],
        })),
      }),
  })
  return [list, show]
}
