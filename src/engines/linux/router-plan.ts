import type { AddressSpec, RouterSpec } from '../../ports/network.ts'
import { canonical, checkedMac, familyOf } from './addresses.ts'
import { destinationText } from './guest.ts'
import type { LinkFact, RouteFact } from './link-facts.ts'
import { gatewayLeg, gatewayLegPeer, routerLeg, routerLegPeer } from './names.ts'

/** A router's links, addresses and routes: from what is seen to what is wanted. Pure. */
export interface Leg {
  readonly name: string
  readonly peer: string
  readonly mac: string
  /** Where the other end is. */
  readonly in: { readonly kind: 'network' | 'external'; readonly id: string }
  readonly addresses: readonly string[]
}

export interface RouterSeen {
  readonly links: readonly LinkFact[]
  readonly routes: readonly RouteFact[]
}

export interface RouterPlan {
  readonly removeLegs: readonly string[]
  readonly addLegs: readonly Leg[]
  /** Lines for `ip` once the legs are there. */
  readonly lines: readonly string[]
  /** Addresses that are new on the gateway: others may remember another MAC for them. */
  readonly newOutside: readonly string[]
  /** Addresses that left the gateway: their flows must not go on. */
  readonly lostOutside: readonly string[]
}

const spell = (each: AddressSpec): string => `${canonical(each.address)}/${each.prefix}`

export function wantedLegs(spec: RouterSpec): Leg[] {
  const inner = spec.interfaces.map((each): Leg => ({
    name: routerLeg(each.portId),
    peer: routerLegPeer(each.portId),
    mac: checkedMac(each.mac),
    in: { kind: 'network', id: each.networkId },
    addresses: each.addresses.map(spell),
  }))
  const { external } = spec
  if (external === undefined) return inner
  const floating = spec.floatingIps.map(
    ({ floating: address }) => `${canonical(address)}/${familyOf(address) === 4 ? 32 : 128}`,
  )
  return [
    ...inner,
    {
      name: gatewayLeg(spec.id),
      peer: gatewayLegPeer(spec.id),
      mac: checkedMac(external.mac),
      in: { kind: 'external', id: external.networkId },
      addresses: [...new Set([...external.addresses.map(spell), ...floating])],
    },
  ]
}

/** `aliasOf` is what a leg's link is marked with: a leg that leads elsewhere now is made anew. */
export const aliasOf = (leg: Leg): string => `${leg.in.kind} ${leg.in.id}`

export function planRouter(spec: RouterSpec, seen: RouterSeen): RouterPlan {
  const legs = wantedLegs(spec)
  const outside = gatewayLeg(spec.id)
  const mine = seen.links.filter(
    (link) => link.ifname.startsWith('qr-') || link.ifname.startsWith('qg-'),
  )
  const kept = mine.filter((link) =>
    legs.some(
      (leg) => leg.name === link.ifname && leg.mac === link.mac && aliasOf(leg) === link.alias,
    ),
  )
  const addressesOf = (links: readonly LinkFact[], name: string): readonly string[] =>
    links.find((link) => link.ifname === name)?.addresses ?? []
  const wantOutside = legs.find((leg) => leg.name === outside)?.addresses ?? []
  const hadOutside = addressesOf(mine, outside)
  const keptOutside = addressesOf(kept, outside)
  const bare = (list: readonly string[]): string[] => list.map((each) => each.split('/')[0] ?? '')
  return {
    removeLegs: mine.filter((link) => !kept.includes(link)).map((link) => link.ifname),
    addLegs: legs.filter((leg) => !kept.some((link) => link.ifname === leg.name)),
    lines: [
      ...legs.flatMap((leg) =>
        legLines(
          leg,
          kept.find((link) => link.ifname === leg.name),
        ),
      ),
      ...routeLines(spec, seen.routes),
    ],
    newOutside: bare(wantOutside.filter((each) => !keptOutside.includes(each))),
    lostOutside: bare(hadOutside.filter((each) => !wantOutside.includes(each))),
  }
}

function legLines(leg: Leg, link: LinkFact | undefined): string[] {
  const had = link?.addresses ?? []
  return [
    ...had
      .filter((each) => !leg.addresses.includes(each))
      .map((each) => `addr del ${each} dev ${leg.name}`),
    ...leg.addresses
      .filter((each) => !had.includes(each))
      .map(
        (each) =>
          `addr add ${each} dev ${leg.name}${familyOf(each.split('/')[0] ?? '') === 6 ? ' nodad' : ''}`,
      ),
    ...(link?.up === true ? [] : [`link set dev ${leg.name} up`]),
  ]
}

interface WantedRoute {
  readonly destination: string
  readonly via: string
  readonly family: 4 | 6
}

function routeLines(spec: RouterSpec, seen: readonly RouteFact[]): string[] {
  const own = spec.routes.map((route): WantedRoute => ({
    destination: destinationText(route.destination),
    via: canonical(route.nexthop),
    family: familyOf(route.nexthop),
  }))
  const want = [...own]
  for (const gateway of spec.external?.gateways ?? []) {
    const via = canonical(gateway)
    const family = familyOf(via)
    const given = own.some((route) => route.destination === 'default' && route.family === family)
    if (!given) want.push({ destination: 'default', via, family })
  }
  const matches = (route: RouteFact, each: WantedRoute): boolean =>
    route.destination === each.destination && route.via === each.via
  const ours = seen.filter((route) => !route.byKernel && route.via !== undefined)
  return [
    ...ours
      .filter((route) => !want.some((each) => matches(route, each)))
      .map((route) => `route del ${route.destination} via ${route.via ?? ''}`),
    ...want.map((each) => `route replace ${each.destination} via ${each.via}`),
  ]
}
