import { reply, type Req, type Route } from '../../kernel/http/route.ts'
import { guarded } from './guarded.ts'

/** Which version of the API there is, with links by the address that the client used. */
const version = (req: Req): Record<string, unknown> => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${req.serviceUrl}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
})

export const discoveryRoutes: readonly Route[] = [
  guarded({
    method: 'GET',
    path: '/',
    policy: null,
    summary: 'List the versions of the API',
    handle: async (_ctx, req) =>
      await Promise.resolve(
        reply(
          300,
          { versions: { values: [version(req)] } },
          { Vary: 'X-Auth-Token', Location: `${req.serviceUrl}/v3/` },
        ),
      ),
  }),
  guarded({
    method: 'GET',
    path: '/v3',
    policy: null,
    summary: 'Show version 3',
    handle: async (_ctx, req) => await Promise.resolve({ version: version(req) }),
  }),
]
