import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx, toJson } from '../../../kernel/db/db.ts'
import { route, type Route as HttpRoute } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { canonicalIp } from '../addressing/address.ts'
import { formatCidr, parseCidr } from '../addressing/cidr.ts'
import { invalidValue, neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { mustOwn } from '../standard/access.ts'
import type { Resource } from '../standard/resource.ts'
import { viewOf, getRow } from '../standard/routes.ts'
import { changeRow } from '../standard/store.ts'
import { holds } from '../subnets/plan.ts'
import type { Route } from '../subnets/schema.ts'
import { RoutesOnly } from './schema.ts'
import { getRouter, legsOf, routerSpec, type Leg } from './store.ts'

const MAX_ROUTES = 30

/** Adding and removing single routes, safe against others doing the same (extension extraroute-atomic). */
export function extraRouteRoutes(routers: Resource): HttpRoute[] {
  const op = (
    verb: 'add' | 'remove',
    edit: (had: readonly Route[], sent: readonly Route[]) => Route[],
  ): HttpRoute =>
    route({
      method: 'PUT',
      path: `/v2.0/routers/:id/${verb}_extraroutes`,
      policy: 'network:update_router',
      body: RoutesOnly,
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const { id } = req.params as { id: string } // named in the path
          const router = await getRouter(tx, id)
          mustOwn(tx, router, `${verb}_extraroutes`)
          const next = edit(fromJson<Route[]>(router.routes), readRoutes(req.body.router.routes))
          await changeRow(tx, routerSpec, id, { routes: toJson(await checkedRoutes(tx, id, next)) })
          await nudge(tx, kinds.router, id)
          return { router: await viewOf(tx, routers, await getRow(tx, routers, id)) }
        }),
    })
  const same = (a: Route) => (b: Route) =>
    a.destination === b.destination && a.nexthop === b.nexthop
  return [
    op('add', (had, sent) => [...had, ...sent.filter((route_) => !had.some(same(route_)))]),
    op('remove', (had, sent) => had.filter((route_) => !sent.some(same(route_)))),
  ]
}

/** Canonical spelling; a route without a prefix leads to one host. */
export function readRoutes(sent: readonly Route[]): Route[] {
  const routes = sent.map(({ destination, nexthop }) => {
    const cidr = parseCidr(destination)
    if (cidr === undefined)
      throw invalidValue('routes', `'${destination}' is not a valid IP subnet.`)
    return { destination: formatCidr(cidr), nexthop: canonicalIp(nexthop) ?? nexthop }
  })
  const texts = routes.map(({ destination, nexthop }) => `${destination} ${nexthop}`)
  if (new Set(texts).size < texts.length) throw invalidValue('routes', 'a route is in it twice.')
  return routes
}

/** Every next hop must be a neighbour of the router, and not the router itself. */
export async function checkedRoutes(
  tx: Ctx,
  routerId: string,
  routes: readonly Route[],
): Promise<readonly Route[]> {
  if (routes.length > MAX_ROUTES)
    throw neutronError(
      'badRequest',
      'RoutesExhausted',
      `Unable to complete operation for ${routerId}. The number of routes exceeds the maximum ${MAX_ROUTES}.`,
    )
  const legs = routes.length === 0 ? [] : await legsOf(tx, routerId)
  for (const route_ of routes) checkRoute(route_, legs)
  return routes
}

function checkRoute({ destination, nexthop }: Route, legs: readonly Leg[]): void {
  const reason = !legs.some((leg) => holds(leg.cidr, nexthop))
    ? 'the nexthop is not connected with router'
    : legs.some((leg) => leg.address === nexthop)
      ? 'the nexthop is used by router'
      : undefined
  if (reason !== undefined)
    throw neutronError(
      'badRequest',
      'InvalidRoutes',
      `Invalid format for routes: destination ${destination} nexthop ${nexthop}, ${reason}`,
    )
}
