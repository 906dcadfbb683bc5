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
  const own = external.addresses.map(({ address }) => canonical(address))
  const floating = [...spec.floatingIps, ...(spec.portForwardings ?? [])]
    .map((each) => canonical(each.floating))
    .filter((address) => !own.includes(address))
    .map((address) => `${address}/${familyOf(address) === 4 ? 32 : 128}`)
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

export const isLeg = (link: LinkFact): boolean =>
  link.ifname.startsWith('qr-') || link.ifname.startsWith('qg-')

export function planRouter(spec: RouterSpec, seen: RouterSeen): RouterPlan {
  const legs = wantedLegs(spec)
  const mine = seen.links.filter(isLeg)
  const kept = mine.filter((link) => legs.some((leg) => isSame(leg, link)))
  const outside = gatewayLeg(spec.id)
  const keptOutside = kept.find((link) => link.ifname === outside)?.addresses ?? []
  const wantOutside = legs.find((leg) => leg.name === outside)?.addresses ?? []
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
      ...strangeRoutes(spec, seen.routes).map(
        (route) => `route del ${route.destination} via ${route.via ?? ''}`,
      ),
      // Also those that are seen: with a leg that is made anew they go.
      ...wantedRoutes(spec).map((each) => `route replace ${each.destination} via ${each.via}`),
    ],
    newOutside: wantOutside
      .filter((each) => !keptOutside.includes(each))
      .map((each) => each.split('/')[0] ?? ''),
  }
}

const isSame = (leg: Leg, link: LinkFact): boolean =>
  leg.name === link.ifname && leg.mac === link.mac && aliasOf(leg) === link.alias

/** In words what differs. */
export function routerDrift(spec: RouterSpec, seen: RouterSeen): string[] {
  const legs = wantedLegs(spec)
  const mine = seen.links.filter(isLeg)
  const missing = wantedRoutes(spec).filter(
    (each) => !seen.routes.some((route) => isRoute(route, each)),
  )
  return [
    ...mine
      .filter((link) => !legs.some((leg) => isSame(leg, link)))
      .map((link) => `the leg ${link.ifname} is not wanted so`),
    ...legs.flatMap((leg) =>
      legDrift(
        leg,
        mine.find((link) => link.ifname === leg.name),
      ),
    ),
    ...missing.map((each) => `the route to ${each.destination} via ${each.via} is gone`),
    ...strangeRoutes(spec, seen.routes).map(
      (route) => `the route to ${route.destination} via ${route.via ?? ''} is not wanted`,
    ),
  ]
}

function legDrift(leg: Leg, link: LinkFact | undefined): string[] {
  if (link === undefined) return [`the leg ${leg.name} is gone`]
  return [
    ...(link.speaks ? [] : [`the leg ${leg.name} is down at one of its ends`]),
    ...leg.addresses
      .filter((each) => !link.addresses.includes(each))
      .map((each) => `the address ${each} is not on ${leg.name}`),
    ...link.addresses
      .filter((each) => !leg.addresses.includes(each))
      .map((each) => `the address ${each} on ${leg.name} is not wanted`),
  ]
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

function wantedRoutes(spec: RouterSpec): WantedRoute[] {
  const own = spec.routes.map((route): WantedRoute => ({
    destination: destinationText(route.destination),
    via: canonical(route.nexthop),
    family: familyOf(route.nexthop),
  }))
  const defaults = (spec.external?.gateways ?? []).map((gateway): WantedRoute => ({
    destination: 'default',
    via: canonical(gateway),
    family: familyOf(gateway),
  }))
  const isGiven = ({ family }: WantedRoute): boolean =>
    own.some((route) => route.destination === 'default' && route.family === family)
  return [...own, ...defaults.filter((each) => !isGiven(each))]
}

const isRoute = (route: RouteFact, wanted: WantedRoute): boolean =>
  route.destination === wanted.destination && route.via === wanted.via

const strangeRoutes = (spec: RouterSpec, seen: readonly RouteFact[]): RouteFact[] =>
  seen.filter(
    (route) =>
      !route.byKernel &&
      route.via !== undefined &&
      !wantedRoutes(spec).some((each) => isRoute(route, each)),
  )
