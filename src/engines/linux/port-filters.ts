import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { PortSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { canonical, checkedMac, cover, familyOf, hexOf, linkLocalOf, rangeOf } from './addresses.ts'
import { boundTcp, chainCommands, SG } from './filters.ts'
import { portLink, short } from './names.ts'
import { rulesAmiss, type Ruleset } from './ruleset.ts'

/**
 * What of a network's filters is one port's own: elements of sets and maps that all ports share, each beginning with its
 * link's name. Chains are shared too, by all ports of the same groups; a chain to itself has only a port with something to
 * say that no such set can hold. The reason is what a change costs: before each `nft` reads all chains and sets, and after
 * each the kernel walks all chains that the table can jump to. With chains for every port the five hundredth would take
 * four times as long as the first. Pure functions.
 */
export interface PortFilters {
  /** The chains its verdicts jump to, with their rules; `src_bound` is always there and not named. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  readonly elements: PortElements
}

/** As in a command: `bysrc { "p0123456789ab" : jump src_bound }`, in the spelling of `nft list`. */
export type PortElements = ReadonlySet<string>

/** By link's name: what of each port stands in the sets and maps of its network. */
export type WrittenPorts = ReadonlyMap<string, PortElements>

/** Throws when the wish holds a word that is no address. */
export function renderPort(port: PortSpec, stateless = isStateless(port)): PortFilters {
  const link = `"${portLink(port.id)}"`
  const source = sourceChain(port)
  const verdicts = verdictChains(port, stateless)
  const jump = (map: string, chain: string): string => `${map} { ${link} : jump ${chain} }`
  return {
    chains: new Map([
      ...(source.rules === undefined ? [] : [[source.name, source.rules] as const]),
      ...verdicts,
    ]),
    elements: new Set([
      ...(port.portSecurity ? boundElements(link, port) : []),
      jump('bysrc', source.name),
      ...[...verdicts.keys()].map((chain) =>
        jump(chain.startsWith('out') ? 'byout' : 'byto', chain),
      ),
    ]),
  }
}

/**
 * From what is written to what is wanted of these ports (nothing, of a port that goes), and what is written then. The
 * groups' chains must exist (same transaction or earlier). Chains and elements are written whether or not they seem to be
 * there, so the same call also mends what was taken away; only what goes must be known.
 */
export function changePorts(
  written: WrittenPorts,
  wanted: ReadonlyMap<string, PortFilters | undefined>,
): { readonly commands: string[]; readonly written: WrittenPorts } {
  const now = new Map(written)
  const chains = new Map<string, readonly string[]>()
  const gone: string[] = []
  for (const [link, want] of wanted) {
    gone.push(
      ...[...(now.get(link) ?? [])].filter((element) => want?.elements.has(element) !== true),
    )
    if (want === undefined) now.delete(link)
    else now.set(link, want.elements)
    for (const [chain, rules] of want?.chains ?? []) chains.set(chain, rules)
  }
  const added = [...wanted.values()].flatMap((want) => [...(want?.elements ?? [])])
  return {
    commands: [
      ...[...chains].flatMap(([chain, rules]) => chainCommands(chain, rules)),
      ...gone.map((element) => `delete element ${SG} ${element}`),
      ...added.map((element) => `add element ${SG} ${element}`),
      ...unnamedChains(gone, now).flatMap((chain) => [
        `flush chain ${SG} ${chain}`,
        `delete chain ${SG} ${chain}`,
      ]),
    ],
    written: now,
  }
}

/** What `nft list` says of ports, whoever wrote it. */
export function portsIn(seen: Ruleset): WrittenPorts {
  const found = new Map<string, Set<string>>()
  for (const set of SETS) {
    for (const element of seen.sets.get(`${SG} ${set}`) ?? []) {
      const link = /^"([^"]+)"/.exec(element)?.[1]
      if (link === undefined) continue
      const mine = found.get(link) ?? new Set()
      found.set(link, mine.add(`${set} { ${element.split(' . ').map(spelled).join(' . ')} }`))
    }
  }
  return found
}

/** The first thing of a port's filters that is missing or too much; undefined when all is as wanted. */
export function filtersAmiss(
  { chains, elements }: PortFilters,
  seen: Ruleset,
  written: PortElements = new Set(),
): string | undefined {
  const lost = [...elements].find((element) => !written.has(element))
  if (lost !== undefined) return `${lost} is gone`
  const strange = [...written].find((element) => !elements.has(element))
  if (strange !== undefined) return `${strange} should not be`
  return rulesAmiss(
    seen,
    [...chains].flatMap(([chain, rules]) => chainCommands(chain, rules)),
  )
}

/**
 * Replies need rules only where no group of the port is stateful: a stateful rule promises replies, and a group beside it
 * does not take that back.
 */
export function isStateless(
  port: PortSpec,
  groupOf: (id: string) => SecurityGroupSpec | undefined = () => undefined,
): boolean {
  const groups = port.securityGroups.map((own) => groupOf(own.id) ?? own)
  return groups.length > 0 && groups.every((group) => group.stateful === false)
}

const SETS = ['bysrc', 'byout', 'byto', 'macs', 'arps', 'hosts4', 'hosts6', 'adverts']

/** Chains that the last port has left. */
function unnamedChains(gone: readonly string[], written: WrittenPorts): string[] {
  const left = new Set(gone.flatMap(chainIn))
  left.delete(BOUND)
  if (left.size === 0) return []
  for (const elements of written.values())
    for (const element of elements) for (const chain of chainIn(element)) left.delete(chain)
  return [...left]
}

const chainIn = (element: string): string[] => / : jump (\S+) \}$/.exec(element)?.slice(1, 2) ?? []

/** nft has its own way with zeros and with IPv4 in IPv6. */
function spelled(part: string): string {
  if (isIPv6(part)) return canonical(part)
  return part.startsWith('0x') ? `0x${BigInt(part).toString(16).padStart(32, '0')}` : part
}

const BOUND = 'src_bound'

/** Where it is looked at what the port sends; without rules the chain is everybody's and always there. */
function sourceChain(port: PortSpec): {
  readonly name: string
  readonly rules?: readonly string[]
} {
  const marks = markRules(port)
  const wide = port.portSecurity
    ? [...allowedSources(port)].filter(([, cidrs]) => cidrs.some(isWide))
    : []
  const ranges = wide.flatMap(([mac, cidrs]) => macRules(mac, cidrs))
  const last = port.portSecurity ? `jump ${BOUND}` : 'accept'
  if (marks.length + ranges.length > 0) {
    const before = ranges.length === 0 ? [] : [...boundTcp, 'jump never_src']
    return { name: `src_${short(port.id)}`, rules: [...marks, ...before, ...ranges, last] }
  }
  return port.portSecurity ? { name: BOUND } : { name: 'src_open', rules: [last] }
}

/** What it may send and get. The order of its groups means nothing, since their rules only ever accept. */
function verdictChains(port: PortSpec, stateless: boolean): Map<string, readonly string[]> {
  if (!port.portSecurity)
    return new Map([
      ['out_open', ['accept']],
      ['to_open', ['accept']],
    ])
  const state = stateless ? 'bare' : 'state'
  const groups = [...new Set(port.securityGroups.map((group) => short(group.id)))].sort()
  const key = createHash('sha256')
    .update([state, ...groups].join(' '))
    .digest('hex')
    .slice(0, 12)
  const rules = (way: 'out' | 'to'): string[] => [
    `jump ${state}_${way}`,
    ...groups.map((group) => `jump g${way}_${group}`),
    'drop',
  ]
  return new Map([
    [`out_${key}`, rules('out')],
    [`to_${key}`, rules('to')],
  ])
}

/** DSCP is written into what the guest sends, before anybody reads it. */
function markRules(port: PortSpec): string[] {
  const dscp = port.qos?.dscp
  if (dscp === undefined) return []
  if (!Number.isInteger(dscp) || dscp < 0 || dscp > 63) throw new Error(`${dscp} is no DSCP mark`)
  return [`ether type ip ip dscp set ${dscp}`, `ether type ip6 ip6 dscp set ${dscp}`]
}

const isWide = (cidr: string): boolean => cidr.includes('/')

/** From which MACs and addresses the port may speak; an allowed pair of one address is one more of these. */
function allowedSources(port: PortSpec): Map<string, string[]> {
  const own = checkedMac(port.mac)
  const sources = new Map([[own, port.addresses.map((each) => canonical(each.address))]])
  for (const pair of port.allowedPairs) {
    const mac = checkedMac(pair.mac)
    const { first, last } = rangeOf(pair.cidr) // throws when it is none
    const cidr = first === last ? canonical(pair.cidr.split('/')[0] ?? '') : pair.cidr
    sources.set(mac, [...(sources.get(mac) ?? []), cidr])
  }
  for (const [mac, cidrs] of sources) cidrs.push(linkLocalOf(mac))
  return sources
}

function boundElements(link: string, port: PortSpec): string[] {
  return [...allowedSources(port)].flatMap(([mac, cidrs]) => {
    const hosts = cidrs.filter((cidr) => !isWide(cidr))
    const of = (family: 4 | 6): string[] => hosts.filter((host) => familyOf(host) === family)
    return [
      `macs { ${link} . ${mac} }`,
      // 0.0.0.0: an address probe, which claims nothing
      ...['0.0.0.0', ...of(4)].map((host) => `arps { ${link} . ${mac} . ${mac} . ${host} }`),
      ...of(4).map((host) => `hosts4 { ${link} . ${mac} . ${host} }`),
      ...of(6).map((host) => `hosts6 { ${link} . ${mac} . ${host} }`),
      ...of(6).map((host) => `adverts { ${link} . ${mac} . ${hexOf(host)} }`),
    ]
  })
}

/** As in `src_bound`, of a MAC that may speak from ranges of addresses. */
function macRules(mac: string, cidrs: readonly string[]): string[] {
  const from = `ether saddr ${mac}`
  const of = (family: 4 | 6): string[] =>
    cover(cidrs.filter((cidr) => familyOf(cidr.split('/')[0] ?? '') === family))
  const v4 = of(4)
  const v6 = of(6)
  // An advertisement may speak for any address where they are a range: that cannot be looked up.
  const some6 = v6.some(isWide) ? [`${from} ip6 saddr ${setOf(v6)} accept`] : []
  return [
    `ether type arp ${from} arp saddr ether ${mac} arp saddr ip ${setOf(['0.0.0.0', ...v4])} accept`,
    ...(v4.length === 0 ? [] : [`${from} ip saddr ${setOf(v4)} accept`]),
    ...some6,
  ]
}

/** A single one needs no set, which would cost more to make and to look into. */
export const setOf = (items: readonly string[]): string =>
  items.length === 1 ? (items[0] ?? '') : `{ ${items.join(', ')} }`
