import type { Socket } from 'node:net'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { PublishedPort, PublishedPortWish } from './published-ports/choose.ts'

/** What other services may ask of network. A client of a real Neutron must be able to stand behind it. */
export interface NetworkFace {
  /** Networks the asking project may use (own, shared, external only when `external`). */
  listNetworks(ctx: Ctx): Promise<readonly NetworkInfo[]>
  findNetwork(ctx: Ctx, id: string): Promise<NetworkInfo | undefined>
  /** The asking project's auto allocated network, made when there is none; 409 when the cloud lacks what it is made of. */
  allocateNetwork(ctx: Ctx): Promise<NetworkInfo>

  /** Makes a port in the asking project's name: its quota and its networks apply. Inside a transaction it joins that. */
  createPort(ctx: Ctx, wish: NewPort): Promise<PortInfo>
  /** Takes an existing port for a device; 409 when it already has one, 404 when the project does not own it. */
  claimPort(ctx: Ctx, portId: string, device: DeviceOwner): Promise<PortInfo>
  findPort(ctx: Ctx, portId: string): Promise<PortInfo | undefined>
  /** Ports of many devices in one go, in order of their creation. */
  portsOf(ctx: Ctx, deviceIds: readonly string[]): Promise<readonly PortInfo[]>
  /** Ends the device's hold: a port made by `createPort` with `owned` is deleted, a claimed one is unbound. Repeating it is success. */
  releasePort(ctx: Ctx, portId: string): Promise<void>

  /** Engine work, called by the workload reconciler only: the port in the namespace as `ifname`, filters in force; the port becomes ACTIVE. */
  plugPort(
    ctx: Ctx,
    portId: string,
    place: { readonly netns: string; readonly ifname: string },
  ): Promise<void>
  /** The port becomes DOWN. */
  unplugPort(ctx: Ctx, portId: string): Promise<void>
  /** Of these ports the ones really plugged now. */
  pluggedPorts(ctx: Ctx, portIds: readonly string[]): Promise<readonly string[]>

  /**
   * From now on exactly these ports of the host lead to the port's guest, whatever its security groups say; an empty list closes
   * all. Answers them with what was chosen where none was asked for; 409 when one is taken. The engine follows soon after.
   */
  publishPorts(
    ctx: Ctx,
    portId: string,
    wishes: readonly PublishedPortWish[],
  ): Promise<readonly PublishedPort[]>

  /** Every connection to a network's metadata address. Set once by the compute service. */
  onMetadata(
    accept: (
      socket: Socket,
      from: { readonly networkId: string; readonly address: string },
    ) => void,
  ): void
  /** The port that has this address (or whose MAC makes this link-local one) in this network: who asks for metadata. */
  portAt(ctx: Ctx, networkId: string, address: string): Promise<PortInfo | undefined>

  /** For Nova's old proxies. Groups by id or, in the asking project, by name; 404 or 409 (name not unique). */
  resolveSecurityGroup(ctx: Ctx, idOrName: string): Promise<SecurityGroupInfo>
  /** The asking project's; without an asker those of all projects. */
  listSecurityGroups(ctx: Ctx): Promise<readonly SecurityGroupInfo[]>
  createSecurityGroup(
    ctx: Ctx,
    wish: { readonly name: string; readonly description: string },
  ): Promise<SecurityGroupInfo>
  updateSecurityGroup(
    ctx: Ctx,
    id: string,
    change: { readonly name: string; readonly description: string },
  ): Promise<SecurityGroupInfo>
  deleteSecurityGroup(ctx: Ctx, id: string): Promise<void>
  createSecurityGroupRule(ctx: Ctx, wish: NewRule): Promise<RuleInfo>
  deleteSecurityGroupRule(ctx: Ctx, id: string): Promise<void>
  setPortSecurityGroups(ctx: Ctx, portId: string, groupIds: readonly string[]): Promise<void>

  listFloatingIps(ctx: Ctx): Promise<readonly FloatingIpInfo[]>
  createFloatingIp(ctx: Ctx, poolNameOrId: string | undefined): Promise<FloatingIpInfo>
  deleteFloatingIp(ctx: Ctx, id: string): Promise<void>
  associateFloatingIp(
    ctx: Ctx,
    id: string,
    portId: string | null,
    fixedAddress?: string,
  ): Promise<void>
}

export type { PublishedPort, PublishedPortWish }

export interface NetworkInfo {
  readonly id: string
  readonly name: string
  readonly projectId: string
  readonly shared: boolean
  readonly external: boolean
  readonly mtu: number
  readonly portSecurity: boolean
  /** Has at least one subnet: a server can get an address in it. */
  readonly subnetIds: readonly string[]
  /** ISO 8601 */
  readonly createdAt: string
}

export interface DeviceOwner {
  readonly deviceId: string
  /** e.g. `compute:nova` */
  readonly deviceOwner: string
  /** What the network's resolver calls it; a claimed port loses it when it is released. */
  readonly dnsName?: string
}

export interface NewPort extends DeviceOwner {
  readonly networkId: string
  readonly name: string
  /** Addresses of the network's subnets; they are chosen when undefined. */
  readonly fixedIps?: readonly string[]
  /** The project's `default` group when undefined. */
  readonly securityGroupIds?: readonly string[]
  /** Deleted by `releasePort`. */
  readonly owned: boolean
}

export interface PortInfo {
  readonly id: string
  readonly name: string
  readonly networkId: string
  readonly networkName: string
  readonly projectId: string
  readonly deviceId: string
  readonly mac: string
  readonly mtu: number
  /** Its own name in the network's resolver, '' for none. */
  readonly dnsName: string
  /** In which the network's names are, without the dot at the end. */
  readonly dnsDomain: string
  readonly status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR'
  /** Goes when its device lets go of it. */
  readonly owned: boolean
  readonly fixedIps: readonly {
    readonly subnetId: string
    readonly address: string
    readonly version: 4 | 6
    readonly cidr: string
    readonly gateway: string | null
    /** Name servers of the subnet, or the network's own resolver; link-local ones answer on this port's link alone. */
    readonly dns: readonly string[]
  }[]
  readonly securityGroups: readonly { readonly id: string; readonly name: string }[]
  /** Floating addresses that lead here, each with the fixed one it maps to. */
  readonly floatingIps: readonly { readonly floating: string; readonly fixed: string }[]
}

export interface SecurityGroupInfo {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly projectId: string
  readonly rules: readonly RuleInfo[]
}

export interface RuleInfo {
  readonly id: string
  readonly groupId: string
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly portMin: number | null
  readonly portMax: number | null
  readonly remoteCidr: string | null
  readonly remoteGroupId: string | null
}

export type NewRule = Omit<RuleInfo, 'id'>

export interface FloatingIpInfo {
  readonly id: string
  readonly address: string
  readonly networkId: string
  readonly networkName: string
  readonly portId: string | null
  readonly fixedAddress: string | null
  /** Device of the port. */
  readonly deviceId: string | null
}
