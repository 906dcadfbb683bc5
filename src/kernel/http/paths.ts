/**
 * Which of many declared paths a request's path is. A segment is literal or `:name`; a literal one wins, and where it leads
 * nowhere the parameter is tried. Slashes that repeat or end a path do not count. One of these serves all services and methods:
 * a router of requests would keep some kilobytes for each of the thousands of pairs of method and path.
 */
export class Paths<T> {
  readonly #root: Place<T> = { literal: new Map() }

  /** Throws when another path differs from it only in the names of its parameters. */
  add(path: string, value: T): void {
    const names: string[] = []
    let place = this.#root
    for (const segment of segmentsOf(path)) {
      if (segment.startsWith(':')) names.push(segment.slice(1))
      place = segment.startsWith(':') ? parameterOf(place) : literalOf(place, segment)
    }
    if (place.entry !== undefined) throw new Error(`the path ${path} is declared twice`)
    place.entry = { value, names }
  }

  /** `path` as it was sent, without a query; undefined when nobody declared it. Throws URIError when its encoding is broken. */
  find(path: string): Found<T> | undefined {
    const segments = segmentsOf(path)
    const decoded = path.includes('%') ? segments.map(decodeURIComponent) : segments
    const values: string[] = []
    const entry = entryBelow(this.#root, decoded, 0, values)
    if (entry === undefined) return undefined
    const params = Object.fromEntries(entry.names.map((name, at) => [name, values[at] ?? '']))
    return { value: entry.value, params }
  }
}

export interface Found<T> {
  readonly value: T
  /** By name, decoded. */
  readonly params: Readonly<Record<string, string>>
}

interface Entry<T> {
  readonly value: T
  readonly names: readonly string[]
}

/** Where one more segment of a path leads. */
interface Place<T> {
  readonly literal: Map<string, Place<T>>
  parameter?: Place<T>
  entry?: Entry<T>
}

/** No id, name or key is longer; the path is then one that nobody declared. */
const LONGEST_PARAMETER = 4096

const segmentsOf = (path: string): readonly string[] =>
  path.split('/').filter((segment) => segment !== '')

function parameterOf<T>(place: Place<T>): Place<T> {
  place.parameter ??= { literal: new Map() }
  return place.parameter
}

function literalOf<T>(place: Place<T>, segment: string): Place<T> {
  const known = place.literal.get(segment)
  if (known !== undefined) return known
  const made: Place<T> = { literal: new Map() }
  place.literal.set(segment, made)
  return made
}

/** Leaves in `values` what the parameters on the way stand for. */
function entryBelow<T>(
  place: Place<T>,
  segments: readonly string[],
  at: number,
  values: string[],
): Entry<T> | undefined {
  const segment = segments[at]
  if (segment === undefined) return place.entry
  const literal = place.literal.get(segment)
  const found = literal === undefined ? undefined : entryBelow(literal, segments, at + 1, values)
  if (found !== undefined) return found
  if (place.parameter === undefined || segment.length > LONGEST_PARAMETER) return undefined
  values.push(segment)
  const below = entryBelow(place.parameter, segments, at + 1, values)
  if (below === undefined) values.pop()
  return below
}
