import type { Socket } from 'node:net'

/**
 * What a tenant network does for its guests beyond carrying packets: names, addresses and metadata. The engine opens the
 * sockets inside the network (169.254.169.254 and fe80::a9fe:a9fe: TCP 80 for metadata, TCP and UDP 53 for names, UDP 67 for
 * DHCP, UDP 547 for DHCPv6), speaks the protocols and asks here what to say. Who asks is told by the network the socket is in
 * and by an address that the anti-spoofing rules guarantee. Nobody advertises routers: that takes raw ICMPv6, so a guest that
 * configures itself by them (SLAAC) needs an advertiser of its own. Questions and answers can be written as JSON, the metadata sockets apart.
 */
export interface GuestServices {
  /** Takes over a connection to the metadata address. */
  metadata(socket: Socket, from: GuestPeer): void
  /** What is known of a name in this network. A rejection is told to the guest as a failure of the server. */
  resolve(networkId: string, question: NameQuestion): Promise<NameAnswer>
  /** What the guest with this MAC is to be configured with; undefined: DHCP is silent towards it. */
  lease(networkId: string, asker: LeaseAsker): Promise<Lease | undefined>
  /** What this guest is to be told by DHCPv6; undefined: it is silent towards it. */
  lease6(networkId: string, asker: LeaseAsker6): Promise<Lease6 | undefined>
}

export interface GuestPeer {
  readonly networkId: string
  /** IPv4, or the link-local IPv6 address that the guest's MAC makes (EUI-64). */
  readonly address: string
}

export interface NameQuestion {
  /** Lower case, without the dot at the end. */
  readonly name: string
  /** e.g. `A`, `AAAA`, `PTR`, `MX`. */
  readonly type: string
}

export type NameAnswer =
  /** The name is one of the network's; without records there is nothing of the type asked for. */
  | { readonly kind: 'known'; readonly records: readonly NameRecord[] }
  | { readonly kind: 'noSuchName' }
  /** Others may know: the addresses to ask, in this order; none at all is refused. */
  | { readonly kind: 'elsewhere'; readonly servers: readonly string[] }

export interface NameRecord {
  readonly type: 'A' | 'AAAA' | 'PTR'
  /** An address, or for PTR a whole name without the dot at the end. */
  readonly data: string
}

export interface LeaseAsker {
  /** Lower case. */
  readonly mac: string
  /** The address it would like to have or keep. */
  readonly requested?: string
}

/** What DHCP tells in both versions. */
interface Configuration {
  readonly dns: readonly string[]
  readonly domain: string
  readonly seconds: number
  /** Options of the port: names as dnsmasq has them, or numbers. What the engine cannot encode it leaves out and logs. */
  readonly options: readonly { readonly name: string; readonly value: string }[]
}

export interface Lease extends Configuration {
  /** The requested one when it is the guest's, else its first. */
  readonly address: string
  readonly prefix: number
  readonly gateway?: string
  /** Beyond the default route. */
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[]
  readonly hostname: string
  readonly mtu: number
}

export interface LeaseAsker6 {
  /** The link-local address it asks from. */
  readonly address: string
  /** The MAC it says it has, for guests whose link-local address tells none. Lower case. */
  readonly mac?: string
}

export interface Lease6 extends Configuration {
  /** All of the guest's that are given this way; none where a guest makes its own and is told the rest. */
  readonly addresses: readonly string[]
}

/** Where the bridge of every network answers its guests; Neutron's addresses for metadata. */
export const GUEST_SERVICE_ADDRESS = { 4: '169.254.169.254', 6: 'fe80::a9fe:a9fe' } as const
