import type { Socket } from 'node:net'

/**
 * Tenant networks as packets. A network is a layer-2 segment with subnets; a port joins one workload's network namespace to
 * one network, with the addresses, MAC and filters it is given; a router joins networks with each other and with the
 * external network. The engine keeps no wishes of its own: each call carries the whole wish for its object and may be
 * repeated (`ensure…` compares and repairs). Removing what is not there is success. Two networks may use the same CIDR.
 *
 * Filtering: a port with `portSecurity` receives only what a rule of one of its security groups allows (and replies to what
 * it sent itself), sends only what an egress rule allows, and only from its own MAC and addresses (plus `allowedPairs`).
 * No rule, no packet. Everything crossing this port can be written as JSON, the metadata sockets apart.
 */
export interface NetworkPort {
  readonly kind: string

  ensureNetwork(spec: NetworkSpec): Promise<void>
  removeNetwork(id: string): Promise<void>

  /** The provider's side of an external network: the host's address in it and the way out to the world. */
  ensureExternal(spec: ExternalSpec): Promise<void>
  removeExternal(networkId: string): Promise<void>

  ensureRouter(spec: RouterSpec): Promise<void>
  removeRouter(id: string): Promise<void>

  /** Puts the port into the namespace as interface `ifname`, with its filters in force before the first packet. */
  plug(port: PortSpec, at: PortPlace): Promise<void>
  /** Addresses, filters or admin state changed on a plugged port. */
  updatePort(port: PortSpec, at: PortPlace): Promise<void>
  unplug(portId: string, networkId: string): Promise<void>
  /** Ids of the ports of this network that are really plugged. */
  pluggedPorts(networkId: string): Promise<readonly string[]>
  /** (Re)writes the rules and members of a security group in one network; ports that name it follow at once. */
  ensureSecurityGroup(networkId: string, group: SecurityGroupSpec): Promise<void>
  /** Forgets a group in a network no port of which names it any more. */
  removeSecurityGroup(networkId: string, groupId: string): Promise<void>

  /** What the engine holds for this cloud, so that orphans can be found. */
  list(): Promise<{
    readonly networks: readonly string[]
    readonly routers: readonly string[]
    readonly externals: readonly string[]
  }>

  /** Hands over every connection to 169.254.169.254:80 of a network; the source address is guaranteed by anti-spoofing. Repeating it for a network is a no-op while its socket lives. */
  serveMetadata(
    networkId: string,
    accept: (socket: Socket, from: MetadataPeer) => void,
  ): Promise<void>

  close(): Promise<void>
}

export interface NetworkSpec {
  readonly id: string
  readonly mtu: number
  /** False: no frame passes and nothing of the network answers. Default true. */
  readonly adminUp?: boolean
  readonly subnets: readonly SubnetSpec[]
}

export interface SubnetSpec {
  readonly id: string
  /** e.g. `10.0.0.0/24` or `fd00::/64` */
  readonly cidr: string
  readonly gateway?: string
}

export interface ExternalSpec {
  readonly networkId: string
  readonly cidr: string
  /** The host's own address in the network: routers use it as their gateway. */
  readonly gateway: string
  readonly mtu: number
}

export interface RouterSpec {
  readonly id: string
  readonly adminUp: boolean
  readonly external?: {
    readonly networkId: string
    readonly mac: string
    readonly addresses: readonly AddressSpec[]
    readonly gateway: string
    readonly snat: boolean
    /** Limits of all that passes the gateway; `egress` is towards the outside. */
    readonly qos?: QosSpec
  }
  readonly interfaces: readonly {
    readonly portId: string
    readonly networkId: string
    readonly mac: string
    readonly addresses: readonly AddressSpec[]
  }[]
  readonly floatingIps: readonly {
    readonly id: string
    readonly floating: string
    readonly fixed: string
    /** Limits of this address alone; `egress` is towards the outside. */
    readonly qos?: QosSpec
  }[]
  /** Single ports of floating addresses that lead to different guests. Default none. */
  readonly portForwardings?: readonly PortForwardingSpec[]
  readonly routes: readonly RouteSpec[]
}

export interface PortForwardingSpec {
  readonly id: string
  readonly protocol: 'tcp' | 'udp'
  readonly floating: string
  /** First and last; as many as `internalPorts`, or every one of them to a single internal port. */
  readonly externalPorts: readonly [number, number]
  readonly fixed: string
  readonly internalPorts: readonly [number, number]
}

/** Limits per direction, as the guest sees it: `egress` is what it sends. */
export interface QosSpec {
  readonly egress?: BandwidthSpec
  readonly ingress?: BandwidthSpec
  /** DSCP mark (0–56) of every IP packet the guest sends. */
  readonly dscp?: number
}

export interface BandwidthSpec {
  readonly kbps: number
  /** Largest burst in kilobits; the engine chooses when absent or 0. */
  readonly burstKbits?: number
}

export interface AddressSpec {
  readonly address: string
  readonly prefix: number
}

export interface RouteSpec {
  readonly destination: string
  readonly nexthop: string
}

export interface PortSpec {
  readonly id: string
  readonly networkId: string
  readonly mac: string
  readonly mtu: number
  readonly adminUp: boolean
  readonly addresses: readonly (AddressSpec & { readonly gateway?: string })[]
  readonly routes: readonly RouteSpec[]
  readonly portSecurity: boolean
  /** Every group the port is in, whole, so that plugging needs nothing else. */
  readonly securityGroups: readonly SecurityGroupSpec[]
  readonly allowedPairs: readonly { readonly mac: string; readonly cidr: string }[]
  readonly qos?: QosSpec
  /** The port is a sub-port: its frames travel with this VLAN id inside the parent's link, and its interface is made beneath the parent's. */
  readonly trunk?: {
    readonly parentPortId: string
    readonly parentNetworkId: string
    readonly vlan: number
  }
  /** Ports of the host that lead to this one, whatever its security groups say: what `docker run -p` asks for. */
  readonly published?: readonly PublishedPortSpec[]
}

export interface PublishedPortSpec {
  readonly protocol: 'tcp' | 'udp'
  /** `0.0.0.0` is every address of the host, the loopback one included. */
  readonly hostAddress: string
  readonly hostPort: number
  readonly port: number
}

export interface PortPlace {
  /** Path of a network namespace. */
  readonly netns: string
  /** e.g. `eth0`; the first interface takes the default route. */
  readonly ifname: string
}

export interface SecurityGroupSpec {
  readonly id: string
  /** False: answers need rules of their own. Default true. */
  readonly stateful?: boolean
  readonly rules: readonly SecurityGroupRuleSpec[]
  /** Addresses of all ports in the group (whatever their network): what `remoteGroup` rules of any group match. */
  readonly members: readonly string[]
}

export interface SecurityGroupRuleSpec {
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  /** IANA number; undefined = any. */
  readonly protocol?: number
  /** For TCP/UDP/SCTP… ports; for ICMP type (min) and code (max). */
  readonly portMin?: number
  readonly portMax?: number
  readonly remoteCidr?: string
  /** Addresses of the remote group's members. */
  readonly remoteMembers?: readonly string[]
}

export interface MetadataPeer {
  readonly networkId: string
  readonly address: string
}
