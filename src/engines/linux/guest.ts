import type { PortPlace, PortSpec } from '../../ports/network.ts'
import {
  canonical,
  checkedIfname,
  checkedMtu,
  contains,
  familyOf,
  networkOf,
  rangeOf,
} from './addresses.ts'
import { METADATA_ADDRESS } from './filters.ts'
import type { LinkFact, RouteFact } from './link-facts.ts'

/** The workload's end of a port: what `ip` must be told there to get from what is to what is wanted. Pure. */
export interface GuestSeen {
  readonly link: LinkFact
  readonly routes: readonly RouteFact[]
}

interface WantedRoute {
  readonly destination: string
  readonly via: string | undefined
}

export function guestLines(port: PortSpec, at: PortPlace, seen?: GuestSeen): string[] {
  const dev = checkedIfname(at.ifname)
  const addresses = port.addresses.map((each) => `${canonical(each.address)}/${each.prefix}`)
  const had = (seen?.link.addresses ?? []).filter(
    (each) => addresses.includes(each) || !isAllowed(port, each),
  )
  const mtu = checkedMtu(port.mtu)
  return [
    ...(seen === undefined ? ['link set dev lo up'] : []),
    ...(seen === undefined || seen.link.mtu === mtu ? [] : [`link set dev ${dev} mtu ${mtu}`]),
    ...had.filter((each) => !addresses.includes(each)).map((each) => `addr del ${each} dev ${dev}`),
    ...addresses.filter((each) => !had.includes(each)).map((each) => addLine(each, dev)),
    ...(seen?.link.up === true ? [] : [`link set dev ${dev} up`]),
    // A link that was down, or whose addresses changed, has lost routes that were seen a moment ago.
    ...routeLines(
      port,
      dev,
      seen === undefined || changed(had, addresses, seen) ? [] : seen.routes,
    ),
  ]
}

/** What an allowed pair covers the guest gives to itself and takes away itself: a virtual address, say. */
function isAllowed(port: PortSpec, address: string): boolean {
  const own = rangeOf(address.split('/')[0] ?? '')
  return port.allowedPairs.some(({ cidr }) => contains(rangeOf(cidr), own))
}

const changed = (had: readonly string[], want: readonly string[], seen: GuestSeen): boolean =>
  !seen.link.up || had.length !== want.length || had.some((each) => !want.includes(each))

const addLine = (address: string, dev: string): string =>
  familyOf(address.split('/')[0] ?? '') === 4
    ? `addr add ${address} brd + dev ${dev}`
    : `addr add ${address} dev ${dev} nodad`

function routeLines(port: PortSpec, dev: string, seen: readonly RouteFact[]): string[] {
  const want = wantedRoutes(port, dev)
  const mine = seen.filter((route) => !route.byKernel && (route.dev ?? dev) === dev)
  const extra = mine.filter((route) => !want.some((each) => each.destination === route.destination))
  const missing = want.filter(
    (each) =>
      !mine.some((route) => route.destination === each.destination && route.via === each.via),
  )
  return [
    ...extra.map((route) => `route del ${route.destination} dev ${dev}${via(route.via)}`),
    ...missing.map(
      (each) =>
        `route replace ${each.destination}${via(each.via)} dev ${dev}${each.via === undefined ? '' : ' onlink'}`,
    ),
  ]
}

const via = (address: string | undefined): string =>
  address === undefined ? '' : ` via ${address}`

/** Only the first interface takes default routes and the way to the metadata address. */
function wantedRoutes(port: PortSpec, dev: string): WantedRoute[] {
  const first = dev === 'eth0'
  const gateways = port.addresses.flatMap(({ gateway }) =>
    gateway === undefined ? [] : canonical(gateway),
  )
  const gateway = (family: 4 | 6): WantedRoute[] =>
    gateways
      .filter((each) => familyOf(each) === family)
      .slice(0, 1)
      .map((each) => ({ destination: 'default', via: each }))
  const metadata = first && port.addresses.some(({ address }) => familyOf(address) === 4)
  const own = port.routes.map((route) => ({
    destination: destinationText(route.destination),
    via: canonical(route.nexthop),
  }))
  const defaults = first ? [...gateway(4), ...gateway(6)] : []
  return [
    ...defaults.filter(
      (each) =>
        !own.some(
          (other) =>
            other.destination === 'default' && familyOf(other.via) === familyOf(each.via ?? ''),
        ),
    ),
    ...(metadata && !own.some((route) => route.destination === METADATA_ADDRESS)
      ? [{ destination: METADATA_ADDRESS, via: undefined }]
      : []),
    ...own,
  ]
}

/** As `ip` prints it: `default` for everything, no length for one host. */
export function destinationText(cidr: string): string {
  const [address = '', length] = cidr.split('/')
  const width = familyOf(address) === 4 ? 32 : 128
  const prefix = length === undefined ? width : Number(length)
  if (prefix === 0) return 'default'
  return prefix === width ? canonical(address) : networkOf(address, prefix)
}

/** IPv6 must be on before an address can be given, and addresses usable at once: the cloud has made sure they are unique. */
export const guestSettings = (port: PortSpec, ifname: string): string[] =>
  port.addresses.some(({ address }) => familyOf(address) === 6)
    ? ['disable_ipv6=0', 'accept_dad=0', 'accept_ra=0'].map(
        (each) => `net/ipv6/conf/${ifname}/${each}`,
      )
    : []
