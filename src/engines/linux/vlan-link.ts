import type { PortPlace, PortSpec } from '../../ports/network.ts'
import { checkedIfname, checkedMac, checkedMtu } from './addresses.ts'
import type { GuestSeen } from './guest.ts'
import { linkFacts, type LinkFact } from './link-facts.ts'
import { farIndex, LINK_GROUP, netnsPath, portLink, type Names } from './names.ts'
import { inodeOf, type Namespaces } from './namespaces.ts'
import type { Segment } from './segment.ts'
import { isNew, removeGuestEnd, VethLink, withRoutes, type PortLink } from './veth-link.ts'

/**
 * A sub-port of a trunk: no pair of its own but a VLAN on both ends of its parent's. The bridge end lies on the parent's in
 * the parent's network and is made straight inside its own network's namespace; the kernel takes the tag off before the
 * parent's bridge sees the frame, not before the parent's limits. Both vanish with the parent's link. On a kernel that makes no
 * VLANs it has a pair of its own, named the same, so that the workload sees no difference; the parent's limits are not its own
 * then.
 */
export class VlanLink implements PortLink {
  readonly #namespaces: Namespaces
  readonly #names: Names
  readonly #veth: VethLink

  constructor(namespaces: Namespaces, names: Names) {
    this.#namespaces = namespaces
    this.#names = names
    this.#veth = new VethLink(namespaces)
  }

  async make(segment: Segment, port: PortSpec, at: PortPlace): Promise<boolean> {
    const { id, parent, parentNetns } = this.#trunkOf(port)
    if (!(await this.#parentIsThere(port)))
      throw new Error(`the trunk's parent port ${parent} is not plugged`)
    const vlan = (link: string, name: string, words: string): string =>
      `link add link ${link} name ${name} mtu ${checkedMtu(port.mtu)} ${words} type vlan id ${id}`
    // Each told to an `ip` of its own: one that stays would know what lies below by its number, which is another when that is
    // made anew.
    const tell = async (netns: string, line: string): Promise<boolean> =>
      await isNew(this.#namespaces.tell(netns, [], [line]))
    // The workload's end first: if that is all there is, it is half a port, and both are made anew.
    const name = checkedIfname(at.ifname)
    const far = vlan(parentIfname(name, id), name, `address ${checkedMac(port.mac)}`)
    const made = await tell(at.netns, far).catch(noVlans)
    if (made === undefined) return await this.#veth.make(segment, port, at)
    if (!made) return false
    const place = `index ${farIndex()} netns ${netnsPath(segment.netns)} group ${LINK_GROUP}`
    // Loose: whether it is up is told by its own wish, not by every change of its parent's.
    const near = `${vlan(portLink(parent), portLink(port.id), place)} loose_binding on`
    return await tell(netnsPath(parentNetns), near)
  }

  async seen(segment: Segment, port: PortSpec, at: PortPlace): Promise<GuestSeen | undefined> {
    const { id, parent, parentNetns } = this.#trunkOf(port)
    const [ours, theirs, below] = await Promise.all([
      this.#namespaces.show(segment.netns, ['-d', 'link', 'show', 'dev', portLink(port.id)]),
      this.#namespaces.showInside(at.netns, ['-d', 'addr', 'show', 'dev', at.ifname]),
      this.#namespaces.show(parentNetns, ['link', 'show', 'dev', portLink(parent)]),
    ])
    const [near] = linkFacts(ours)
    const [far] = linkFacts(theirs)
    const [under] = linkFacts(below)
    if (near?.vlan === undefined) return await this.#veth.seen(segment, port, at)
    if (near.vlan !== id || far?.vlan !== id || !lies(near, under)) return undefined
    if (far.mac !== checkedMac(port.mac)) return undefined
    return await withRoutes(this.#namespaces, port, at, far)
  }

  async clear(segment: Segment, port: PortSpec, at: PortPlace): Promise<void> {
    await this.#namespaces.removeLink(segment.netns, portLink(port.id))
    await removeGuestEnd(this.#namespaces, port, at)
  }

  async #parentIsThere(port: PortSpec): Promise<boolean> {
    const { parent, parentNetns } = this.#trunkOf(port)
    if (this.#namespaces.inode(parentNetns) === undefined) return false
    const found = await this.#namespaces.show(parentNetns, [
      'link',
      'show',
      'dev',
      portLink(parent),
    ])
    return linkFacts(found).length > 0
  }

  #trunkOf(port: PortSpec): { id: number; parent: string; parentNetns: string } {
    if (port.trunk === undefined) throw new Error(`port ${port.id} is not a sub-port`)
    const { vlan, parentPortId, parentNetworkId } = port.trunk
    if (!Number.isInteger(vlan) || vlan < 1 || vlan > 4094) throw new Error(`${vlan} is no VLAN id`)
    return { id: vlan, parent: parentPortId, parentNetns: this.#names.network(parentNetworkId) }
  }
}

/** In the network that is its own and its parent's it is told by name. */
const lies = (near: LinkFact, under: LinkFact | undefined): boolean =>
  near.lower === undefined ? near.peerIndex === under?.ifindex : near.lower === under?.ifname

/** The kernel does not know the kind (8021q is neither built in nor to be loaded). */
function noVlans(cause: unknown): undefined {
  if (!(cause instanceof Error && /Unknown device type|not supported/.test(cause.message)))
    throw cause
}

/** `eth0.100` lies on `eth0`. */
function parentIfname(ifname: string, vlan: number): string {
  const suffix = `.${vlan}`
  if (!ifname.endsWith(suffix))
    throw new Error(
      `a sub-port's interface is named after its parent's: '${ifname}' has no ${suffix}`,
    )
  return checkedIfname(ifname.slice(0, -suffix.length))
}

/** A sub-port's interface outlives its bridge end, whose peer it is not. */
export async function removeVlanEnd(namespaces: Namespaces, at: PortPlace): Promise<void> {
  if (!at.ifname.includes('.') || inodeOf(at.netns) === undefined) return
  const [far] = linkFacts(
    await namespaces.showInside(at.netns, ['-d', 'link', 'show', 'dev', checkedIfname(at.ifname)]),
  )
  if (far?.vlan === undefined) return
  await namespaces.removeLinkInside(at.netns, at.ifname)
}

/** Of a pair no end is there without the other; of a sub-port whose bridge end is a VLAN this looks for the workload's. */
export async function vlanEndIsGone(
  namespaces: Namespaces,
  near: LinkFact | undefined,
  at: PortPlace,
): Promise<boolean> {
  if (near?.vlan === undefined || inodeOf(at.netns) === undefined) return false
  const words = ['-d', 'link', 'show', 'dev', checkedIfname(at.ifname)]
  const [far] = linkFacts(await namespaces.showInside(at.netns, words))
  return far?.vlan !== near.vlan
}
