import { isIPv6 } from 'node:net'
import type { Lease6 } from '../../../ports/guest-services.ts'
import { addressBytes, extraOptions, partsOf, uint, type OptionBook } from './dhcp-values.ts'
import type { Option } from './dhcpv6-wire.ts'

/** Codes of RFC 3646 (names), RFC 8415 (refresh time, prefixes), RFC 5908 (NTP), RFC 5970 (boot) and RFC 4704 (FQDN). */
const code = {
  sipDomains: 21,
  dnsServers: 23,
  domainList: 24,
  iaPd: 25,
  iaPrefix: 26,
  nisDomain: 29,
  nispDomain: 30,
  refreshTime: 32,
  fqdn: 39,
  ntpServer: 56,
  bootfileUrl: 59,
  bootfileParam: 60,
} as const

const ntp = { address: 1, fqdn: 3 } as const

/** Beneath stand the protocol's own, and what clients say of themselves. */
const FIRST_OF_PORTS = 21
const LAST = 0xffff
const notOfPorts = new Set<number>([code.iaPd, code.iaPrefix, code.fqdn])

type Encode = (value: string) => Buffer | undefined

/** What is no list of addresses and no text. */
const encodings = new Map<number, Encode>([
  [code.sipDomains, domainNames],
  [code.domainList, domainNames],
  [code.nisDomain, domainNames],
  [code.nispDomain, domainNames],
  [code.refreshTime, (value) => (/^\d{1,9}$/.test(value) ? uint(Number(value), 4) : undefined)],
  [code.ntpServer, ntpServers],
  [code.bootfileUrl, (value) => Buffer.from(value)],
  [code.bootfileParam, (value) => Buffer.concat(partsOf(value).map(withLength))],
])

const book: OptionBook = {
  codes: {
    'sip-server-domain': 21,
    'sip-server': 22,
    'dns-server': 23,
    'domain-search': 24,
    'nis-server': 27,
    'nis+-server': 28,
    'nis-domain': 29,
    'nis+-domain': 30,
    'sntp-server': 31,
    'information-refresh-time': 32,
    'posix-timezone': 41,
    'tzdb-timezone': 42,
    'ntp-server': 56,
    'bootfile-url': 59,
    'bootfile-param': 60,
  },
  encode(found, value) {
    if (found < FIRST_OF_PORTS || found > LAST || notOfPorts.has(found)) return undefined
    const encode = encodings.get(found) ?? addressesOrText
    return encode(value)
  },
}

/** Everything that a guest is told, but the addresses themselves. `unknown` collects what cannot be said. */
export function leaseOptions6(lease: Lease6, unknown: string[] = []): Option[] {
  const dns = lease.dns.filter((server) => isIPv6(server))
  const domain = domainNames(lease.domain)
  const options = new Map<number, Buffer>([
    ...(dns.length === 0 ? [] : [[code.dnsServers, Buffer.concat(dns.map(addressBytes))] as const]),
    ...(domain === undefined ? [] : [[code.domainList, domain] as const]),
    ...extraOptions(lease.options, book, unknown),
  ])
  return [...options]
}

/** For guests that hold nothing which they would renew: when to ask again. */
export const refreshTime = (lease: Lease6): Option => [code.refreshTime, uint(lease.seconds, 4)]

/** dnsmasq takes addresses in brackets too, as Neutron writes them. */
const plain = (part: string): string => part.replace(/^\[(.*)\]$/, '$1')

function addresses(parts: readonly string[]): Buffer[] | undefined {
  const all = parts.map(plain)
  return all.every((part) => isIPv6(part) && !part.includes('%'))
    ? all.map(addressBytes)
    : undefined
}

function addressesOrText(value: string): Buffer {
  const found = addresses(partsOf(value))
  return found === undefined ? Buffer.from(value) : Buffer.concat(found)
}

/** Suboptions: a server each, by address or by name. */
function ntpServers(value: string): Buffer | undefined {
  const servers = partsOf(value).map((part) => {
    const [address] = addresses([part]) ?? []
    const said = address ?? domainNames(part)
    const kind = address === undefined ? ntp.fqdn : ntp.address
    return said === undefined ? undefined : Buffer.concat([uint(kind, 2), withLength(said)])
  })
  const known = servers.filter((each) => each !== undefined)
  return known.length < servers.length ? undefined : Buffer.concat(known)
}

function withLength(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint(bytes.length, 2), bytes])
}

/** As in DNS, uncompressed (RFC 8415, section 10). */
function domainNames(value: string): Buffer | undefined {
  const names = partsOf(value).map((name) => name.replace(/\.$/, ''))
  const labels = names.map((name) => name.split('.').map((label) => Buffer.from(label)))
  if (!labels.flat().every(({ length }) => length > 0 && length < 64)) return undefined
  return Buffer.concat(
    labels.flatMap((name) => [
      ...name.flatMap((label) => [Buffer.of(label.length), label]),
      Buffer.of(0),
    ]),
  )
}
