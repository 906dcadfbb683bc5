import type { SecurityGroupRuleSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { SG } from './filters.ts'
import { cover, familyOf, rangeOf } from './addresses.ts'
import { short } from './names.ts'

/**
 * A security group in one network: two chains (`gout_`, `gto_`) that ports jump to, and one named set per remote group and
 * family. Members come and go with every port of the cloud while rules hardly ever change, so the two are told apart: as
 * long as the rules are the same only the sets' differences are written. Pure functions.
 */
export interface RenderedGroup {
  /** Chains and rules; equal text means equal rules. */
  readonly structure: readonly string[]
  /** Set name → members. */
  readonly sets: ReadonlyMap<string, readonly string[]>
}

export function renderGroup(group: SecurityGroupSpec): RenderedGroup {
  const id = short(group.id)
  const sets = new Map<string, readonly string[]>()
  const names = new Map<string, string>()
  const setFor = (members: readonly string[], family: 4 | 6): string => {
    const mine = membersOf(members, family)
    // Two rules with the same members share a set; `i` marks a set of ranges, which nft stores otherwise.
    const key = `${mine.some((item) => item.includes('/')) ? 'i' : 'm'}${family}:${mine.join(' ')}`
    const name = names.get(key) ?? `${key.slice(0, 2)}_${id}_${names.size}`
    names.set(key, name)
    sets.set(name, mine)
    return name
  }
  const chains = (['gout', 'gto'] as const).flatMap((kind) => {
    const direction = kind === 'gout' ? 'egress' : 'ingress'
    const chain = `${SG} ${kind}_${id}`
    const list = group.rules.filter((rule) => rule.direction === direction)
    return [
      `add chain ${chain}`,
      `flush chain ${chain}`,
      ...list
        .flatMap((rule) => ruleMatches(rule, setFor))
        .map((match) => `add rule ${chain} ${match} accept`),
    ]
  })
  return { structure: chains, sets }
}

function membersOf(members: readonly string[], family: 4 | 6): string[] {
  const whole = family === 4 ? /\/32$/ : /\/128$/
  const mine = members.filter((item) => familyOf(item.split('/')[0] ?? '') === family)
  return cover(mine.map((item) => item.replace(whole, ''))).sort()
}

/** Everything needed to bring a group from what was written last (if that is known) to what is wanted now. */
export function groupCommands(want: RenderedGroup, had: RenderedGroup | undefined): string[] {
  if (had === undefined || had.structure.join() !== want.structure.join()) {
    const stale = [...(had?.sets.keys() ?? [])].filter((name) => !want.sets.has(name))
    return [
      ...[...want.sets].flatMap(([name, members]) => wholeSet(name, members)),
      ...want.structure,
      // Added first: one that is gone already must not make the whole fail.
      ...stale.flatMap((name) => [addSet(name), `delete set ${SG} ${name}`]),
    ]
  }
  return [...want.sets].flatMap(([name, members]) =>
    setChange(name, members, had.sets.get(name) ?? []),
  )
}

function addSet(name: string): string {
  const type = name[1] === '4' ? 'ipv4_addr' : 'ipv6_addr'
  const flags = name.startsWith('i') ? ' flags interval;' : ''
  return `add set ${SG} ${name} { type ${type};${flags} }`
}

function wholeSet(name: string, members: readonly string[]): string[] {
  return [addSet(name), `flush set ${SG} ${name}`, ...elements('add', name, members)]
}

function setChange(name: string, want: readonly string[], had: readonly string[]): string[] {
  const now = new Set(want)
  const before = new Set(had)
  return [
    ...elements(
      'delete',
      name,
      had.filter((item) => !now.has(item)),
    ),
    ...elements(
      'add',
      name,
      want.filter((item) => !before.has(item)),
    ),
  ]
}

const elements = (verb: 'add' | 'delete', name: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`${verb} element ${SG} ${name} { ${items.join(', ')} }`]

/** The empty chains stay when a port that is about to go still jumps to them; without rules they allow nothing. */
export function emptyGroupCommands(groupId: string): string[] {
  return groupChains(groupId).flatMap((chain) => [
    `add chain ${SG} ${chain}`,
    `flush chain ${SG} ${chain}`,
  ])
}

export function forgetGroupCommands(groupId: string, sets: readonly string[]): string[] {
  return [
    ...emptyGroupCommands(groupId),
    ...groupChains(groupId).map((chain) => `delete chain ${SG} ${chain}`),
    ...sets.map((name) => `delete set ${SG} ${name}`),
  ]
}

const groupChains = (groupId: string): string[] => [
  `gout_${short(groupId)}`,
  `gto_${short(groupId)}`,
]

export const isSetOfGroup = (name: string, groupId: string): boolean =>
  new RegExp(`^[im][46]_${short(groupId)}_\\d+$`).test(name)

/**
 * The rule as an nft match; nothing for a rule that can match no packet (a remote of the other family, ports of a protocol
 * that has none). Leaving a rule out can only close, never open.
 */
function ruleMatches(
  rule: SecurityGroupRuleSpec,
  setFor: (members: readonly string[], family: 4 | 6) => string,
): string[] {
  const family = rule.ethertype === 'IPv4' ? 4 : 6
  const remote = remoteMatch(rule, family, setFor)
  const protocol = protocolMatch(rule, family)
  if (remote === undefined || protocol === undefined) return []
  const ether = family === 4 ? 'ether type ip' : 'ether type ip6'
  return [[ether, remote, protocol].filter((part) => part !== '').join(' ')]
}

function remoteMatch(
  rule: SecurityGroupRuleSpec,
  family: 4 | 6,
  setFor: (members: readonly string[], family: 4 | 6) => string,
): string | undefined {
  const field = `${family === 4 ? 'ip' : 'ip6'} ${rule.direction === 'ingress' ? 'saddr' : 'daddr'}`
  if (rule.remoteMembers !== undefined) return `${field} @${setFor(rule.remoteMembers, family)}`
  if (rule.remoteCidr === undefined) return ''
  if (rangeOf(rule.remoteCidr).family !== family) return undefined
  return rule.remoteCidr.endsWith('/0') ? '' : `${field} ${rule.remoteCidr}`
}

const ICMP = 1
const ICMP6 = 58
/** TCP, UDP, DCCP, SCTP, UDP-Lite: their ports stand in the same four bytes. */
const withPorts: ReadonlySet<number> = new Set([6, 17, 33, 132, 136])

/** Neutron takes `icmp` in an IPv6 rule for ICMPv6. */
export const wireProtocol = (rule: SecurityGroupRuleSpec): number | undefined =>
  rule.ethertype === 'IPv6' && rule.protocol === ICMP ? ICMP6 : rule.protocol

function protocolMatch(rule: SecurityGroupRuleSpec, family: 4 | 6): string | undefined {
  const protocol = wireProtocol(rule)
  if (protocol === undefined) return ''
  const word = `meta l4proto ${protocol}`
  const { portMin, portMax } = rule
  if (portMin === undefined && portMax === undefined) return word
  if (protocol === (family === 4 ? ICMP : ICMP6)) {
    const kind = family === 4 ? 'icmp' : 'icmpv6'
    if (portMin === undefined) return undefined
    return `${word} ${kind} type ${portMin}${portMax === undefined ? '' : ` ${kind} code ${portMax}`}`
  }
  if (!withPorts.has(protocol)) return undefined
  const min = portMin ?? 0
  const max = portMax ?? portMin ?? 65_535
  return `${word} th dport ${min === max ? min : `${min}-${max}`}`
}
