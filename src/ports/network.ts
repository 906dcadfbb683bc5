import type { GuestServices } from './guest-services.ts'

/**
 * Tenant networks as packets. A network is a layer-2 segment with subnets; a port joins one workload's network namespace to
 * one network, with the addresses, MAC and filters it is given; a router joins networks with each other and with the
 * external network. The engine keeps no wishes of its own: each call carries the whole wish for its object and may be
 * repeated (`ensure…` compares and repairs). Removing what is not there is success. Two networks may use the same CIDR.
 *
 * Filtering: a port with `portSecurity` receives only what a rule of one of its security groups allows (and replies to what
 * it sent itself), sends only what an egress rule allows, and only from its own MAC and addresses (plus `allowedPairs`).
 * No rule, no packet. Everything crossing this port can be written as JSON, what serves the guests apart.
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
  /** `at`, where it was plugged: a sub-port's interface there goes only with its parent's, or when it is known. */
  unplug(portId: string, networkId: string, at?: PortPlace): Promise<void>
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

  /**
   * Ids of things of this kind that went though the engine was not asked to remove them, as soon as it notices. It need not
   * notice everything: `list` and the inspections tell the rest. Ends with the signal.
   */
  losses(kind: 'network' | 'router' | 'external', signal: AbortSignal): AsyncIterable<string>

  /** Ports of the host that its programs listen on: none of them can be published. */
  busyHostPorts(): Promise<readonly Omit<PublishedPortSpec, 'port'>[]>

  /** Answers the network's guests (see `GuestServices`) until the network goes. Repeating it is a no-op while its sockets live. */
  serveGuests(networkId: string, services: GuestServices): Promise<void>
  /** Metadata for guests whose only way to 169.254.169.254 is their default route: the router takes it up. Until the router goes. */
  serveRouterGuests(routerId: string, services: Pick<GuestServices, 'metadata'>): Promise<void>

  /**
   * What of a network's wish, of its plugged ports and of their groups is not so on the host; nothing is changed. An ensure of
   * what drifted repairs it; a port that is not plugged at all is to be plugged again, and is told only while there is a namespace
   * to plug it into. Of a network that is not there, only that is told.
   */
  inspectNetwork(spec: NetworkSpec, ports: readonly PluggedPort[]): Promise<readonly Drift[]>
  /** What of a router's wish is not so on the host; nothing is changed. An ensure of the same wish repairs all of it. */
  inspectRouter(spec: RouterSpec): Promise<readonly Drift[]>
  /** The same for an external network. */
  inspectExternal(spec: ExternalSpec): Promise<readonly Drift[]>

  /** What the labels of a router's `metering` have counted since they are there; a change of rules does not reset them. */
  readMeters(routerId: string): Promise<readonly MeterReading[]>

  close(): Promise<void>
}

/** A port and where it is plugged. */
export interface PluggedPort {
  readonly spec: PortSpec
  readonly at: PortPlace
}

/** One thing that differs from its wish. `id` is the object's; a port, group or network names itself. */
export interface Drift {
  readonly kind: 'network' | 'port' | 'group' | 'router' | 'external'
  readonly id: string
  /** For people: `the address 10.0.0.1/24 is not on qr-…`. */
  readonly what: string
}

export interface MeterReading {
  readonly labelId: string
  readonly packets: number
  readonly bytes: number
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
  readonly mtu: number
  /** At least one. The host has every `gateway` as its own address: routers send there what is for the world. */
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string }[]
}

export interface RouterSpec {
  readonly id: string
  /** False: nothing passes, and the router itself answers nobody. */
  readonly adminUp: boolean
  readonly external?: RouterGatewaySpec
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
  /** What is counted of the packets that pass the gateway. */
  readonly metering?: readonly MeteringSpec[]
  /** Connections whose payload names further connections, which belong to them. */
  readonly conntrackHelpers?: readonly ConntrackHelperSpec[]
  /** IPv6 addresses of guests that the external network reaches as if they were in it; they are not translated. */
  readonly ndpProxies?: readonly { readonly id: string; readonly address: string }[]
}

/** A router's way out. */
export interface RouterGatewaySpec {
  readonly networkId: string
  readonly mac: string
  readonly addresses: readonly AddressSpec[]
  /** Where the rest of the world is: at most one per family. */
  readonly gateways: readonly string[]
  /**
   * True: who has no floating address goes out under the first address of his family. For IPv6 too, because the outside
   * knows no way back to a prefix that a tenant chose himself; between the router's own networks nothing is translated.
   */
  readonly snat: boolean
  /** Prefixes of inner networks that share the external network's address scope: not translated, and the host knows the way back. */
  readonly routed?: readonly string[]
  /** Limits of all that passes the gateway; `egress` is towards the outside. */
  readonly qos?: QosSpec
}

/** A label counts the packets that one of its rules takes in and none of its `excluded` rules takes out. */
export interface MeteringSpec {
  readonly labelId: string
  readonly rules: readonly {
    /** `ingress`: what comes in by the gateway; `egress`: what goes out by it. */
    readonly direction: 'ingress' | 'egress'
    /** The inner side: destination of `ingress`, source of `egress`. */
    readonly remoteCidr?: string
    readonly sourceCidr?: string
    readonly destinationCidr?: string
    readonly excluded: boolean
  }[]
}

export interface ConntrackHelperSpec {
  readonly id: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  readonly helper: ConntrackHelperName
}

/** Helpers that the engine can give, and for which protocols; names as Neutron knows them. */
export const conntrackHelperProtocols = {
  amanda: ['udp'],
  ftp: ['tcp'],
  h323: ['tcp', 'udp'],
  irc: ['tcp'],
  'netbios-ns': ['udp'],
  pptp: ['tcp'],
  sane: ['tcp'],
  sip: ['tcp', 'udp'],
  snmp: ['udp'],
  tftp: ['udp'],
} as const satisfies Record<string, readonly ('tcp' | 'udp')[]>
export type ConntrackHelperName = keyof typeof conntrackHelperProtocols

export interface PortForwardingSpec {
  readonly id: string
  readonly protocol: 'tcp' | 'udp'
  readonly floating: string
  /** First and last; as many as `internalPorts`, or every one of them to a single internal port. */
  readonly externalPorts: readonly [number, number]
  readonly fixed: string
  readonly internalPorts: readonly [number, number]
  /** Limits of the floating address, which all its forwardings share. */
  readonly qos?: QosSpec
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
  /**
   * The port is a sub-port: its frames travel with this VLAN id inside the parent's link. Its interface lies on the parent's
   * and is named after it, e.g. `eth0.100`; it can be plugged only while the parent is, and ends with it.
   */
  readonly trunk?: {
    readonly parentPortId: string
    readonly parentNetworkId: string
    readonly vlan: number
  }
  /**
   * Ports of the host that lead to this one, whatever its security groups say: what `docker run -p` asks for. Callers are seen
   * as 169.254.169.254, to which only a guest's first interface has a route. A port of the host that a program or another
   * published port has is an error that says so.
   */
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
  /**
   * The guest's end is left on the host itself under this name, with its MAC, down and without addresses: somebody else moves
   * it into `netns` and sets it up there. From then on only our end is compared.
   */
  readonly handedOver?: boolean
}

export interface SecurityGroupSpec {
  readonly id: string
  /** False: answers need rules of their own, to a port none of whose groups is stateful. Default true. */
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
  /** Addresses of the remote group's members, or prefixes; some may lie within others. */
  readonly remoteMembers?: readonly string[]
}
