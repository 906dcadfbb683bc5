import { EventEmitter, on } from 'node:events'
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type {
  GuestServices,
  Lease,
  Lease6,
  LeaseAsker,
  LeaseAsker6,
  NameAnswer,
  NameQuestion,
} from '../../ports/guest-services.ts'
import type {
  Drift,
  ExternalSpec,
  MeterReading,
  NetworkPort,
  NetworkSpec,
  PluggedPort,
  PortPlace,
  PortSpec,
  RouterSpec,
  SecurityGroupSpec,
} from '../../ports/network.ts'
import type { FakeFailure } from './compute.ts'

/**
 * The network port in memory: what was wished for is kept and can be looked at, no packet moves. Knobs make it slow, let a
 * step fail, let a thing vanish behind the cloud's back.
 */
export type FakeNetworkStep = Exclude<
  keyof NetworkPort,
  | 'kind'
  | 'pluggedPorts'
  | 'busyHostPorts'
  | 'list'
  | 'losses'
  | 'close'
  | 'inspectNetwork'
  | 'inspectRouter'
  | 'inspectExternal'
  | 'readMeters'
>

export interface FakeSegment {
  readonly spec: NetworkSpec
  readonly ports: ReadonlyMap<string, { readonly spec: PortSpec; readonly at: PortPlace }>
  readonly groups: ReadonlyMap<string, SecurityGroupSpec>
}

export interface FakeNetwork extends NetworkPort {
  /** Every step takes this long. */
  delayMs: number
  /** How many more times a step fails, or for whom: the id of the network, router, port or group it is about. */
  readonly failOn: Map<FakeNetworkStep, FakeFailure>
  /** TCP ports that a program of the pretended host listens on. */
  readonly busyPorts: Set<number>
  /** The network, router, external network or port of this id is gone, as if somebody had removed it without being `noticed`. */
  vanish(id: string, how?: { readonly noticed: boolean }): void
  /** What inspecting this object finds, until its next ensure. */
  readonly drift: Map<string, readonly string[]>
  /** What the labels of a router have counted. */
  readonly meters: Map<string, readonly MeterReading[]>
  segment(networkId: string): FakeSegment | undefined
  router(id: string): RouterSpec | undefined
  external(networkId: string): ExternalSpec | undefined
  /** A workload calls the metadata address: the socket is handed to whoever serves the network. */
  callMetadata(networkId: string, address: string, socket: Socket): void
  /** The same by way of a router. */
  callMetadataThrough(routerId: string, networkId: string, address: string, socket: Socket): void
  /** A workload asks the network's resolver; throws when nobody serves the network. */
  ask(networkId: string, question: NameQuestion): Promise<NameAnswer>
  /** A workload asks for its address by DHCP. */
  askLease(networkId: string, asker: LeaseAsker): Promise<Lease | undefined>
  /** The same by DHCPv6. */
  askLease6(networkId: string, asker: LeaseAsker6): Promise<Lease6 | undefined>
  /** Are guests of this network or router served? */
  serves(id: string): boolean
}

interface Segment {
  spec: NetworkSpec
  readonly ports: Map<string, { readonly spec: PortSpec; readonly at: PortPlace }>
  readonly groups: Map<string, SecurityGroupSpec>
}

class Fake implements FakeNetwork {
  readonly kind = 'fake'
  delayMs = 0
  readonly failOn = new Map<FakeNetworkStep, FakeFailure>()
  readonly drift = new Map<string, readonly string[]>()
  readonly meters = new Map<string, readonly MeterReading[]>()
  readonly busyPorts = new Set<number>()
  readonly #segments = new Map<string, Segment>()
  readonly #routers = new Map<string, RouterSpec>()
  readonly #externals = new Map<string, ExternalSpec>()
  readonly #services = new Map<string, GuestServices>()
  readonly #lost = new EventEmitter()
  readonly #routerServices = new Map<string, Pick<GuestServices, 'metadata'>>()

  async ensureNetwork(spec: NetworkSpec): Promise<void> {
    await this.#step('ensureNetwork', spec.id)
    this.drift.delete(spec.id)
    const known = this.#segments.get(spec.id)
    if (known === undefined)
      this.#segments.set(spec.id, { spec, ports: new Map(), groups: new Map() })
    else known.spec = spec
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#step('removeNetwork', id)
    this.#segments.delete(id)
    this.#services.delete(id)
  }

  async ensureExternal(spec: ExternalSpec): Promise<void> {
    await this.#step('ensureExternal', spec.networkId)
    for (const { gateway } of spec.subnets) checkAddress(gateway)
    this.#externals.set(spec.networkId, spec)
    this.drift.delete(spec.networkId)
  }

  async removeExternal(networkId: string): Promise<void> {
    await this.#step('removeExternal', networkId)
    this.#externals.delete(networkId)
  }

  async ensureRouter(spec: RouterSpec): Promise<void> {
    await this.#step('ensureRouter', spec.id)
    for (const leg of spec.interfaces) this.#here(leg.networkId)
    if (spec.external !== undefined && !this.#externals.has(spec.external.networkId)) {
      throw new Error(`external network ${spec.external.networkId} is not on this host`)
    }
    this.#routers.set(spec.id, spec)
    this.drift.delete(spec.id)
  }

  async removeRouter(id: string): Promise<void> {
    await this.#step('removeRouter', id)
    this.#routers.delete(id)
    this.#routerServices.delete(id)
    this.meters.delete(id)
  }

  async inspectNetwork(
    spec: NetworkSpec,
    ports: readonly PluggedPort[],
  ): Promise<readonly Drift[]> {
    const segment = this.#segments.get(spec.id)
    const network = this.#found('network', spec.id, segment?.spec, spec)
    if (segment === undefined) return await Promise.resolve(network)
    const groups = new Map(
      ports.flatMap((port) => port.spec.securityGroups.map((group) => [group.id, group] as const)),
    )
    return [
      ...network,
      ...ports.flatMap((port) =>
        this.#found(
          'port',
          port.spec.id,
          withGroupIds(segment.ports.get(port.spec.id)?.spec),
          withGroupIds(port.spec) ?? {},
        ),
      ),
      ...[...groups.values()].flatMap((group) =>
        this.#found('group', group.id, segment.groups.get(group.id), group),
      ),
    ]
  }

  async inspectRouter(spec: RouterSpec): Promise<readonly Drift[]> {
    return await Promise.resolve(this.#found('router', spec.id, this.#routers.get(spec.id), spec))
  }

  async inspectExternal(spec: ExternalSpec): Promise<readonly Drift[]> {
    const held = this.#externals.get(spec.networkId)
    return await Promise.resolve(this.#found('external', spec.networkId, held, spec))
  }

  async readMeters(routerId: string): Promise<readonly MeterReading[]> {
    const counted = this.meters.get(routerId) ?? []
    const labels = this.#routers.get(routerId)?.metering ?? []
    return await Promise.resolve(
      labels.map(
        ({ labelId }) =>
          counted.find((each) => each.labelId === labelId) ?? { labelId, packets: 0, bytes: 0 },
      ),
    )
  }

  async plug(port: PortSpec, at: PortPlace): Promise<void> {
    await this.#step('plug', port.id)
    this.drift.delete(port.id)
    this.#place(port, at)
  }

  async updatePort(port: PortSpec, at: PortPlace): Promise<void> {
    await this.#step('updatePort', port.id)
    this.drift.delete(port.id)
    this.#place(port, at)
  }

  async unplug(portId: string, networkId: string): Promise<void> {
    await this.#step('unplug', portId)
    this.#segments.get(networkId)?.ports.delete(portId)
  }

  async pluggedPorts(networkId: string): Promise<readonly string[]> {
    return await Promise.resolve([...(this.#segments.get(networkId)?.ports.keys() ?? [])])
  }

  async ensureSecurityGroup(networkId: string, group: SecurityGroupSpec): Promise<void> {
    await this.#step('ensureSecurityGroup', group.id)
    this.drift.delete(group.id)
    this.#here(networkId).groups.set(group.id, group)
  }

  async removeSecurityGroup(networkId: string, groupId: string): Promise<void> {
    await this.#step('removeSecurityGroup', groupId)
    this.#segments.get(networkId)?.groups.delete(groupId)
  }

  async list(): ReturnType<NetworkPort['list']> {
    return await Promise.resolve({
      networks: [...this.#segments.keys()],
      routers: [...this.#routers.keys()],
      externals: [...this.#externals.keys()],
    })
  }

  async *losses(kind: Drift['kind'], signal: AbortSignal): AsyncGenerator<string> {
    if (signal.aborted) return
    try {
      for await (const [id] of on(this.#lost, kind, { signal })) yield String(id)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async busyHostPorts(): ReturnType<NetworkPort['busyHostPorts']> {
    const every = { protocol: 'tcp', hostAddress: '0.0.0.0' } as const
    return await Promise.resolve([...this.busyPorts].map((hostPort) => ({ ...every, hostPort })))
  }

  async serveGuests(networkId: string, services: GuestServices): Promise<void> {
    await this.#step('serveGuests', networkId)
    this.#here(networkId)
    if (!this.#services.has(networkId)) this.#services.set(networkId, services)
  }

  async serveRouterGuests(
    routerId: string,
    services: Pick<GuestServices, 'metadata'>,
  ): Promise<void> {
    await this.#step('serveRouterGuests', routerId)
    if (!this.#routers.has(routerId)) throw new Error(`router ${routerId} is not on this host`)
    if (!this.#routerServices.has(routerId)) this.#routerServices.set(routerId, services)
  }

  async close(): Promise<void> {
    this.#services.clear()
    this.#routerServices.clear()
    await Promise.resolve()
  }

  vanish(id: string, { noticed } = { noticed: false }): void {
    const held = { network: this.#segments, router: this.#routers, external: this.#externals }
    for (const [kind, map] of Object.entries(held))
      if (map.delete(id) && noticed) this.#lost.emit(kind, id)
    this.#services.delete(id)
    this.#routerServices.delete(id)
    for (const segment of this.#segments.values()) segment.ports.delete(id)
  }

  segment(networkId: string): FakeSegment | undefined {
    return this.#segments.get(networkId)
  }

  router(id: string): RouterSpec | undefined {
    return this.#routers.get(id)
  }

  external(networkId: string): ExternalSpec | undefined {
    return this.#externals.get(networkId)
  }

  callMetadata(networkId: string, address: string, socket: Socket): void {
    const services = this.#services.get(networkId)
    if (services === undefined) socket.destroy()
    else services.metadata(socket, { networkId, address })
  }

  callMetadataThrough(routerId: string, networkId: string, address: string, socket: Socket): void {
    const services = this.#routerServices.get(routerId)
    const leg = this.#routers.get(routerId)?.interfaces.some((each) => each.networkId === networkId)
    if (services === undefined || leg !== true) socket.destroy()
    else services.metadata(socket, { networkId, address })
  }

  async ask(networkId: string, question: NameQuestion): Promise<NameAnswer> {
    return await this.#served(networkId).resolve(networkId, question)
  }

  async askLease(networkId: string, asker: LeaseAsker): Promise<Lease | undefined> {
    return await this.#served(networkId).lease(networkId, asker)
  }

  async askLease6(networkId: string, asker: LeaseAsker6): Promise<Lease6 | undefined> {
    return await this.#served(networkId).lease6(networkId, asker)
  }

  serves(id: string): boolean {
    return this.#services.has(id) || this.#routerServices.has(id)
  }

  #served(networkId: string): GuestServices {
    const services = this.#services.get(networkId)
    if (services === undefined) throw new Error(`nobody serves the guests of network ${networkId}`)
    return services
  }

  /** What the knob says, and whether it is there at all and as it is wished. */
  #found(kind: Drift['kind'], id: string, held: object | undefined, wanted: object): Drift[] {
    const whats = [
      ...(held === undefined ? ['it is not on this host'] : []),
      ...(held === undefined || isDeepStrictEqual(held, wanted) ? [] : ['it has another wish']),
      ...(this.drift.get(id) ?? []),
    ]
    return whats.map((what) => ({ kind, id, what }))
  }

  #here(networkId: string): Segment {
    const segment = this.#segments.get(networkId)
    if (segment === undefined) throw new Error(`network ${networkId} is not on this host`)
    return segment
  }

  #place(port: PortSpec, at: PortPlace): void {
    const segment = this.#here(port.networkId)
    checkPort(port, at)
    const { trunk } = port
    if (trunk !== undefined && !this.#here(trunk.parentNetworkId).ports.has(trunk.parentPortId))
      throw new Error(`the trunk's parent port ${trunk.parentPortId} is not plugged`)
    const taken = [...segment.ports.values()].some(
      (other) =>
        other.spec.id !== port.id && other.at.netns === at.netns && other.at.ifname === at.ifname,
    )
    if (taken)
      throw new Error(
        `there is another interface ${at.ifname} in ${at.netns}, not of port ${port.id}`,
      )
    segment.ports.set(port.id, { spec: port, at })
    for (const group of port.securityGroups) segment.groups.set(group.id, group)
  }

  async #step(step: FakeNetworkStep, subject: string): Promise<void> {
    if (this.delayMs > 0) await sleep(this.delayMs)
    const failure = this.failOn.get(step)
    const fails =
      typeof failure === 'function' ? failure(subject) : failure !== undefined && failure > 0
    if (typeof failure === 'number') this.failOn.set(step, failure - 1)
    if (fails) throw new Error(`the fake engine was told to fail: ${step} of ${subject}`)
  }
}

/** Which groups a port is in is its own; what they hold is not. */
const withGroupIds = (spec: PortSpec | undefined): object | undefined =>
  spec === undefined
    ? undefined
    : { ...spec, securityGroups: spec.securityGroups.map((group) => group.id) }

/** The same words that a real engine would refuse. */
function checkPort(port: PortSpec, at: PortPlace): void {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(port.mac))
    throw new Error(`'${port.mac}' is not a MAC address`)
  for (const { address } of port.addresses) checkAddress(address)
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/.test(at.ifname))
    throw new Error(`'${at.ifname}' is not an interface name`)
}

function checkAddress(address: string): void {
  if (isIP(address) === 0) throw new Error(`'${address}' is not an IP address`)
}

export function createFakeNetwork(): FakeNetwork {
  return new Fake()
}
