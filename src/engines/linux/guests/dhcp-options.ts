import { isIPv4 } from 'node:net'
import type { Lease } from '../../../ports/guest-services.ts'
import { networkOf, numberOf } from '../addresses.ts'
import { addressBytes, extraOptions, partsOf, uint, type OptionBook } from './dhcp-values.ts'
import type { DhcpOptions } from './dhcp-wire.ts'

/** Codes of RFC 2132, and of RFC 3442 (classless routes) and RFC 3397 (search list). */
const code = {
  netmask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  mtu: 26,
  broadcast: 28,
  leaseTime: 51,
  renewal: 58,
  rebinding: 59,
  routes: 121,
} as const

const numbers = new Map([
  [code.mtu, 2],
  [code.leaseTime, 4],
  [code.renewal, 4],
  [code.rebinding, 4],
] as readonly (readonly [number, number])[])

const book: OptionBook = {
  codes: {
    netmask: 1,
    router: 3,
    'dns-server': 6,
    hostname: 12,
    'domain-name': 15,
    mtu: 26,
    broadcast: 28,
    'ntp-server': 42,
    'lease-time': 51,
    'tftp-server': 66,
    'tftp-server-name': 66,
    'bootfile-name': 67,
    'classless-static-route': 121,
    'tftp-server-address': 150,
  },
  encode(found, value) {
    if (found < 1 || found > 254) return undefined
    const width = numbers.get(found)
    if (width !== undefined) return /^\d{1,9}$/.test(value) ? uint(Number(value), width) : undefined
    const parts = partsOf(value)
    return parts.every((part) => isIPv4(part))
      ? Buffer.concat(parts.map(addressBytes))
      : Buffer.from(value)
  },
}

/** Everything that a guest is told, but the address itself. `unknown` collects what cannot be said. */
export function leaseOptions(lease: Lease, unknown: string[] = []): DhcpOptions {
  const options = new Map<number, Buffer>()
  const { prefix, address, gateway } = lease
  const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
  options.set(code.netmask, uint(mask, 4))
  options.set(code.broadcast, uint((Number(numberOf(address)) | ~mask) >>> 0, 4))
  if (gateway !== undefined && isIPv4(gateway)) options.set(code.router, addressBytes(gateway))
  const dns = lease.dns.filter((server) => isIPv4(server))
  if (dns.length > 0) options.set(code.dns, Buffer.concat(dns.map(addressBytes)))
  if (lease.hostname !== '') options.set(code.hostname, Buffer.from(lease.hostname))
  if (lease.domain !== '') options.set(code.domain, Buffer.from(lease.domain))
  options.set(code.mtu, uint(lease.mtu, 2))
  options.set(code.leaseTime, uint(lease.seconds, 4))
  options.set(code.renewal, uint(Math.floor(lease.seconds / 2), 4))
  options.set(code.rebinding, uint(Math.floor((lease.seconds * 7) / 8), 4))
  options.set(code.routes, routesOf(lease))
  for (const [own, value] of extraOptions(lease.options, book, unknown)) options.set(own, value)
  return options
}

/** Clients that know this option leave the router option aside (RFC 3442), so the default route stands here again. */
function routesOf({ gateway, routes }: Lease): Buffer {
  const all = [
    ...routes.filter(({ nexthop }) => isIPv4(nexthop)),
    ...(gateway !== undefined && isIPv4(gateway)
      ? [{ destination: '0.0.0.0/0', nexthop: gateway }]
      : []),
  ]
  return Buffer.concat(all.flatMap(({ destination, nexthop }) => route(destination, nexthop)))
}

/** The prefix length, as many bytes of the network as it covers, the next hop. */
function route(destination: string, nexthop: string): Buffer[] {
  const [address = '', length = '32'] = destination.split('/')
  const prefix = Number(length)
  const [network = ''] = networkOf(address, prefix).split('/')
  return [
    Buffer.of(prefix),
    addressBytes(network).subarray(0, Math.ceil(prefix / 8)),
    addressBytes(nexthop),
  ]
}

/** Where a booting guest fetches its files: a field of its own in the message. */
export function nextServer(lease: Lease): string | undefined {
  const found = lease.options.find(({ name }) => name === 'server-ip-address')?.value
  return found !== undefined && isIPv4(found) ? found : undefined
}
