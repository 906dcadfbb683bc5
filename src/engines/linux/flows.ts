import type { PortSpec, SecurityGroupRuleSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { canonical, contains, rangeOf } from './addresses.ts'
import { isStateless } from './port-filters.ts'
import { wireProtocol } from './group-filters.ts'

/**
 * Which established flows no rule allows any longer. conntrack lets a flow pass once its first packet did, so after a rule
 * is taken away the flows it had let in are found and cut; the others go on undisturbed. Pure functions.
 */
export interface Flow {
  readonly protocol: number
  /** Of the first packet. */
  readonly source: string
  readonly destination: string
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly icmpType?: number
  readonly icmpCode?: number
  readonly icmpId?: number
}

/** One line of `conntrack -L -o extended`: `ipv4 2 tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=…`. */
export function parseFlow(line: string): Flow | undefined {
  const words = line.trim().split(/\s+/)
  const protocol = Number(words[3])
  // The first of each key is the original direction, the second the reply.
  const first = (key: string): string | undefined =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1)
  const source = first('src')
  const destination = first('dst')
  if (source === undefined || destination === undefined || !Number.isInteger(protocol))
    return undefined
  const numbers = {
    sourcePort: first('sport'),
    destinationPort: first('dport'),
    icmpType: first('type'),
    icmpCode: first('code'),
    icmpId: first('id'),
  }
  const known = Object.entries(numbers).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, Number(value)] as const],
  )
  return {
    protocol,
    source: canonical(source),
    destination: canonical(destination),
    ...Object.fromEntries(known),
  }
}

/** The arguments that make `conntrack` delete exactly this flow. */
export function cutArguments(flow: Flow): string[] {
  const words = [
    '-D',
    '-p',
    String(flow.protocol),
    '--orig-src',
    flow.source,
    '--orig-dst',
    flow.destination,
  ]
  if (flow.sourcePort !== undefined && flow.destinationPort !== undefined) {
    words.push(
      '--orig-port-src',
      String(flow.sourcePort),
      '--orig-port-dst',
      String(flow.destinationPort),
    )
  }
  if (flow.icmpType !== undefined && flow.icmpId !== undefined) {
    const icmp = flow.protocol === 58 ? '--icmpv6' : '--icmp'
    words.push(`${icmp}-type`, String(flow.icmpType), `${icmp}-id`, String(flow.icmpId))
  }
  return words
}

/** The flows that touch one of these ports and that its rules do not allow. */
export function forbiddenFlows(
  flows: readonly Flow[],
  ports: Iterable<PortSpec>,
  groupOf: (id: string) => SecurityGroupSpec | undefined,
): Flow[] {
  const owners = new Map<string, PortSpec>()
  for (const port of ports) {
    // What a stateless port sends and gets is judged packet by packet, whatever conntrack knows.
    if (!port.portSecurity || isStateless(port, groupOf)) continue
    for (const { address } of port.addresses) owners.set(canonical(address), port)
  }
  const allowed = (
    port: PortSpec | undefined,
    flow: Flow,
    direction: 'ingress' | 'egress',
  ): boolean =>
    port === undefined ||
    port.securityGroups.some((own) =>
      (groupOf(own.id) ?? own).rules.some(
        (rule) => rule.direction === direction && ruleAllows(rule, flow),
      ),
    )
  return flows.filter(
    (flow) =>
      !allowed(owners.get(flow.source), flow, 'egress') ||
      !allowed(owners.get(flow.destination), flow, 'ingress'),
  )
}

export function ruleAllows(rule: SecurityGroupRuleSpec, flow: Flow): boolean {
  const remote = rangeOf(rule.direction === 'ingress' ? flow.source : flow.destination)
  if (remote.family !== (rule.ethertype === 'IPv4' ? 4 : 6)) return false
  const protocol = wireProtocol(rule)
  if (protocol !== undefined && protocol !== flow.protocol) return false
  if (rule.remoteMembers !== undefined) {
    if (!rule.remoteMembers.some((member) => contains(rangeOf(member), remote))) return false
  } else if (rule.remoteCidr !== undefined && !contains(rangeOf(rule.remoteCidr), remote))
    return false
  if (rule.portMin === undefined && rule.portMax === undefined) return true
  if (flow.icmpType !== undefined) {
    return (
      flow.icmpType === rule.portMin &&
      (rule.portMax === undefined || flow.icmpCode === rule.portMax)
    )
  }
  const port = flow.destinationPort
  return (
    port !== undefined &&
    port >= (rule.portMin ?? 0) &&
    port <= (rule.portMax ?? rule.portMin ?? 65_535)
  )
}
