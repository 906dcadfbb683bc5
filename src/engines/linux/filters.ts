import { GUEST_SERVICE_ADDRESS } from '../../ports/guest-services.ts'
import type { PortSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { checkedMac, cover, familyOf, hexOf, linkLocalOf, rangeOf } from './addresses.ts'
import { portLink, short } from './names.ts'

/**
 * The filters of a network as nft commands; pure functions, no IO.
 *
 * Table `inet sgct` lets conntrack see bridged packets (br_netfilter) and leaves its verdict in the packet mark: 1 for a
 * packet of a known flow, 2 for an invalid one, 4 for one of a flow that came in by a published port. Table `bridge sg` decides, because only there are the real port names known
 * (family bridge has no conntrack of its own on every kernel, hence the mark). Every port has three chains: `src_` (may it
 * send this from that address at all), `out_` (egress rules) and `to_` (ingress rules), found by its link's name through
 * three maps. The verdict in a map is a jump to the chain of that name and never changes, so writing a port is the same few
 * commands whatever was there before. A link whose name says port and which no map knows gets nothing through.
 */
export const SG = 'bridge sg'
const KNOWN = 1
const INVALID = 2
const PUBLISHED = 4

export const METADATA_ADDRESS = GUEST_SERVICE_ADDRESS[4]
export const METADATA_ADDRESS_6 = GUEST_SERVICE_ADDRESS[6]

/**
 * Maps and the chains everything hangs on. May be repeated; the ports' own chains stay as they are. It fails where the
 * tables are gone, and the ports' chains with them: then all must be written anew, after `tableCommands`.
 */
export function baseCommands(): string[] {
  const base = (chain: string, hook: string, policy: string): string =>
    `add chain ${SG} ${chain} { type filter hook ${hook}; policy ${policy}; }`
  return [
    'add chain inet sgct pre { type filter hook prerouting priority -150; policy accept; }',
    'flush chain inet sgct pre',
    `add rule inet sgct pre ct state established,related meta mark set ${KNOWN}`,
    `add rule inet sgct pre ct state invalid meta mark set ${INVALID}`,
    // In a network's namespace only published ports translate.
    `add rule inet sgct pre ct state established,related ct status dnat meta mark set ${PUBLISHED}`,
    ...['bysrc', 'byout', 'byto'].map((map) => `add map ${SG} ${map} { type ifname : verdict; }`),
    base('prerouting_src', 'prerouting priority -300', 'accept'),
    base('forward_out', 'forward priority 10', 'accept'),
    base('forward_to', 'forward priority 20', 'accept'),
    base('input_local', 'input priority 0', 'drop'),
    ...['prerouting_src', 'forward_out', 'forward_to', 'input_local'].map(
      (chain) => `flush chain ${SG} ${chain}`,
    ),
    ...stateChains(),
    ...rules('prerouting_src', [
      'meta mark set 0',
      // A tagged frame could reach a sub-port of another guest's trunk in this network. A trunk's own tags are off by now.
      'ether type { 8021q, 8021ad } drop',
      'iifname vmap @bysrc',
      'iifname "p*" drop',
    ]),
    ...rules('forward_out', ['iifname vmap @byout', 'iifname "p*" drop']),
    ...rules('forward_to', ['oifname vmap @byto', 'oifname "p*" drop']),
    ...rules('input_local', localServices()),
  ]
}

export const tableCommands = (): string[] => ['add table inet sgct', `add table ${SG}`]

const rules = (chain: string, list: readonly string[]): string[] =>
  list.map((rule) => `add rule ${SG} ${chain} ${rule}`)

/**
 * What holds for every filtered port before its rules: ARP and neighbour discovery pass (their senders have been checked
 * in `src_`), known flows pass, invalid packets do not. The ICMPv6 types are those Neutron always lets through. The
 * `bare_` chains are for ports whose groups are all stateless: there no packet passes because of one before it.
 */
function stateChains(): string[] {
  // Most packets are of known flows, so that is asked first.
  const known = `meta mark ${KNOWN} accept`
  const invalid = `meta mark ${INVALID} drop`
  const chain = (name: string, list: readonly string[]): string[] => [
    `add chain ${SG} ${name}`,
    `flush chain ${SG} ${name}`,
    ...rules(name, list),
  ]
  const out = [
    'ether type arp accept',
    'icmpv6 type { 131, 132, 133, 135, 136, 143 } accept',
    'ip protocol udp udp sport 68 udp dport 67 accept',
  ]
  const to = ['ether type arp accept', 'icmpv6 type { 130, 131, 132, 134, 135, 136 } accept']
  return [
    ...chain('state_out', [known, ...out, invalid]),
    ...chain('state_to', [known, ...to, invalid]),
    ...chain('never_src', [
      'ip protocol udp udp sport 67 udp dport 68 drop', // no port is a DHCP server
      'meta l4proto udp udp sport 547 udp dport 546 drop',
      'icmpv6 type { 134, 137 } drop', // nor a router
    ]),
    ...chain('bare_out', out),
    ...chain('bare_to', to),
  ]
}

/** The bridge itself answers for metadata, DNS and DHCP only, and takes what goes back to who came by a published port. */
function localServices(): string[] {
  return [
    `ether type arp arp daddr ip ${METADATA_ADDRESS} accept`,
    `ip daddr ${METADATA_ADDRESS} tcp dport { 53, 80 } accept`,
    `ip daddr ${METADATA_ADDRESS} udp dport 53 accept`,
    'ip protocol udp udp sport 68 udp dport 67 accept',
    `meta mark ${PUBLISHED} accept`,
    // solicitations for its address (named 8 bytes into the message), and what it asked for itself
    `icmpv6 type 135 @th,64,128 ${hexOf(METADATA_ADDRESS_6)} accept`,
    `ip6 daddr ${METADATA_ADDRESS_6} icmpv6 type 136 accept`,
    `ip6 daddr ${METADATA_ADDRESS_6} tcp dport { 53, 80 } accept`,
    `ip6 daddr ${METADATA_ADDRESS_6} udp dport 53 accept`,
  ]
}

/** The port's three chains and its place in the maps. The groups' chains must exist (same transaction or earlier). */
export function portCommands(port: PortSpec, stateless = isStateless(port)): string[] {
  const id = short(port.id)
  const state = stateless ? 'bare' : 'state'
  const groups = port.securityGroups.map((group) => short(group.id))
  const filtered = port.portSecurity
  return [
    ...portChains(id).flatMap((chain) => [
      `add chain ${SG} ${chain}`,
      `flush chain ${SG} ${chain}`,
    ]),
    ...rules(`src_${id}`, [...markRules(port), ...(filtered ? sourceRules(port) : ['accept'])]),
    ...rules(
      `out_${id}`,
      filtered
        ? [`jump ${state}_out`, ...groups.map((group) => `jump gout_${group}`), 'drop']
        : ['accept'],
    ),
    ...rules(
      `to_${id}`,
      filtered
        ? [`jump ${state}_to`, ...groups.map((group) => `jump gto_${group}`), 'drop']
        : ['accept'],
    ),
    ...portElements('add', port.id),
  ]
}

/** Adds before it deletes, so that forgetting a port that was never there is no error. */
export function forgetPortCommands(portId: string): string[] {
  const chains = portChains(short(portId))
  return [
    ...chains.map((chain) => `add chain ${SG} ${chain}`),
    ...portElements('add', portId),
    ...portElements('delete', portId),
    ...chains.flatMap((chain) => [`flush chain ${SG} ${chain}`, `delete chain ${SG} ${chain}`]),
  ]
}

const portChains = (id: string): string[] => [`src_${id}`, `out_${id}`, `to_${id}`]

const portElements = (verb: 'add' | 'delete', portId: string): string[] =>
  ['src', 'out', 'to'].map(
    (kind) =>
      `${verb} element ${SG} by${kind} { "${portLink(portId)}" : jump ${kind}_${short(portId)} }`,
  )

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

/** DSCP is written into what the guest sends, before anybody reads it. */
function markRules(port: PortSpec): string[] {
  const dscp = port.qos?.dscp
  if (dscp === undefined) return []
  if (!Number.isInteger(dscp) || dscp < 0 || dscp > 63) throw new Error(`${dscp} is no DSCP mark`)
  return [`ether type ip ip dscp set ${dscp}`, `ether type ip6 ip6 dscp set ${dscp}`]
}

/** From which MAC and address the port may speak; everything else it sends is dropped at its first step. */
function sourceRules(port: PortSpec): string[] {
  const perMac = [...allowedSources(port)].flatMap(([mac, cidrs]) => macRules(mac, cidrs))
  return [...tcpRules(port), 'jump never_src', ...perMac, 'drop']
}

/** The short way for most packets: what a port never sends is no TCP. Its own address only; others go the long way. */
function tcpRules(port: PortSpec): string[] {
  const own = port.addresses.filter(({ address }) => familyOf(address) === 4)
  if (own.length === 0) return []
  const addresses = setOf(own.map(({ address }) => address))
  return [`meta l4proto tcp ether saddr ${checkedMac(port.mac)} ip saddr ${addresses} accept`]
}

function allowedSources(port: PortSpec): Map<string, string[]> {
  const own = checkedMac(port.mac)
  const sources = new Map([[own, port.addresses.map((each) => each.address)]])
  for (const pair of port.allowedPairs) {
    const mac = checkedMac(pair.mac)
    rangeOf(pair.cidr) // throws when it is none
    sources.set(mac, [...(sources.get(mac) ?? []), pair.cidr])
  }
  for (const [mac, cidrs] of sources) cidrs.push(linkLocalOf(mac))
  return sources
}

function macRules(mac: string, cidrs: readonly string[]): string[] {
  const from = `ether saddr ${mac}`
  const of = (family: 4 | 6): string[] =>
    cover(cidrs.filter((cidr) => familyOf(cidr.split('/')[0] ?? '') === family))
  const v4 = of(4)
  const v6 = of(6)
  const hosts6 = v6.filter((cidr) => !cidr.includes('/')).map(hexOf)
  const wide6 = v6.some((cidr) => cidr.includes('/'))
  return [
    // 0.0.0.0: an address probe, which claims nothing
    `ether type arp ${from} arp saddr ether ${mac} arp saddr ip ${setOf(['0.0.0.0', ...v4])} accept`,
    `${from} ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept`,
    ...(v4.length === 0 ? [] : [`${from} ip saddr ${setOf(v4)} accept`]),
    // duplicate address detection and multicast reports come from `::`
    `${from} ip6 saddr :: icmpv6 type { 131, 133, 135, 143 } accept`,
    // an advertisement speaks for the address it names, 8 bytes into the message
    ...(wide6 ? [] : [`${from} icmpv6 type 136 @th,64,128 != ${setOf(hosts6)} drop`]),
    `${from} ip6 saddr ${setOf(v6)} accept`,
  ]
}

/** A single one needs no set, which would cost more to make and to look into. */
export const setOf = (items: readonly string[]): string =>
  items.length === 1 ? (items[0] ?? '') : `{ ${items.join(', ')} }`
