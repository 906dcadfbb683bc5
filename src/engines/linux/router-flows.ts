import type { RouterSpec } from '../../ports/network.ts'
import { canonical, contains, familyOf, networkOf, rangeOf, type Range } from './addresses.ts'
import { parseFlow, type Flow } from './flows.ts'
import { translationAddress, untranslatedSources } from './router-rules.ts'

/**
 * Translations outlive their rule: conntrack goes on with what it decided for a flow's first packet. Which flows were
 * decided otherwise than the wish would decide them now, so that they have to be cut. Pure; the flows are all there is to
 * know, so a router that changed while nobody looked is put right too.
 */
export interface TranslatedFlow extends Flow {
  /** Who answers, as the answerer sees it: the destination after translation, then the source after it. */
  readonly answerer: string
  readonly answererPort: number | undefined
  readonly answeredTo: string
}

/** One line of `conntrack -L -o extended`; of each key the second is the reply's. */
export function parseTranslated(line: string): TranslatedFlow | undefined {
  const flow = parseFlow(line)
  const second = (key: string): string | undefined =>
    line
      .split(/\s+/)
      .filter((word) => word.startsWith(`${key}=`))[1]
      ?.slice(key.length + 1)
  const answerer = second('src')
  const answeredTo = second('dst')
  if (flow === undefined || answerer === undefined || answeredTo === undefined) return undefined
  const port = second('sport')
  return {
    ...flow,
    answerer: canonical(answerer),
    answererPort: port === undefined ? undefined : Number(port),
    answeredTo: canonical(answeredTo),
  }
}

export function staleFlows(flows: readonly TranslatedFlow[], spec: RouterSpec): Flow[] {
  const inside = insideOf(spec)
  return flows.filter(
    (flow) =>
      !destinationHolds(flow, spec) ||
      !sourceHolds(flow, spec, inside) ||
      !hasWay(flow, spec, inside),
  )
}

function destinationHolds(flow: TranslatedFlow, spec: RouterSpec): boolean {
  const target = targetOf(flow, spec)
  if (target === undefined) return flow.answerer === flow.destination || isHelped(flow, spec)
  return (
    flow.answerer === target.address &&
    (target.port === undefined || flow.answererPort === target.port)
  )
}

/** Where the wish leads a flow to this destination; undefined: nowhere else. */
function targetOf(
  flow: Flow,
  spec: RouterSpec,
): { readonly address: string; readonly port?: number } | undefined {
  if (spec.external === undefined) return undefined
  const { destinationPort: port } = flow
  const forwarding = (spec.portForwardings ?? []).find(
    ({ floating, protocol, externalPorts: [first, last] }) =>
      canonical(floating) === flow.destination &&
      flow.protocol === (protocol === 'tcp' ? 6 : 17) &&
      port !== undefined &&
      port >= first &&
      port <= last,
  )
  if (forwarding !== undefined && port !== undefined) {
    const { fixed, internalPorts, externalPorts } = forwarding
    const [to, toLast] = internalPorts
    return {
      address: canonical(fixed),
      port: to === toLast ? to : to + port - externalPorts[0],
    }
  }
  const floating = spec.floatingIps.find((each) => canonical(each.floating) === flow.destination)
  return floating === undefined ? undefined : { address: canonical(floating.fixed) }
}

/** A connection that a helper expected has no rule of its own. */
const isHelped = (flow: TranslatedFlow, spec: RouterSpec): boolean =>
  (spec.conntrackHelpers ?? []).length > 0 &&
  [...spec.floatingIps, ...(spec.portForwardings ?? [])].some(
    ({ floating, fixed }) =>
      canonical(floating) === flow.destination && canonical(fixed) === flow.answerer,
  )

function sourceHolds(flow: TranslatedFlow, spec: RouterSpec, inside: readonly Range[]): boolean {
  const { source, answeredTo } = flow
  const family = familyOf(source)
  const floating = spec.external === undefined ? [] : spec.floatingIps
  const own = spec.external === undefined ? undefined : translationAddress(spec.external, family)
  if (answeredTo !== source) {
    const legs = spec.interfaces.flatMap((leg) => leg.addresses)
    return (
      answeredTo === own ||
      legs.some(({ address }) => canonical(address) === answeredTo) ||
      floating.some(
        (each) => canonical(each.floating) === answeredTo && canonical(each.fixed) === source,
      )
    )
  }
  const leaves = lies(source, inside) && !lies(flow.answerer, inside)
  if (!leaves || spec.external === undefined) return true
  const free = untranslatedSources(spec, family).some((each) =>
    contains(rangeOf(each), rangeOf(source)),
  )
  const hasFloating = floating.some((each) => canonical(each.fixed) === source)
  return !hasFloating && (own === undefined || free)
}

/** With both ends beyond the gateway, or one of them where the router does not reach at all, nothing of the flow is left. */
function hasWay(flow: TranslatedFlow, spec: RouterSpec, inside: readonly Range[]): boolean {
  const own = [
    ...(spec.external?.addresses ?? []),
    ...spec.interfaces.flatMap((leg) => leg.addresses),
  ]
  const ends = [flow.source, flow.answerer]
  if (ends.some((end) => own.some(({ address }) => canonical(address) === end))) return true
  const within = ends.filter((end) => lies(end, inside)).length
  return within === 2 || (within === 1 && spec.external !== undefined)
}

const lies = (address: string, ranges: readonly Range[]): boolean =>
  ranges.some((range) => contains(range, rangeOf(address)))

/** What is reached by an inner leg. */
function insideOf(spec: RouterSpec): Range[] {
  const legs = spec.interfaces
    .flatMap((leg) => leg.addresses)
    .map(({ address, prefix }) => networkOf(address, prefix))
  const connected = legs.map(rangeOf)
  const beyond = spec.routes
    .filter(({ nexthop }) => lies(nexthop, connected))
    .map(({ destination }) => rangeOf(destination))
  return [...connected, ...beyond]
}
