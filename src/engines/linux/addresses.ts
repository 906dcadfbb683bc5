import { isIPv4, isIPv6 } from 'node:net'

/**
 * Arithmetic on addresses, and the engine's own check of what it is about to write into a command: services have validated
 * these words for the user; here a wrong one throws before it can become part of a line for `ip` or `nft`.
 */
export interface Range {
  readonly family: 4 | 6
  readonly first: bigint
  readonly last: bigint
}

export function familyOf(address: string): 4 | 6 {
  if (isIPv4(address)) return 4
  if (isIPv6(address) && !address.includes('%')) return 6
  throw new Error(`'${address}' is not an IP address`)
}

export function checkedMac(mac: string): string {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) throw new Error(`'${mac}' is not a MAC address`)
  return mac.toLowerCase()
}

export function checkedIfname(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/.test(name))
    throw new Error(`'${name}' is not an interface name`)
  return name
}

export function checkedPath(path: string): string {
  if (!/^\/[\w./-]+$/.test(path))
    throw new Error(`'${path}' is not the path of a network namespace`)
  return path
}

export function checkedMtu(mtu: number): number {
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) throw new Error(`${mtu} is not an MTU`)
  return mtu
}

/** What IPv6 needs of a link: with less the kernel takes it away from there. RFC 8200, section 5. */
export const LEAST_MTU_6 = 1280

/**
 * How a link of ours is set up: its MTU, no address that the kernel would give it, and what else is to be said of it. A link
 * that was too small for IPv6 can be told about its addresses only once it is larger.
 */
export function quietLink(link: string, mtu: number, more: string): string[] {
  const size = `link set dev ${link} mtu ${checkedMtu(mtu)}`
  return mtu < LEAST_MTU_6
    ? [`${size} ${more}`]
    : [size, `link set dev ${link} addrgenmode none ${more}`]
}

/** An address or a CIDR as a range of numbers. Bits past the prefix are ignored. */
export function rangeOf(cidr: string): Range {
  const [address = '', length, more] = cidr.split('/')
  const family = familyOf(address)
  const width = family === 4 ? 32 : 128
  const prefix = length === undefined ? width : Number(length)
  if (
    more !== undefined ||
    length === '' ||
    !Number.isInteger(prefix) ||
    prefix < 0 ||
    prefix > width
  ) {
    throw new Error(`'${cidr}' is not a CIDR`)
  }
  const size = 1n << BigInt(width - prefix)
  const first = (numberOf(address) / size) * size
  return { family, first, last: first + size - 1n }
}

export const contains = (outer: Range, inner: Range): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last

export const overlaps = (a: Range, b: Range): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last

/**
 * Without what another entry already covers: nft refuses a set whose intervals overlap. Most entries are single addresses,
 * which cover nothing but themselves: they are never compared with each other.
 */
export function cover(cidrs: readonly string[]): string[] {
  const unique = [...new Set(cidrs)]
  if (!unique.some((text) => text.includes('/'))) {
    unique.forEach(familyOf) // throws when it is no address
    return unique
  }
  const entries = unique.map((text) => ({ text, range: rangeOf(text) }))
  const wide = entries.filter(({ text }) => text.includes('/'))
  return entries
    .filter(
      (entry) =>
        !wide.some(
          (other) =>
            other !== entry &&
            contains(other.range, entry.range) &&
            // of two that are the same, the wide one that comes first stays
            (!contains(entry.range, other.range) ||
              !entry.text.includes('/') ||
              entries.indexOf(other) < entries.indexOf(entry)),
        ),
    )
    .map((entry) => entry.text)
}

/** The network a CIDR names, e.g. 10.0.0.5/24 → 10.0.0.0/24. */
export function networkOf(address: string, prefix: number): string {
  const range = rangeOf(`${address}/${prefix}`)
  return `${textOf(range.first, range.family)}/${prefix}`
}

/** One spelling per address, so that what the kernel prints compares equal to what was asked for. */
export const canonical = (address: string): string => textOf(numberOf(address), familyOf(address))

/** The address a kernel gives itself from its MAC (EUI-64). */
export function linkLocalOf(mac: string): string {
  const bytes = checkedMac(mac)
    .split(':')
    .map((byte) => Number.parseInt(byte, 16))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  const words = [(a ^ 2) * 256 + b, c * 256 + 0xff, 0xfe00 + d, e * 256 + f]
  return canonical(`fe80::${words.map((word) => word.toString(16)).join(':')}`)
}

export const hexOf = (address: string): string =>
  `0x${numberOf(address)
    .toString(16)
    .padStart(familyOf(address) === 4 ? 8 : 32, '0')}`

export function numberOf(address: string): bigint {
  const family = familyOf(address)
  if (family === 4) {
    return address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
  }
  const [head = '', tail] = withoutDottedTail(address).split('::')
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = words(head)
  const after = tail === undefined ? [] : words(tail)
  const missing = tail === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  return all.reduce((sum, word) => sum * 65_536n + BigInt(`0x${word}`), 0n)
}

/** `::ffff:10.0.0.1` → `::ffff:a00:1` */
function withoutDottedTail(address: string): string {
  const at = address.lastIndexOf(':')
  const tail = address.slice(at + 1)
  if (!isIPv4(tail)) return address
  const value = Number(numberOf(tail))
  return `${address.slice(0, at + 1)}${Math.floor(value / 65_536).toString(16)}:${(value % 65_536).toString(16)}`
}

function textOf(value: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((bits) => (value >> bits) & 255n).join('.')
  const words = Array.from({ length: 8 }, (_, at) =>
    Number((value >> BigInt(112 - at * 16)) & 0xffffn),
  )
  const run = longestZeroRun(words)
  if (run.length < 2) return words.map((word) => word.toString(16)).join(':')
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  return `${hex(words.slice(0, run.start))}::${hex(words.slice(run.start + run.length))}`
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  words.forEach((word, at) => {
    if (word !== 0) start = at + 1
    else if (at + 1 - start > best.length) best = { start, length: at + 1 - start }
  })
  return best
}
