import { badRequest, invalidValue } from '../fault.ts'
import type { ForwardingChangeWish, ForwardingTable } from './schema.ts'

/** Which ports lead to which. Pure; 400s. */

export type Span = readonly [first: number, last: number]

export type Spans = Pick<
  ForwardingTable,
  'external_first' | 'external_last' | 'internal_first' | 'internal_last'
>

const MOST = 65_535

type Wish = Pick<
  ForwardingChangeWish,
  'internal_port' | 'internal_port_range' | 'external_port' | 'external_port_range'
>

/** The ports after a request; `had` are those before it, without which both sides must be named. */
export function spansOf(wish: Wish, had?: Spans): Spans {
  const external = spanOf('external', wish.external_port, wish.external_port_range)
  const internal = spanOf('internal', wish.internal_port, wish.internal_port_range)
  const outer = external ?? spanAt(had?.external_first, had?.external_last)
  const inner = internal ?? spanAt(had?.internal_first, had?.internal_last)
  if (outer === undefined || inner === undefined)
    throw badRequest(
      'Bad port_forwarding request: an internal and an external port, or a range of each, are required.',
    )
  if (widthOf(inner) > 1 && widthOf(inner) !== widthOf(outer))
    throw badRequest(
      `Bad port_forwarding request: invalid ranges of internal and external ports: as many internal ports as external ones, or one for all, not ${widthOf(inner)} for ${widthOf(outer)}.`,
    )
  return {
    external_first: outer[0],
    external_last: outer[1],
    internal_first: inner[0],
    internal_last: inner[1],
  }
}

const spanAt = (first: number | undefined, last: number | undefined): Span | undefined =>
  first === undefined || last === undefined ? undefined : [first, last]

const widthOf = ([first, last]: Span): number => last - first + 1

function spanOf(
  side: 'internal' | 'external',
  port: number | string | null | undefined,
  range: number | string | null | undefined,
): Span | undefined {
  const [one, many] = [port ?? undefined, range ?? undefined]
  if (one === undefined && many === undefined) return undefined
  const span = many === undefined ? undefined : numbersOf(`${side}_port_range`, String(many))
  if (one === undefined) return span
  const [only] = numbersOf(`${side}_port`, String(one))
  if (span !== undefined && (span[0] !== only || span[1] !== only))
    throw badRequest(
      `Bad port_forwarding request: ${side}_port and ${side}_port_range name different ports.`,
    )
  return [only, only]
}

function numbersOf(attribute: string, text: string): Span {
  const [first = 0, last = first] = text.split(':').map(Number)
  const bad = [first, last].find((port) => port < 1 || port > MOST)
  if (bad !== undefined) throw invalidValue(attribute, `${bad} is not a port, 1 to ${MOST}.`)
  if (first > last) throw invalidValue(attribute, `${first} is greater than ${last}.`)
  return [first, last]
}

/** What two forwardings cannot both have: the same external ports, or the same destination. */
export function clashOf(a: ForwardingTable, b: ForwardingTable): string | undefined {
  if (a.protocol !== b.protocol) return undefined
  if (
    a.floatingip_id === b.floatingip_id &&
    meet([a.external_first, a.external_last], [b.external_first, b.external_last])
  )
    return `external ports ${b.external_first}:${b.external_last} of floating IP ${b.floatingip_id}`
  if (
    a.port_id === b.port_id &&
    a.address === b.address &&
    meet([a.internal_first, a.internal_last], [b.internal_first, b.internal_last])
  )
    return `internal ports ${b.internal_first}:${b.internal_last} of ${b.address}`
  return undefined
}

const meet = (a: Span, b: Span): boolean => a[0] <= b[1] && b[0] <= a[1]
