import { GUEST_SERVICE_ADDRESS } from '../../ports/guest-services.ts'
import { hexOf } from './addresses.ts'

/**
 * The filters of a network as nft commands; pure functions, no IO.
 *
 * Table `inet sgct` lets conntrack see bridged packets (br_netfilter) and leaves its verdict in the packet mark: 1 for a
 * packet of a known flow, 2 for an invalid one, 4 for one of a flow that came in by a published port. Table `bridge sg`
 * decides, because only there are the real port names known (family bridge has no conntrack of its own on every kernel,
 * hence the mark). Three maps say by the link's name where a port's packets go: `bysrc` (may it send this from that address
 * at all), `byout` (egress rules) and `byto` (ingress rules). What the port's own words in these are stands in
 * `port-filters.ts`. A link whose name says port and which no map knows gets nothing through.
 */
export const SG = 'bridge sg'
const KNOWN = 1
const INVALID = 2
const PUBLISHED = 4

export const METADATA_ADDRESS = GUEST_SERVICE_ADDRESS[4]
export const METADATA_ADDRESS_6 = GUEST_SERVICE_ADDRESS[6]
/** All_DHCP_Relay_Agents_and_Servers of RFC 8415. */
export const DHCPV6_SERVERS = 'ff02::1:2'

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
    ...boundSets(),
    base('prerouting_src', 'prerouting priority -300', 'accept'),
    base('forward_out', 'forward priority 10', 'accept'),
    base('forward_to', 'forward priority 20', 'accept'),
    base('input_local', 'input priority 0', 'drop'),
    ...['prerouting_src', 'forward_out', 'forward_to', 'input_local'].map(
      (chain) => `flush chain ${SG} ${chain}`,
    ),
    ...stateChains(),
    ...chainCommands('src_bound', [...boundTcp, 'jump never_src', ...boundRules, 'drop']),
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

/** A chain with exactly these rules, whatever was in it. */
export const chainCommands = (chain: string, list: readonly string[]): string[] => [
  `add chain ${SG} ${chain}`,
  `flush chain ${SG} ${chain}`,
  ...rules(chain, list),
]

/** From which MACs and addresses each port may speak. All begin with the link's name; `typeof` because ICMPv6's has none. */
function boundSets(): string[] {
  const set = (name: string, kind: 'type' | 'typeof', ...words: string[]): string =>
    `add set ${SG} ${name} { ${kind} ${words.join(' . ')}; }`
  return [
    set('macs', 'type', 'ifname', 'ether_addr'),
    set('arps', 'type', 'ifname', 'ether_addr', 'ether_addr', 'ipv4_addr'),
    set('hosts4', 'type', 'ifname', 'ether_addr', 'ipv4_addr'),
    set('hosts6', 'type', 'ifname', 'ether_addr', 'ipv6_addr'),
    set('adverts', 'typeof', 'iifname', 'ether saddr', ADVERTISED),
  ]
}

/** An advertisement speaks for the address it names, 8 bytes into the message. */
export const ADVERTISED = '@th,64,128'
const SENDER = 'iifname . ether saddr'

/** The short way for most packets: what a port never sends is no TCP. */
export const boundTcp = [`meta l4proto tcp ${SENDER} . ip saddr @hosts4 accept`]

/** `src_bound`, for every port that is bound to its addresses and has nothing more to say: everything else is dropped. */
const boundRules = [
  `ether type arp ${SENDER} . arp saddr ether . arp saddr ip @arps accept`,
  `${SENDER} . ip saddr @hosts4 accept`,
  `ip saddr 0.0.0.0 udp sport 68 udp dport 67 ${SENDER} @macs accept`,
  // duplicate address detection and multicast reports come from `::`
  `ip6 saddr :: icmpv6 type { 131, 133, 135, 143 } ${SENDER} @macs accept`,
  `icmpv6 type 136 ${SENDER} . ${ADVERTISED} != @adverts drop`,
  `${SENDER} . ip6 saddr @hosts6 accept`,
]

/**
 * What holds for every filtered port before its rules: ARP and neighbour discovery pass (their senders have been checked
 * in `src_`), known flows pass, invalid packets do not. The ICMPv6 types are those Neutron always lets through. The
 * `bare_` chains are for ports whose groups are all stateless: there no packet passes because of one before it.
 */
function stateChains(): string[] {
  // Most packets are of known flows, so that is asked first.
  const known = `meta mark ${KNOWN} accept`
  const invalid = `meta mark ${INVALID} drop`
  const out = [
    'ether type arp accept',
    'icmpv6 type { 131, 132, 133, 135, 136, 143 } accept',
    'ip protocol udp udp sport 68 udp dport 67 accept',
    'ether type ip6 udp sport 546 udp dport 547 accept',
  ]
  const to = ['ether type arp accept', 'icmpv6 type { 130, 131, 132, 134, 135, 136 } accept']
  return [
    ...chainCommands('state_out', [known, ...out, invalid]),
    ...chainCommands('state_to', [known, ...to, invalid]),
    ...chainCommands('never_src', [
      'ip protocol udp udp sport 67 udp dport 68 drop', // no port is a DHCP server
      'meta l4proto udp udp sport 547 udp dport 546 drop',
      'icmpv6 type { 134, 137 } drop', // nor a router
    ]),
    ...chainCommands('bare_out', out),
    ...chainCommands('bare_to', to),
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
    `ip6 daddr { ${METADATA_ADDRESS_6}, ${DHCPV6_SERVERS} } udp sport 546 udp dport 547 accept`,
  ]
}
