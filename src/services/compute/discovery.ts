import { route, type Req, type Route } from '../../kernel/http/route.ts'
import { computeMicroversions } from './versions.ts'

type VersionId = 'v2.0' | 'v2.1'

/** Version documents. Clients read the microversion range from `GET /v2.1/`, which must answer exactly one version. */
export const discoveryRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/',
    policy: null,
    summary: 'List API versions',
    handle: async (_ctx, req) =>
      await Promise.resolve({ versions: [versionOf(req, 'v2.0'), versionOf(req, 'v2.1')] }),
  }),
  route({
    method: 'GET',
    path: '/v2',
    policy: null,
    summary: 'Show version v2.0',
    handle: async (_ctx, req) => await oneVersion(req, 'v2.0'),
  }),
  route({
    method: 'GET',
    path: '/v2.1',
    policy: null,
    summary: 'Show version v2.1',
    handle: async (_ctx, req) => await oneVersion(req, 'v2.1'),
  }),
]

async function oneVersion(req: Req, id: VersionId): Promise<unknown> {
  const type = `application/vnd.openstack.compute+json;version=${id === 'v2.0' ? '2' : '2.1'}`
  return await Promise.resolve({
    version: { ...versionOf(req, id), 'media-types': [{ base: 'application/json', type }] },
  })
}

/** v2.0 is v2.1 without microversions: it names no range. */
function versionOf(req: Req, id: VersionId): Record<string, unknown> {
  const old = id === 'v2.0'
  return {
    id,
    status: old ? 'SUPPORTED' : 'CURRENT',
    version: old ? '' : computeMicroversions.max,
    min_version: old ? '' : computeMicroversions.min,
    updated: old ? '2011-01-21T11:33:21Z' : '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${req.serviceUrl}/${old ? 'v2' : 'v2.1'}/` }],
  }
}
