import { canonicalIp, parseIp, type Ip } from '../addressing/address.ts'
import { contains, formatCidr, hostRange, parseCidr, type Cidr } from '../addressing/cidr.ts'
import { defaultPools, rangesOf, type Pool } from '../addressing/pools.ts'
import { badRequest, invalidInput, invalidValue, neutronError } from '../fault.ts'
import { isTrue } from '../standard/schema.ts'
import type { NewSubnetWish, Route } from './schema.ts'

/** What a subnet's attributes must obey; pure. Everything here throws Neutron's 400 or 409. */

/** The prefix that holds what the client wrote: as in Neutron, host bits are left out without a word. */
export function readCidr(text: string, version: 4 | 6): Cidr {
  const cidr = parseCidr(text)
  if (cidr === undefined || !text.includes('/'))
    throw invalidValue('cidr', `'${text.slice(0, 64)}' is not a valid IP subnet.`)
  if (cidr.base.version !== version)
    throw invalidInput(`The ip_version '${version}' does not match the cidr '${text}'.`)
  if (cidr.prefix === 0) throw invalidInput('0 is not allowed as CIDR prefix length')
  return cidr
}

export function checkModes(wish: NewSubnetWish, cidr: Cidr): void {
  const modes = [wish.ipv6_ra_mode ?? undefined, wish.ipv6_address_mode ?? undefined].filter(
    (mode) => mode !== undefined,
  )
  if (modes.length === 0) return
  if (cidr.base.version === 4)
    throw invalidInput('ipv6_ra_mode or ipv6_address_mode cannot be set when ip_version is 4.')
  if (wish.enable_dhcp !== undefined && !isTrue(wish.enable_dhcp)) {
    throw invalidInput(
      'ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False.',
    )
  }
  if (modes.length === 2 && modes[0] !== modes[1]) {
    throw invalidInput(
      `ipv6_ra_mode set to '${modes[0]}' with ipv6_address_mode set to '${modes[1]}' is not valid. If both attributes are set, they must be the same value`,
    )
  }
  if (modes[0] !== 'dhcpv6-stateful' && cidr.prefix !== 64) {
    throw invalidInput(
      `Invalid CIDR ${formatCidr(cidr)} for IPv6 address mode ${modes[0]}: automatic addresses need a prefix of /64.`,
    )
  }
}

/** The gateway asked for, or the first address; undefined for none. */
export function gatewayOf(
  wish: { readonly gateway_ip?: string | null },
  cidr: Cidr,
): Ip | undefined {
  if (wish.gateway_ip === null) return undefined
  const { first, last } = hostRange(cidr)
  if (wish.gateway_ip === undefined) {
    const value = cidr.base.value + 1n
    return value > last ? undefined : { version: cidr.base.version, value }
  }
  const gateway = parseIp(wish.gateway_ip)
  if (
    gateway === undefined ||
    gateway.version !== cidr.base.version ||
    gateway.value < first ||
    gateway.value > last
  ) {
    throw invalidInput('Gateway is not valid on subnet')
  }
  return gateway
}

/** The pools asked for, checked against the subnet and its gateway, or the whole of it. */
export function poolsOf(
  asked: readonly Pool[] | null | undefined,
  cidr: Cidr,
  gateway: Ip | undefined,
): Pool[] {
  if (asked === undefined || asked === null) return defaultPools(cidr, gateway)
  const { first, last } = hostRange(cidr)
  const pools = asked.map((pool) => {
    const start = parseIp(pool.start)
    const end = parseIp(pool.end)
    if (
      start?.version !== cidr.base.version ||
      end?.version !== cidr.base.version ||
      start.value > end.value
    ) {
      throw neutronError(
        'badRequest',
        'InvalidAllocationPool',
        `The allocation pool ${pool.start}-${pool.end} is not valid.`,
      )
    }
    if (start.value < first || end.value > last) {
      throw neutronError(
        'badRequest',
        'OutOfBoundsAllocationPool',
        `The allocation pool ${pool.start}-${pool.end} spans beyond the subnet cidr ${formatCidr(cidr)}.`,
      )
    }
    return { start: canonicalIp(pool.start) ?? pool.start, end: canonicalIp(pool.end) ?? pool.end }
  })
  checkPoolsApart(pools, cidr)
  if (gateway !== undefined) checkGatewayOutside(pools, gateway)
  return pools
}

function checkPoolsApart(pools: readonly Pool[], cidr: Cidr): void {
  const ranges = rangesOf(pools)
  ranges.forEach((range, at) => {
    const next = ranges[at + 1]
    if (next !== undefined && next.from <= range.to) {
      throw neutronError(
        'conflict',
        'OverlappingAllocationPools',
        `Found overlapping allocation pools for subnet ${formatCidr(cidr)}.`,
      )
    }
  })
}

export function checkGatewayOutside(pools: readonly Pool[], gateway: Ip): void {
  const hit = pools.find((pool) =>
    rangesOf([pool]).some(({ from, to }) => gateway.value >= from && gateway.value <= to),
  )
  if (hit === undefined) return
  throw neutronError(
    'conflict',
    'GatewayConflictWithAllocationPools',
    `Gateway ip conflicts with allocation pool ${hit.start}-${hit.end}.`,
  )
}

/** Name servers, each once, in canonical spelling. */
export function dnsOf(asked: readonly string[] | null | undefined): string[] {
  const servers = (asked ?? []).map((server) => canonicalIp(server) ?? server)
  const twice = servers.find((server, at) => servers.indexOf(server) !== at)
  if (twice !== undefined) throw invalidValue('dns_nameservers', `'${twice}' is a duplicate.`)
  return servers
}

export function hostRoutesOf(asked: readonly Route[] | null | undefined, version: 4 | 6): Route[] {
  const routes = (asked ?? []).map((route) => {
    const destination = parseCidr(route.destination)
    const nexthop = parseIp(route.nexthop)
    if (destination === undefined || !route.destination.includes('/'))
      throw invalidValue('host_routes', `'${route.destination}' is not a valid IP subnet.`)
    if (nexthop?.version !== version || destination.base.version !== version) {
      throw invalidInput(
        `The ip_version of host route ${route.destination} via ${route.nexthop} does not match the subnet's.`,
      )
    }
    return {
      destination: formatCidr(destination),
      nexthop: canonicalIp(route.nexthop) ?? route.nexthop,
    }
  })
  const texts = routes.map(({ destination, nexthop }) => `${destination} ${nexthop}`)
  if (new Set(texts).size < texts.length)
    throw invalidValue('host_routes', 'a route is in it twice.')
  return routes
}

/** Device owners have their kind in front: `compute:nova`. */
export function serviceTypesOf(asked: readonly string[] | undefined): string[] {
  const types = asked ?? []
  const bad = types.find(
    (type) => !/^[^:]+:/.test(type) || types.indexOf(type) !== types.lastIndexOf(type),
  )
  if (bad !== undefined)
    throw badRequest(
      `Service type ${bad} does not correspond to a valid device owner, or is there twice.`,
    )
  return [...types]
}

export const holds = (cidr: string, address: string): boolean => {
  const prefix = parseCidr(cidr)
  const ip = parseIp(address)
  return prefix !== undefined && ip !== undefined && contains(prefix, ip)
}
