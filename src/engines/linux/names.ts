import { randomInt } from 'node:crypto'

/**
 * Every name this engine gives to something on the host, derived from the cloud's tag and the object's id, so that whatever
 * was made can be found again and one cloud never sees another's things. Interface names have 15 characters at most.
 */
const NETNS_DIR = '/run/netns'

export interface Names {
  readonly tag: string
  network(id: string): string
  router(id: string): string
  external(id: string): string
  /** The host's own link into an external network. */
  hostLink(externalId: string): string
  /** Prefix of every host link of this cloud. */
  readonly hostLinkPrefix: string
  /** The host's own link into a tenant network, for published ports. */
  transitLink(networkId: string): string
  readonly transitLinkPrefix: string
  /** nft table on the host for the published ports of one tenant network. */
  transitTable(networkId: string): string
  /** nft table on the host for one external network. */
  hostTable(externalId: string): string
  readonly hostTablePrefix: string
  /** Comment on every iptables rule made for one external network, or for the published ports of a tenant network. */
  ruleComment(ownerId: string, what?: 'transit'): string
  readonly ruleCommentPrefix: string
}

export type NetnsKind = 'network' | 'router' | 'external'

const letters = { network: 'n', router: 'r', external: 'x' } as const satisfies Record<
  NetnsKind,
  string
>

export const isNetnsKind = (kind: string): kind is NetnsKind => Object.hasOwn(letters, kind)

export function namesOf(tag: string): Names {
  if (!/^[0-9a-f]{4}$/.test(tag))
    throw new Error(`the cloud's tag must be four hex digits, not '${tag}'`)
  return {
    tag,
    network: (id) => `sy${tag}-n-${short(id)}`,
    router: (id) => `sy${tag}-r-${short(id)}`,
    external: (id) => `sy${tag}-x-${short(id)}`,
    hostLink: (id) => `sy${tag}x${short(id).slice(0, 8)}`,
    hostLinkPrefix: `sy${tag}x`,
    transitLink: (id) => `sy${tag}t${short(id).slice(0, 8)}`,
    transitLinkPrefix: `sy${tag}t`,
    transitTable: (id) => `stackyard_${tag}_t${short(id)}`,
    hostTable: (id) => `stackyard_${tag}_${short(id)}`,
    hostTablePrefix: `stackyard_${tag}_`,
    ruleComment: (id, what) =>
      `stackyard:${tag}:${what === undefined ? '' : `${what}:`}${short(id)}`,
    ruleCommentPrefix: `stackyard:${tag}:`,
  }
}

/** Twelve hex digits of an id: enough to be unique on one host, short enough for an interface name. */
export function short(id: string): string {
  const digits = id.replaceAll('-', '').slice(0, 12).toLowerCase()
  if (!/^[0-9a-f]{12}$/.test(digits))
    throw new Error(`'${id}' is not an id this engine can name things by`)
  return digits
}

/** What a namespace of this cloud is for, or undefined when it is none of ours. */
export function kindOfNetns(tag: string, name: string): NetnsKind | undefined {
  const found = /^sy([0-9a-f]{4})-([nrx])-[0-9a-f]{12}$/.exec(name)
  if (found === null || found[1] !== tag) return undefined
  return found[2] === letters.network
    ? 'network'
    : found[2] === letters.router
      ? 'router'
      : 'external'
}

export const netnsPath = (name: string): string => `${NETNS_DIR}/${name}`
export const netnsDir = NETNS_DIR

/** The bridge in every network's namespace. */
export const BRIDGE = 'br0'
/** The bridge in every external network's namespace, and the far end of the host's link. */
export const EXT_BRIDGE = 'br-ext'
export const EXT_HOST_END = 'host'
/** The far end of the host's link into a tenant network. */
export const TRANSIT_END = 'host0'
/** All links that belong to others' namespaces too are in this group, so that one command deletes them. */
export const LINK_GROUP = 77

export const portLink = (portId: string): string => `p${short(portId)}`
/** What a port sends is queued on this when it is limited. */
export const shaperLink = (portId: string): string => `i${short(portId)}`
export const routerLeg = (portId: string): string => `qr-${short(portId)}`
export const routerLegPeer = (portId: string): string => `r${short(portId)}`
export const gatewayLeg = (routerId: string): string => `qg-${short(routerId)}`
/** Where packets pass that come in by the gateway, when they are limited. */
export const gatewayMirror = (routerId: string): string => `qi-${short(routerId)}`
export const gatewayLegPeer = (routerId: string): string => `g${short(routerId)}`

/**
 * An interface number for our end of a veth pair. The kernel puts a pair into service at once only if its two ends differ in
 * their numbers (they are taken for one device otherwise, and the change may wait for a second); in two new namespaces they
 * would often be the same small ones.
 */
export const farIndex = (): number => randomInt(0x100_0000, 0x7fff_0000)

/** A steady, locally administered MAC for something of ours: a bridge that took a port's MAC would change it. */
export function steadyMac(id: string): string {
  return ['02', ...(short(id).match(/../g) ?? []).slice(0, 5)].join(':')
}

/** Where routers take up what guests send to the metadata address; their filters let nothing else come to it. */
export const ROUTER_METADATA_PORT = 9697
