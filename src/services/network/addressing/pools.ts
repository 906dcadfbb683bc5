import { formatIp, parseIp, type Ip } from './address.ts'
import { bitsOf } from './address.ts'
import { cidrAt, hostRange, lastOf, overlaps, sizeOf, type Cidr } from './cidr.ts'

/** A range of addresses that ports may be given from, both ends included. */
export interface Pool {
  readonly start: string
  readonly end: string
}

export interface Range {
  readonly from: bigint
  readonly to: bigint
}

/** The whole subnet but for its gateway: what a subnet without pools of its own gets. */
export function defaultPools(cidr: Cidr, gateway: Ip | undefined): Pool[] {
  const { version } = cidr.base
  const { first, last } = hostRange(cidr)
  const text = (value: bigint): string => formatIp({ version, value })
  if (gateway === undefined || gateway.value < first || gateway.value > last)
    return first > last ? [] : [{ start: text(first), end: text(last) }]
  const ranges = [
    { from: first, to: gateway.value - 1n },
    { from: gateway.value + 1n, to: last },
  ]
  return ranges
    .filter(({ from, to }) => from <= to)
    .map(({ from, to }) => ({ start: text(from), end: text(to) }))
}

/** Pools are checked when they are written: unreadable ones cannot be here, and count as none. */
export function rangesOf(pools: readonly Pool[]): Range[] {
  return pools
    .flatMap(({ start, end }) => {
      const from = parseIp(start)
      const to = parseIp(end)
      return from === undefined || to === undefined ? [] : [{ from: from.value, to: to.value }]
    })
    .toSorted((a, b) => (a.from < b.from ? -1 : 1))
}

/**
 * The first value at or after `from` that lies in a range and is not taken. `taken` is sorted and holds every taken value
 * from `from` up to its own last one; `complete` says that none follow. Undefined: nothing free as far as can be seen.
 */
export function firstFree(
  ranges: readonly Range[],
  from: bigint,
  taken: readonly bigint[],
  complete: boolean,
): bigint | undefined {
  const horizon = taken.at(-1)
  let at = 0
  for (const range of ranges) {
    let value = range.from > from ? range.from : from
    for (; value <= range.to; value++) {
      while (at < taken.length && (taken[at] ?? 0n) < value) at++
      if (!complete && (horizon === undefined || value > horizon)) return undefined
      if (taken[at] !== value) return value
    }
  }
  return undefined
}

/** The lowest free prefix of this length inside the pool's prefixes; undefined when there is none. */
export function carve(
  prefixes: readonly Cidr[],
  used: readonly Cidr[],
  length: number,
): Cidr | undefined {
  for (const prefix of prefixes.toSorted((a, b) => (a.base.value < b.base.value ? -1 : 1))) {
    if (length < prefix.prefix || length > bitsOf(prefix.base.version)) continue
    const blocking = used
      .filter((other) => overlaps(other, prefix))
      .toSorted((a, b) => (a.base.value < b.base.value ? -1 : 1))
    let candidate = cidrAt(prefix.base, length)
    while (candidate.base.value <= lastOf(prefix)) {
      const hit = blocking.find((other) => overlaps(other, candidate))
      if (hit === undefined) return candidate
      const next = lastOf(hit) + 1n
      const step = sizeOf(candidate)
      // rounded up to the next prefix of this length
      candidate = cidrAt(
        {
          version: prefix.base.version,
          value:
            next > candidate.base.value + step ? next + step - 1n : candidate.base.value + step,
        },
        length,
      )
    }
  }
  return undefined
}
