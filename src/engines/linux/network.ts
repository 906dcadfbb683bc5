import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { NetworkSpec } from '../../ports/network.ts'
import { LEAST_MTU_6, quietLink } from './addresses.ts'
import { METADATA_ADDRESS, METADATA_ADDRESS_6 } from './filters.ts'
import { linkFacts } from './link-facts.ts'
import { BRIDGE, LINK_GROUP, steadyMac, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { Segment } from './segment.ts'

/**
 * A tenant network: a namespace with one bridge. The bridge has no address but the metadata one, and a route that lets its
 * answers out to whatever addresses the tenant chose. Two networks with the same CIDR never meet.
 */
export class Networks {
  readonly #segments = new Map<string, Segment>()
  readonly #mtus = new Map<string, number>()
  #number = ''
  readonly #namespaces: Namespaces
  readonly #names: Names

  constructor(namespaces: Namespaces, names: Names) {
    this.#namespaces = namespaces
    this.#names = names
  }

  /** Answers whether its namespace or its bridge was made. */
  async ensure(spec: NetworkSpec): Promise<boolean> {
    const netns = this.#names.network(spec.id)
    this.#number ||= knownNumber()
    const words = {
      settings: networkSettings,
      lines: bridgeLines(spec, this.#number),
      tolerated: /File exists/,
    }
    const came = await this.#namespaces.add(netns, spec.id, words)
    const segment = this.segment(spec.id)
    if (came === 'made') segment.isNew = true
    const [anew] = await Promise.all([
      came === 'known' && this.#namespaces.ipMaking(netns, words.lines, words.tolerated),
      segment.ensureBase(),
    ])
    this.#mtus.set(spec.id, spec.mtu)
    return came === 'made' || anew
  }

  async remove(id: string): Promise<void> {
    const netns = this.#names.network(id)
    this.#segments.delete(id)
    this.#mtus.delete(id)
    await removeWithLinks(this.#namespaces, netns)
  }

  /** What is known of the filters of a network that is on this host. */
  segment(id: string): Segment {
    const netns = this.#names.network(id)
    const inode = this.#namespaces.inode(netns)
    if (inode === undefined) throw new Error(`network ${id} is not on this host`)
    const known = this.#segments.get(id)
    if (known?.inode === inode) return known
    const segment = new Segment(this.#namespaces, id, netns, inode)
    this.#segments.set(id, segment)
    return segment
  }

  has(id: string): boolean {
    return this.#namespaces.inode(this.#names.network(id)) !== undefined
  }

  async mtu(id: string): Promise<number> {
    const known = this.#mtus.get(id)
    if (known !== undefined) return known
    const [bridge] = linkFacts(
      await this.#namespaces.show(this.#names.network(id), ['link', 'show', 'dev', BRIDGE]),
    )
    if (bridge === undefined) throw new Error(`network ${id} has no bridge on this host`)
    return bridge.mtu
  }

  /** Has its bridge the address of the guests' desk in IPv6 too? */
  async speaksIpv6(id: string): Promise<boolean> {
    return this.has(id) && carriesIpv6(await this.mtu(id))
  }
}

/** Deleting the links first leaves nothing behind in other namespaces; `ip netns del` alone does that some time later. */
export async function removeWithLinks(namespaces: Namespaces, netns: string): Promise<void> {
  if (namespaces.inode(netns) === undefined) return
  await namespaces.ipOnce(netns, [`link del group ${LINK_GROUP}`], {
    tolerated: /Cannot find device|No such device/,
    lane: 'ip that removes',
  })
  await namespaces.remove(netns)
}

/** A kernel started without IPv6 has no such file. */
const hasIpv6 = existsSync('/proc/net/if_inet6')

const carriesIpv6 = (mtu: number): boolean => hasIpv6 && mtu >= LEAST_MTU_6

function bridgeLines(spec: NetworkSpec, ownNumber: string): string[] {
  const up = spec.adminUp !== false
  return [
    // Without a MAC of its own a bridge takes the lowest of its ports', and tenants' ARP entries for it would go stale.
    ...[ownNumber, ''].map(
      (number) =>
        `link add ${BRIDGE} ${number} address ${steadyMac(spec.id)} type bridge mcast_snooping 0`,
    ),
    // A bridge that is down passes no frame between its ports and takes none for itself.
    ...quietLink(BRIDGE, spec.mtu, up ? 'up' : 'down'),
    `addr replace ${METADATA_ADDRESS}/32 dev ${BRIDGE}`,
    ...(up ? [`route replace default dev ${BRIDGE}`] : []),
    ...(carriesIpv6(spec.mtu)
      ? [
          `addr replace ${METADATA_ADDRESS_6}/64 dev ${BRIDGE} nodad`,
          ...(up ? [`route replace ::/0 dev ${BRIDGE}`] : []),
        ]
      : []),
  ]
}

/**
 * Node calls a guest's link-local address by the name that the bridge's number has in this process's own namespace, and fails
 * where it has none there. The least that is not the loopback's belongs to the most lasting link; should something else have it
 * in the network's namespace, the bridge takes any.
 */
function knownNumber(): string {
  const folder = '/sys/class/net'
  const numbers = readdirSync(folder).map((link) => numberIn(`${folder}/${link}/ifindex`))
  const [least] = numbers.filter((number) => number > 1).toSorted((a, b) => a - b)
  return least === undefined ? '' : `index ${least}`
}

function numberIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0 // the link went meanwhile, or is none
  }
}

/** A new namespace takes over the host's settings, and Docker has switched forwarding on there. */
const networkSettings = [
  'net/ipv4/ip_forward=0',
  'net/ipv6/conf/default/accept_ra=0',
  // also for links that begin to speak IPv6 later
  'net/ipv6/conf/default/addr_gen_mode=1',
  'net/ipv6/conf/all/accept_ra=0',
  'net/ipv6/conf/all/forwarding=0',
  'net/ipv4/conf/all/rp_filter=0',
  'net/ipv4/conf/default/rp_filter=0',
  'net/ipv4/conf/all/arp_ignore=1',
  'net/bridge/bridge-nf-call-iptables=1',
  'net/bridge/bridge-nf-call-ip6tables=1',
  // A packet of a flow conntrack does not know is no flow: a cut flow must not come back from the other end.
  'net/netfilter/nf_conntrack_tcp_loose=0',
]
