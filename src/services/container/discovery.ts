import { route, type Req, type Route } from '../../kernel/http/route.ts'
import { resourceLinks } from './wire/links.ts'
import { containerMicroversions } from './versions.ts'

/** Version documents. zunclient cuts `/v1` off the catalog's URL and reads the range from what stands above it. */
export const discoveryRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/',
    policy: null,
    summary: 'List API versions',
    handle: async (_ctx, req) =>
      await Promise.resolve({
        name: 'OpenStack Zun API',
        description: 'Containers over the Zun API, served by Stackyard.',
        versions: [versionOf(req)],
        default_version: versionOf(req),
      }),
  }),
  route({
    method: 'GET',
    path: '/v1',
    policy: null,
    summary: 'Show version v1 and its resources',
    handle: async (_ctx, req) =>
      await Promise.resolve({
        id: 'v1',
        media_types: [{ base: 'application/json', type: 'application/vnd.openstack.zun.v1+json' }],
        links: [{ rel: 'self', href: `${req.serviceUrl}/v1/` }],
        ...Object.fromEntries(RESOURCES.map((name) => [name, resourceLinks(req, name)])),
      }),
  }),
]

const RESOURCES = [
  'availability_zones',
  'capsules',
  'containers',
  'hosts',
  'images',
  'networks',
  'quota_classes',
  'quotas',
  'registries',
  'services',
] as const

function versionOf(req: Req): Record<string, unknown> {
  return {
    id: 'v1',
    links: [{ rel: 'self', href: `${req.serviceUrl}/v1/` }],
    status: 'CURRENT',
    min_version: containerMicroversions.min,
    max_version: containerMicroversions.max,
  }
}
