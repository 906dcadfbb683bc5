import { isIPv4, isIPv6 } from 'node:net'

/** An IP address as a number with its family: arithmetic on subnets and pools is done on these. */
export interface Ip {
  readonly version: 4 | 6
  readonly value: bigint
}

export const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128)

/** Undefined when the text is not an address (zones such as `%eth0` are refused). */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { version: 4, value: parseV4(text) }
  if (!isIPv6(text) || text.includes('%')) return undefined
  return { version: 6, value: parseV6(text) }
}

function parseV4(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}

function parseV6(text: string): bigint {
  const dotted = text.lastIndexOf('.') < 0 ? undefined : text.slice(text.lastIndexOf(':') + 1)
  const v4 = dotted === undefined ? undefined : parseV4(dotted)
  const plain =
    v4 === undefined || dotted === undefined
      ? text
      : `${text.slice(0, text.length - dotted.length)}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`
  const [head = '', tail] = plain.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].reduce(
    (sum, group) => (sum << 16n) + BigInt(`0x${group}`),
    0n,
  )
}

/** The one spelling that is stored and answered: RFC 5952 for IPv6. */
export function formatIp(ip: Ip): string {
  if (ip.version === 4)
    return [24n, 16n, 8n, 0n].map((shift) => String((ip.value >> shift) & 255n)).join('.')
  const groups = Array.from({ length: 8 }, (_unused, at) =>
    ((ip.value >> BigInt(112 - at * 16)) & 0xffffn).toString(16),
  )
  const { from, length } = longestZeros(groups)
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`
}

function longestZeros(groups: readonly string[]): { from: number; length: number } {
  let best = { from: 0, length: 0 }
  for (let from = 0; from < groups.length; from++) {
    let length = 0
    while (groups[from + length] === '0') length++
    if (length > best.length) best = { from, length }
  }
  return best
}

/** The canonical spelling of an address; undefined when it is none. */
export function canonicalIp(text: string): string | undefined {
  const ip = parseIp(text)
  return ip === undefined ? undefined : formatIp(ip)
}

/** Fixed-width text that sorts as the number does, so that databases can find gaps. */
export function sortKey(ip: Ip): string {
  return ip.value.toString(16).padStart(bitsOf(ip.version) / 4, '0')
}

export function fromSortKey(key: string): Ip {
  return { version: key.length === 8 ? 4 : 6, value: BigInt(`0x${key}`) }
}

/** The address that a machine with this MAC gives itself in a /64 (RFC 4291, modified EUI-64). */
export function eui64(prefix: Ip, mac: string): Ip {
  const bytes = mac.split(':').map((byte) => BigInt(`0x${byte}`))
  const [first = 0n, ...rest] = bytes
  const id = [first ^ 2n, ...rest.slice(0, 2), 0xffn, 0xfen, ...rest.slice(2)].reduce(
    (sum, byte) => (sum << 8n) + byte,
    0n,
  )
  return { version: 6, value: ((prefix.value >> 64n) << 64n) + id }
}

/** The MAC that made a link-local address by EUI-64; undefined for any other address. */
export function macOfLinkLocal(address: string): string | undefined {
  const ip = parseIp(address)
  if (ip?.version !== 6 || ip.value >> 64n !== 0xfe80_0000_0000_0000n) return undefined
  const bytes = Array.from({ length: 8 }, (_byte, at) =>
    Number((ip.value >> BigInt(56 - at * 8)) & 255n),
  )
  if (bytes[3] !== 0xff || bytes[4] !== 0xfe) return undefined
  const [first = 0, ...rest] = [...bytes.slice(0, 3), ...bytes.slice(5)]
  return [first ^ 2, ...rest].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
