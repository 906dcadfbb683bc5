import type { ExposedPort } from '../options.ts'

/** Ports of one protocol that follow each other. */
export interface PortRange {
  readonly proto: number
  readonly first: number
  readonly last: number
}

/** One range per contiguous run of ports of a protocol, in order; pure. */
export function rangesOf(ports: readonly ExposedPort[]): readonly PortRange[] {
  const sorted = ports.toSorted((a, b) => a.proto - b.proto || a.port - b.port)
  const ranges: PortRange[] = []
  for (const { proto, port } of sorted) {
    const before = ranges.at(-1)
    if (before?.proto === proto && port <= before.last + 1)
      ranges[ranges.length - 1] = { ...before, last: Math.max(before.last, port) }
    else ranges.push({ proto, first: port, last: port })
  }
  return ranges
}
