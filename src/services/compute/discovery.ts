import { route, type Req, type Route } from '../../kernel/http/route.ts'
import { computeMicroversions } from './versions.ts'

/** Version documents. Clients read the microversion range from `GET /v2.1/`, which must answer exactly one version. */
export const discoveryRoutes: readonly Route[] = [
  route({ method: 'GET', path: '/', policy: null, summary: 'List API versions',
    handle: async (_ctx, req) => await Promise.resolve({ versions: [versionOf(req)] }) }),
  route({ method: 'GET', path: '/v2.1', policy: null, summary: 'Show version v2.1',
    handle: async (_ctx, req) => await Promise.resolve({ version: { ...versionOf(req), 'media-types': mediaTypes } }) }),
]

const mediaTypes = [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }]

function versionOf(req: Req): Record<string, unknown> {
  return {
    id: 'v2.1',
    status: 'CURRENT',
    version: computeMicroversions.max,
    min_version: computeMicroversions.min,
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${req.serviceUrl}/v2.1/` }],
  }
}
