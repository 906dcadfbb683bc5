import { bitsOf, formatIp, parseIp, type Ip } from './address.ts'

/** A prefix such as `10.0.0.0/24`; `base` has no host bits. */
export interface Cidr {
  readonly base: Ip
  readonly prefix: number
}

/** Reads a CIDR, host bits included; a bare address is a single host. Undefined when it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length, ...more] = text.split('/')
  const ip = parseIp(address)
  if (ip === undefined || more.length > 0) return undefined
  const bits = bitsOf(ip.version)
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1
  if (prefix < 0 || prefix > bits) return undefined
  return cidrAt(ip, prefix)
}

/** The prefix of this length that holds the address. */
export function cidrAt(ip: Ip, prefix: number): Cidr {
  const hostBits = BigInt(bitsOf(ip.version) - prefix)
  return { base: { version: ip.version, value: (ip.value >> hostBits) << hostBits }, prefix }
}

export const formatCidr = (cidr: Cidr): string => `${formatIp(cidr.base)}/${cidr.prefix}`

export const sizeOf = (cidr: Cidr): bigint => 1n << BigInt(bitsOf(cidr.base.version) - cidr.prefix)

export const lastOf = (cidr: Cidr): bigint => cidr.base.value + sizeOf(cidr) - 1n

export function contains(cidr: Cidr, ip: Ip): boolean {
  return ip.version === cidr.base.version && ip.value >= cidr.base.value && ip.value <= lastOf(cidr)
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.base.version === b.base.version && a.base.value <= lastOf(b) && b.base.value <= lastOf(a)
}

/** First and last address that a host may have: in IPv4 neither network nor broadcast, in IPv6 not the router anycast one. */
export function hostRange(cidr: Cidr): { readonly first: bigint; readonly last: bigint } {
  const whole = bitsOf(cidr.base.version) - cidr.prefix < 2
  const first = whole ? cidr.base.value : cidr.base.value + 1n
  const last = whole || cidr.base.version === 6 ? lastOf(cidr) : lastOf(cidr) - 1n
  return { first, last }
}
