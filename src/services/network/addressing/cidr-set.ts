import { bitsOf } from './address.ts'
import { cidrAt, lastOf, sizeOf, type Cidr } from './cidr.ts'

/** Prefixes as the set of their addresses, of both versions beside each other. */

interface Span {
  readonly first: bigint
  readonly last: bigint
}

/** The fewest prefixes that hold the same addresses, in their order. */
export const compacted = (cidrs: readonly Cidr[]): Cidr[] =>
  byVersion(cidrs, (version) => joined(spansOf(cidrs, version)))

/** What is left of the first without the second. */
export const without = (cidrs: readonly Cidr[], gone: readonly Cidr[]): Cidr[] =>
  byVersion(cidrs, (version) =>
    joined(spansOf(gone, version)).reduce<Span[]>(cut, joined(spansOf(cidrs, version))),
  )

function byVersion(cidrs: readonly Cidr[], spans: (version: 4 | 6) => readonly Span[]): Cidr[] {
  const versions = [4, 6] as const
  return versions.flatMap((version) => spans(version).flatMap((span) => prefixesOf(span, version)))
}

const spansOf = (cidrs: readonly Cidr[], version: 4 | 6): Span[] =>
  cidrs
    .filter(({ base }) => base.version === version)
    .map((cidr) => ({ first: cidr.base.value, last: lastOf(cidr) }))

/** In order, and those that touch as one. */
function joined(spans: readonly Span[]): Span[] {
  const all: Span[] = []
  for (const span of spans.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = all.at(-1)
    if (before === undefined || span.first > before.last + 1n) all.push(span)
    else if (span.last > before.last) all.splice(-1, 1, { first: before.first, last: span.last })
  }
  return all
}

const cut = (spans: readonly Span[], gone: Span): Span[] =>
  spans.flatMap((span) =>
    span.last < gone.first || span.first > gone.last
      ? [span]
      : [
          ...(span.first < gone.first ? [{ first: span.first, last: gone.first - 1n }] : []),
          ...(span.last > gone.last ? [{ first: gone.last + 1n, last: span.last }] : []),
        ],
  )

/** The largest prefix that begins where it begins and ends within, and so on. */
function prefixesOf({ first, last }: Span, version: 4 | 6): Cidr[] {
  const found: Cidr[] = []
  for (let at = first; at <= last;) {
    const largest = Array.from({ length: bitsOf(version) + 1 }, (_, prefix) =>
      cidrAt({ version, value: at }, prefix),
    ).find((cidr) => cidr.base.value === at && lastOf(cidr) <= last)
    if (largest === undefined) break // a single address always fits
    found.push(largest)
    at += sizeOf(largest)
  }
  return found
}
