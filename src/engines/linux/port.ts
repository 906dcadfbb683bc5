import type { PortPlace, PortSpec } from '../../ports/network.ts'
import { checkedIfname, checkedMac, checkedMtu, checkedPath } from './addresses.ts'
import { guestLines, guestSettings, type GuestSeen } from './guest.ts'
import { linkFacts, routeFacts, type LinkFact } from './link-facts.ts'
import { BRIDGE, farIndex, LINK_GROUP, portLink } from './names.ts'
import { inodeOf, type Namespaces } from './namespaces.ts'
import type { Networks } from './network.ts'
import type { Segment } from './segment.ts'

/**
 * A port: a veth pair whose one end is made straight inside the workload's namespace and whose other end hangs on the
 * network's bridge. The bridge end comes up last, when the filters are in force, so no packet is ever unfiltered. Making is
 * tried first and comparing only when something is already there: the usual case costs one `ip`, one `nft` and one `nsenter`.
 */
export class Ports {
  readonly #namespaces: Namespaces
  readonly #networks: Networks

  constructor(namespaces: Namespaces, networks: Networks) {
    this.#namespaces = namespaces
    this.#networks = networks
  }

  async plug(port: PortSpec, at: PortPlace): Promise<void> {
    checkedPath(at.netns)
    const segment = this.#networks.segment(port.networkId)
    if (inodeOf(at.netns) === undefined)
      throw new Error(`there is no network namespace ${at.netns}`)
    const known = segment.ports.has(port.id)
    const filters = segment.writePort(port)
    const guest = this.#plugGuest(segment, port, at)
    // Both are waited for even if one fails: nothing may still be writing when the caller tries again.
    const [filtered, plugged] = await Promise.allSettled([filters, guest])
    if (filtered.status === 'rejected') throw filtered.reason
    if (plugged.status === 'rejected') throw plugged.reason
    const link = `link set dev ${portLink(port.id)}`
    await this.#namespaces.ip(segment.netns, [
      `${link} alias ${port.id}`,
      `${link} addrgenmode none`,
      `${link} mtu ${checkedMtu(port.mtu)} master ${BRIDGE}`,
      `${link} ${port.adminUp ? 'up' : 'down'}`,
    ])
    // A port of before this process began: what changed meanwhile may have left flows that are forbidden now.
    if (plugged.value === 'found' && !known) await segment.cutForbidden()
  }

  async unplug(portId: string, networkId: string): Promise<void> {
    if (!this.#networks.has(networkId)) return
    const segment = this.#networks.segment(networkId)
    await this.#namespaces.removeLink(segment.netns, portLink(portId))
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

  async #plugGuest(segment: Segment, port: PortSpec, at: PortPlace): Promise<'made' | 'found'> {
    if (await this.#makeLink(segment, port, at)) {
      await this.#applyGuest(port, at)
      return 'made'
    }
    const seen = await this.#seen(segment, port, at)
    if (seen !== undefined) {
      await this.#applyGuest(port, at, seen)
      return 'found'
    }
    // Half a port, or one in a namespace of before: out with it, and once more.
    await this.#namespaces.removeLink(segment.netns, portLink(port.id))
    await this.#removeGuestEnd(port, at)
    if (!(await this.#makeLink(segment, port, at))) {
      throw new Error(
        `there is another interface ${at.ifname} in ${at.netns}, not of port ${port.id}`,
      )
    }
    await this.#applyGuest(port, at)
    return 'made'
  }

  /** False when an interface of either name is there already. */
  async #makeLink(segment: Segment, port: PortSpec, at: PortPlace): Promise<boolean> {
    const link = portLink(port.id)
    const mtu = checkedMtu(port.mtu)
    const peer = `name ${checkedIfname(at.ifname)} netns ${at.netns} address ${checkedMac(port.mac)} mtu ${mtu}`
    try {
      await this.#namespaces.ip(segment.netns, [
        `link add dev ${link} index ${farIndex()} mtu ${mtu} group ${LINK_GROUP} type veth peer ${peer}`,
      ])
    } catch (cause) {
      if (cause instanceof Error && cause.message.includes('File exists')) return false
      throw cause
    }
    return true
  }

  /** Its other end may be in a namespace that has lost its name; the MAC tells that it was this port's. */
  async #removeGuestEnd(port: PortSpec, at: PortPlace): Promise<void> {
    const [far] = linkFacts(
      await this.#namespaces.showInside(at.netns, ['addr', 'show', 'dev', at.ifname]),
    )
    if (far?.mac !== checkedMac(port.mac)) return
    await this.#namespaces.inside(at.netns, 'ip', ['link', 'del', 'dev', at.ifname])
  }

  /** The workload's end, if it is the other end of this port's link. */
  async #seen(segment: Segment, port: PortSpec, at: PortPlace): Promise<GuestSeen | undefined> {
    const [ours, theirs] = await Promise.all([
      this.#namespaces.show(segment.netns, ['link', 'show', 'dev', portLink(port.id)]),
      this.#namespaces.showInside(at.netns, ['addr', 'show', 'dev', at.ifname]),
    ])
    const [near] = linkFacts(ours)
    const [far] = linkFacts(theirs)
    if (near === undefined || far === undefined || !areOnePair(near, far)) return undefined
    if (far.mac !== checkedMac(port.mac)) return undefined
    const six = [...port.addresses.map((each) => each.address), ...far.addresses].some((each) =>
      each.includes(':'),
    )
    const families = six ? ['-4', '-6'] : ['-4']
    const routes = await Promise.all(
      families.map((family) =>
        this.#namespaces.showInside(at.netns, [family, 'route', 'show', 'dev', at.ifname]),
      ),
    )
    return { link: far, routes: routeFacts(routes.flat()) }
  }

  async #applyGuest(port: PortSpec, at: PortPlace, seen?: GuestSeen): Promise<void> {
    const settings = guestSettings(port, checkedIfname(at.ifname))
    if (settings.length > 0) await this.#namespaces.sysctl(at.netns, settings)
    const lines = guestLines(port, at, seen)
    if (lines.length > 0) {
      await this.#namespaces.inside(at.netns, 'ip', ['-batch', '-'], `${lines.join('\n')}\n`)
    }
  }
}

const areOnePair = (near: LinkFact, far: LinkFact): boolean =>
  near.peerIndex === far.ifindex && far.peerIndex === near.ifindex
