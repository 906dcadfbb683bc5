import type { PortPlace, PortSpec } from '../../ports/network.ts'
import { checkedIfname, checkedPath, quietLink } from './addresses.ts'
import { handOver } from './handed-over-link.ts'
import { guestLines, guestSettings, type GuestSeen } from './guest.ts'
import { linkFacts } from './link-facts.ts'
import { BRIDGE, portLink, type Names } from './names.ts'
import { inodeOf, type Namespaces } from './namespaces.ts'
import type { Networks } from './network.ts'
import type { Published } from './published.ts'
import type { Segment } from './segment.ts'
import { shape, unshape } from './shaping.ts'
import { VethLink, type PortLink } from './veth-link.ts'
import { removeVlanEnd, VlanLink } from './vlan-link.ts'

/** A port with both its ends. */
interface LinkedGuest {
  readonly isNew: boolean
  /** Addresses, routes and settings of the guest's end. */
  setUp(): Promise<void>
}

/**
 * A port: one end inside the workload's namespace, the other on the network's bridge. The bridge end comes up last, when the
 * filters are in force, so no packet is ever unfiltered. Making is tried first and comparing only when something is already
 * there: the usual case is told to programs that run already.
 */
export class Ports {
  readonly #namespaces: Namespaces
  readonly #networks: Networks
  readonly #published: Published
  readonly #veth: PortLink
  readonly #vlan: PortLink

  constructor(namespaces: Namespaces, names: Names, networks: Networks, published: Published) {
    this.#namespaces = namespaces
    this.#networks = networks
    this.#published = published
    this.#veth = new VethLink(namespaces)
    this.#vlan = new VlanLink(namespaces, names)
  }

  async plug(wish: PortSpec, at: PortPlace): Promise<void> {
    checkedPath(at.netns)
    const segment = this.#networks.segment(wish.networkId)
    if (at.handedOver !== true && inodeOf(at.netns) === undefined)
      throw new Error(`there is no network namespace ${at.netns}`)
    const port = await this.#fitted(wish)
    const known = segment.ports.has(port.id)
    // The link before all else: made beside the filters it takes three times as long. It is on no bridge yet.
    const guest = await this.#linkGuest(segment, port, at)
    // Both are waited for even if one fails: nothing may still be writing when the caller tries again.
    const [filtered, set] = await Promise.allSettled([segment.writePort(port), guest.setUp()])
    if (filtered.status === 'rejected') throw filtered.reason
    if (set.status === 'rejected') throw set.reason
    await shape(segment, port, guest.isNew)
    const link = portLink(port.id)
    await this.#namespaces.ip(segment.netns, [
      ...quietLink(link, port.mtu, `alias ${port.id} master ${BRIDGE}`),
      `link set dev ${link} ${port.adminUp ? 'up' : 'down'}`,
    ])
    await this.#published.ensure(segment, port)
    // A port of before this process began: what changed meanwhile may have left flows that are forbidden now.
    if (!guest.isNew && !known) await segment.cutForbidden()
  }

  /** `at` is where it was plugged, if anybody knows: a sub-port's interface there does not go by itself. */
  async unplug(portId: string, networkId: string, at?: PortPlace): Promise<void> {
    if (at !== undefined) await removeVlanEnd(this.#namespaces, at)
    if (!this.#networks.has(networkId)) return
    const segment = this.#networks.segment(networkId)
    await this.#published.withdraw(segment, portId)
    await this.#namespaces.removeLink(segment.netns, portLink(portId))
    await unshape(segment, portId)
    await segment.forgetPort(portId)
  }

  async plugged(networkId: string): Promise<string[]> {
    if (!this.#networks.has(networkId)) return []
    const { netns } = this.#networks.segment(networkId)
    const links = linkFacts(await this.#namespaces.show(netns, ['link', 'show', 'master', BRIDGE]))
    return links.flatMap((link) =>
      link.alias !== undefined && link.ifname === portLink(link.alias) ? link.alias : [],
    )
  }

  /** A sub-port's frames travel in its parent's, so they cannot be larger. */
  async #fitted(port: PortSpec): Promise<PortSpec> {
    if (port.trunk === undefined || !this.#networks.has(port.trunk.parentNetworkId)) return port
    return {
      ...port,
      mtu: Math.min(port.mtu, await this.#networks.mtu(port.trunk.parentNetworkId)),
    }
  }

  async #linkGuest(segment: Segment, port: PortSpec, at: PortPlace): Promise<LinkedGuest> {
    const link = port.trunk === undefined ? this.#veth : this.#vlan
    if (at.handedOver === true) {
      const isNew = (await handOver(this.#namespaces, link, segment, port, at)) === 'made'
      return { isNew, setUp: async () => await Promise.resolve() }
    }
    const seen = await this.#linked(segment, port, at, link)
    const settings = guestSettings(port, checkedIfname(at.ifname))
    const lines = guestLines(port, at, seen)
    return {
      isNew: seen === undefined,
      setUp: async () => await this.#namespaces.tell(at.netns, settings, lines),
    }
  }

  /** The link is there; answers how the guest's end looks when it was there before. */
  async #linked(
    segment: Segment,
    port: PortSpec,
    at: PortPlace,
    link: PortLink,
  ): Promise<GuestSeen | undefined> {
    if (await link.make(segment, port, at)) return undefined
    const seen = await link.seen(segment, port, at)
    if (seen !== undefined) return seen
    // Half a port, or one in a namespace of before: out with it, and once more.
    await link.clear(segment, port, at)
    if (await link.make(segment, port, at)) return undefined
    throw new Error(
      `there is another interface ${at.ifname} in ${at.netns}, not of port ${port.id}`,
    )
  }
}
