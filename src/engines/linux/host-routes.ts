import { run, tryRun } from '../../kernel/exec/run.ts'
import type { RouterSpec } from '../../ports/network.ts'
import { canonical, familyOf, overlaps, rangeOf } from './addresses.ts'
import { destinationText } from './guest.ts'
import { linkFacts, routeFacts, type LinkFact, type RouteFact } from './link-facts.ts'
import { gatewayLeg, type Names } from './names.ts'

/**
 * The host's way back to inner prefixes that a router does not translate: routes on the host's link into the external
 * network, by the router's own address there. That address is also how a router's routes are told from another's.
 */
const PROTOCOL = '173'

export interface HostRoutes {
  readonly link: string
  /** Of the router in the external network. */
  readonly vias: readonly string[]
  readonly routes: readonly { readonly destination: string; readonly via: string }[]
}

export function wantedHostRoutes(names: Names, spec: RouterSpec): HostRoutes | undefined {
  const { external } = spec
  if (external === undefined) return undefined
  const vias = external.addresses.map(({ address }) => canonical(address))
  const prefixes = [
    ...(external.routed ?? []),
    ...(spec.ndpProxies ?? []).map(({ address }) => address),
  ].map(destinationText)
  return {
    link: names.hostLink(external.networkId),
    vias,
    routes: [...new Set(prefixes)].flatMap((destination) => {
      const family = familyOf(destination.split('/')[0] ?? '')
      const via = vias.find((each) => familyOf(each) === family)
      return via === undefined ? [] : [{ destination, via }]
    }),
  }
}

/** What the router may have on the host, by the gateway leg that it is seen to have. */
export function heldHostRoutes(
  names: Names,
  routerId: string,
  links: readonly LinkFact[],
): HostRoutes | undefined {
  const gateway = links.find(({ ifname }) => ifname === gatewayLeg(routerId))
  const [kind, id] = gateway?.alias?.split(' ') ?? []
  if (gateway === undefined || kind !== 'external' || id === undefined) return undefined
  const vias = gateway.addresses.map((each) => each.split('/')[0] ?? '')
  return { link: names.hostLink(id), vias, routes: [] }
}

/** Makes the wanted ones and takes away those that were held and are not wanted. */
export async function writeHostRoutes(
  wanted: HostRoutes | undefined,
  held: HostRoutes | undefined,
): Promise<void> {
  if (held !== undefined) {
    const strange = (await ownRoutes(held)).filter(
      (route) =>
        !(wanted?.link === held.link && wanted.routes.some((each) => isRoute(route, each))),
    )
    for (const { destination, via } of strange)
      await tryRun('ip', ['route', 'del', destination, 'via', via ?? '', 'dev', held.link])
  }
  if (wanted === undefined || wanted.routes.length === 0) return
  await refuseHostsOwn(wanted)
  const lines = wanted.routes.map(
    ({ destination, via }) =>
      `route replace ${destination} via ${via} dev ${wanted.link} proto ${PROTOCOL}`,
  )
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
}

export async function hostRoutesDrift(wanted: HostRoutes | undefined): Promise<string[]> {
  if (wanted === undefined || wanted.routes.length === 0) return []
  const seen = await ownRoutes(wanted)
  return wanted.routes
    .filter((each) => !seen.some((route) => isRoute(route, each)))
    .map(({ destination }) => `the host has no route to ${destination}`)
}

const isRoute = (route: RouteFact, wanted: HostRoutes['routes'][number]): boolean =>
  route.destination === wanted.destination && route.via === wanted.via

async function ownRoutes({ link, vias }: HostRoutes): Promise<RouteFact[]> {
  const families = [...new Set(vias.map(familyOf))]
  const listed = families.map(async (family) => {
    const words = [`-${family}`, '-j', 'route', 'show', 'proto', PROTOCOL, 'dev', link]
    const { code, stdout } = await tryRun('ip', words)
    if (code !== 0 || stdout.trim() === '') return [] // the link is gone, and its routes with it
    const list: unknown = JSON.parse(stdout)
    return Array.isArray(list) ? routeFacts(list) : []
  })
  return (await Promise.all(listed)).flat().filter(({ via }) => vias.includes(via ?? ''))
}

/** A tenant's prefix that the host itself has a link in would take its own network from it. */
async function refuseHostsOwn({ link, routes }: HostRoutes): Promise<void> {
  const list: unknown = JSON.parse(await run('ip', ['-j', 'addr', 'show']))
  const others = linkFacts(Array.isArray(list) ? list : []).filter(({ ifname }) => ifname !== link)
  for (const { destination } of routes) {
    const clash = others.find(({ addresses }) =>
      addresses.some((each) => overlaps(rangeOf(each), rangeOf(destination))),
    )
    if (clash !== undefined)
      throw new Error(`${destination} overlaps with the host's own network on ${clash.ifname}`)
  }
}
