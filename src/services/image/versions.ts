import { reply, route, type Reply, type Req, type Route } from '../../kernel/http/route.ts'

/**
 * Minor versions whose additions are here, newest first. As in Glance, 2.14 and 2.16 are left out: they stand for the image
 * cache, which is not offered.
 */
const MINORS = [
  '15',
  '13',
  '12',
  '11',
  '10',
  '9',
  '8',
  '7',
  '6',
  '5',
  '4',
  '3',
  '2',
  '1',
  '0',
] as const

function versionList(req: Req, status: number): Reply {
  const versions = MINORS.map((minor, at) => ({
    id: `v2.${minor}`,
    status: at === 0 ? 'CURRENT' : 'SUPPORTED',
    links: [{ rel: 'self', href: `${req.serviceUrl}/v2/` }],
  }))
  return reply(status, { versions })
}

/** Clients find out here which of the later calls exist. Glance answers 300 at its root and 200 at `/versions`. */
export const versionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/',
    policy: null,
    summary: 'Lists API versions',
    handle: async (_ctx, req) => await Promise.resolve(versionList(req, 300)),
  }),
  route({
    method: 'GET',
    path: '/versions',
    policy: null,
    summary: 'Lists API versions',
    handle: async (_ctx, req) => await Promise.resolve(versionList(req, 200)),
  }),
]
