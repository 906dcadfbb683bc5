import type { GuestServices } from '../../ports/guest-services.ts'
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
import { Externals } from './external.ts'
import { busyHostPorts } from './host-ports.ts'
import { GuestDesk } from './guests/desk.ts'
import { listHoldings, type KnownIds } from './listing.ts'
import type { NetworkLog } from './log.ts'
import { losses } from './losses.ts'
import { isNetnsKind, namesOf, short, type Names, type NetnsKind } from './names.ts'
import { Namespaces } from './namespaces.ts'
import { NetworkInspection } from './network-inspection.ts'
import { Networks } from './network.ts'
import { noteHome } from './orphans.ts'
import { Ports } from './port.ts'
import { Published } from './published.ts'
import { Routers } from './router.ts'
import { Serial } from './serial.ts'

export interface LinuxNetworkConfig {
  /** The cloud's tag: four hex digits that everything on the host carries. */
  readonly cloud: string
  /** Its data folder, noted on the host so that what a lost cloud left can be told from what a stopped one has. */
  readonly data?: string
  readonly log: NetworkLog
}

/** The network port on bridges, namespaces and nftables of this host. Needs root. */
export function createLinuxNetwork(config: LinuxNetworkConfig): NetworkPort {
  return new LinuxNetwork(config)
}

/** Each call in its object's turn and its time in the log; the work is in the classes it hands it to. */
class LinuxNetwork implements NetworkPort {
  readonly kind = 'linux'
  readonly #names: Names
  readonly #log: NetworkLog
  readonly #namespaces = new Namespaces()
  readonly #networks: Networks
  readonly #externals: Externals
  readonly #routers: Routers
  readonly #ports: Ports
  readonly #published: Published
  readonly #inspection: NetworkInspection
  readonly #desk: GuestDesk
  readonly #serial = new Serial()
  readonly #ids: KnownIds = new Map()

  constructor(config: LinuxNetworkConfig) {
    if (config.data !== undefined) noteHome(config.cloud, config.data)
    this.#names = namesOf(config.cloud)
    this.#log = config.log
    this.#published = new Published(this.#namespaces, this.#names)
    this.#networks = new Networks(this.#namespaces, this.#names)
    this.#inspection = new NetworkInspection(this.#namespaces, this.#networks, this.#published)
    this.#externals = new Externals(this.#namespaces, this.#names)
    this.#routers = new Routers(this.#namespaces, this.#names, this.#networks, this.#externals)
    this.#ports = new Ports(this.#namespaces, this.#names, this.#networks, this.#published)
    this.#desk = new GuestDesk(this.#namespaces, this.#names, config.log, (router, address) =>
      this.#routers.networkAt(router, address),
    )
  }

  async ensureNetwork(spec: NetworkSpec): Promise<void> {
    await this.#turn('network', spec.id, 'ensure', async () => {
      if (!(await this.#networks.ensure(spec))) return
      this.#routers.doubt(spec.id)
      this.#desk.doubtNetwork(spec.id)
    })
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#leave('network', id, async () => {
      await this.#desk.leaveNetwork(id)
      await this.#published.closeNetwork(id)
      await this.#networks.remove(id)
    })
  }

  async ensureExternal(spec: ExternalSpec): Promise<void> {
    await this.#turn('external', spec.networkId, 'ensure', async () => {
      if (await this.#externals.ensure(spec)) this.#routers.doubt(spec.networkId)
    })
  }

  async removeExternal(networkId: string): Promise<void> {
    await this.#leave('external', networkId, () => this.#externals.remove(networkId))
  }

  async ensureRouter(spec: RouterSpec): Promise<void> {
    await this.#turn('router', spec.id, 'ensure', () => this.#routers.ensure(spec))
  }

  async removeRouter(id: string): Promise<void> {
    await this.#leave('router', id, async () => {
      await this.#desk.leaveRouter(id)
      await this.#routers.remove(id)
    })
  }

  async inspectNetwork(
    spec: NetworkSpec,
    ports: readonly PluggedPort[],
  ): Promise<readonly Drift[]> {
    return await this.#inspection.inspect(spec, ports, ({ kind, id }) =>
      this.#serial.isBusy(turnOf(kind, kind === 'group' ? `${spec.id} ${id}` : id)),
    )
  }

  async inspectRouter(spec: RouterSpec): Promise<readonly Drift[]> {
    return await this.#inspect('router', spec.id, () => this.#routers.inspect(spec))
  }

  async inspectExternal(spec: ExternalSpec): Promise<readonly Drift[]> {
    return await this.#inspect('external', spec.networkId, () => this.#externals.inspect(spec))
  }

  async readMeters(routerId: string): Promise<readonly MeterReading[]> {
    return await this.#routers.readMeters(routerId)
  }

  async plug(port: PortSpec, at: PortPlace): Promise<void> {
    await this.#turn('port', port.id, 'plug', () => this.#ports.plug(port, at))
  }

  /** Plugging compares with what is there, so it is also how a change is made. */
  async updatePort(port: PortSpec, at: PortPlace): Promise<void> {
    await this.#turn('port', port.id, 'update', () => this.#ports.plug(port, at))
  }

  async unplug(portId: string, networkId: string, at?: PortPlace): Promise<void> {
    await this.#turn('port', portId, 'unplug', () => this.#ports.unplug(portId, networkId, at))
  }

  async pluggedPorts(networkId: string): Promise<readonly string[]> {
    return await this.#ports.plugged(networkId)
  }

  async ensureSecurityGroup(networkId: string, group: SecurityGroupSpec): Promise<void> {
    await this.#turn('group', `${networkId} ${group.id}`, 'ensure', () =>
      this.#networks.segment(networkId).writeGroup(group),
    )
  }

  async removeSecurityGroup(networkId: string, groupId: string): Promise<void> {
    await this.#turn('group', `${networkId} ${groupId}`, 'remove', async () => {
      if (this.#networks.has(networkId))
        await this.#networks.segment(networkId).forgetGroup(groupId)
    })
  }

  async list(): ReturnType<NetworkPort['list']> {
    return await listHoldings(this.#namespaces, this.#names, this.#ids)
  }

  losses(kind: NetnsKind, signal: AbortSignal): AsyncIterable<string> {
    return losses(
      { namespaces: this.#namespaces, names: this.#names, known: this.#ids },
      kind,
      signal,
    )
  }

  async busyHostPorts(): ReturnType<NetworkPort['busyHostPorts']> {
    // those we hold ourselves are for published ports to find out about
    return (await busyHostPorts()).filter((each) => !this.#published.holdsHostPort(each))
  }

  async serveGuests(networkId: string, services: GuestServices): Promise<void> {
    await this.#turn('guests', networkId, 'serve', async () =>
      this.#desk.serveNetwork(networkId, services, await this.#networks.speaksIpv6(networkId)),
    )
  }

  async serveRouterGuests(
    routerId: string,
    services: Pick<GuestServices, 'metadata'>,
  ): Promise<void> {
    await this.#turn('guests of router', routerId, 'serve', () =>
      this.#desk.serveRouter(routerId, services),
    )
  }

  async close(): Promise<void> {
    await this.#desk.close()
    this.#published.close()
    await this.#namespaces.close()
  }

  /** In its object's turn: half-way through a change everything differs. */
  async #inspect(
    kind: Drift['kind'],
    id: string,
    look: () => Promise<readonly string[]>,
  ): Promise<readonly Drift[]> {
    const found = await this.#serial.run(turnOf(kind, id), look)
    return found.map((what) => ({ kind, id, what }))
  }

  /** One that was listed by its digits, by mistake or when its maker had been killed, stays if it is somebody's by now. */
  async #leave(kind: NetnsKind, id: string, work: () => Promise<void>): Promise<void> {
    await this.#turn(kind, id, 'remove', async () => {
      const name = this.#names[kind](id)
      const owner = this.#namespaces.ownerOf(name)
      if (owner !== undefined && owner !== id) return
      this.#ids.delete(name)
      await work()
    })
  }

  async #turn(kind: string, id: string, verb: string, work: () => Promise<void>): Promise<void> {
    const start = performance.now()
    await this.#serial.run(turnOf(kind, id), work)
    this.#log.debug({ id, ms: Math.round(performance.now() - start) }, `${verb} ${kind}`)
  }
}

/** What has a namespace may be called by its digits alone, see listing.ts. */
const turnOf = (kind: string, id: string): string => `${kind} ${isNetnsKind(kind) ? short(id) : id}`
