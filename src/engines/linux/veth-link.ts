import { closeSync, openSync } from 'node:fs'
import type { PortPlace, PortSpec } from '../../ports/network.ts'
import { checkedIfname, checkedMac, checkedMtu } from './addresses.ts'
import type { GuestSeen } from './guest.ts'
import { linkFacts, routeFacts, type LinkFact } from './link-facts.ts'
import { farIndex, LINK_GROUP, portLink } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import type { Segment } from './segment.ts'

/** How a port's two ends are made, recognised and taken away. */
export interface PortLink {
  /** False when an interface of either name is there already. */
  make(segment: Segment, port: PortSpec, at: PortPlace): Promise<boolean>
  /** The workload's end, if it is the other end of this port. */
  seen(segment: Segment, port: PortSpec, at: PortPlace): Promise<GuestSeen | undefined>
  /** Whatever there is of both ends; another's interface under the workload's name is left alone. */
  clear(segment: Segment, port: PortSpec, at: PortPlace): Promise<void>
}

/** The usual port: a veth pair whose one end is made straight inside the workload's namespace. */
export class VethLink implements PortLink {
  readonly #namespaces: Namespaces

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces
  }

  async make(segment: Segment, port: PortSpec, at: PortPlace): Promise<boolean> {
    const link = portLink(port.id)
    const mtu = checkedMtu(port.mtu)
    const line = (netns: string): string =>
      `link add dev ${link} index ${farIndex()} mtu ${mtu} group ${LINK_GROUP} type veth peer ` +
      `name ${checkedIfname(at.ifname)} netns ${netns} address ${checkedMac(port.mac)} mtu ${mtu}`
    return await seenByAll(
      at.netns,
      async (netns) => await isNew(this.#namespaces.ip(segment.netns, [line(netns)])),
    )
  }

  async seen(segment: Segment, port: PortSpec, at: PortPlace): Promise<GuestSeen | undefined> {
    const [ours, theirs] = await Promise.all([
      this.#namespaces.show(segment.netns, ['link', 'show', 'dev', portLink(port.id)]),
      this.#namespaces.showInside(at.netns, ['addr', 'show', 'dev', at.ifname]),
    ])
    const [near] = linkFacts(ours)
    const [far] = linkFacts(theirs)
    if (near === undefined || far === undefined || !areOnePair(near, far)) return undefined
    if (far.mac !== checkedMac(port.mac)) return undefined
    return await withRoutes(this.#namespaces, port, at, far)
  }

  async clear(segment: Segment, port: PortSpec, at: PortPlace): Promise<void> {
    await this.#namespaces.removeLink(segment.netns, portLink(port.id))
    await removeGuestEnd(this.#namespaces, port, at)
  }
}

const areOnePair = (near: LinkFact, far: LinkFact): boolean =>
  near.peerIndex === far.ifindex && far.peerIndex === near.ifindex

/**
 * An `ip` that runs already sees no file mounted since it began, unless the host shares its mounts: what is not in /proc anyway
 * it gets by this process's own open file.
 */
async function seenByAll<T>(netns: string, work: (path: string) => Promise<T>): Promise<T> {
  if (netns.startsWith('/proc/')) return await work(netns)
  const file = openSync(netns, 'r') // at once: what waits is behind the next program that is started
  try {
    return await work(`/proc/${process.pid}/fd/${file}`)
  } finally {
    closeSync(file)
  }
}

/** Making is tried first: that something is there already is told by the kernel. */
export async function isNew(making: Promise<unknown>): Promise<boolean> {
  try {
    await making
  } catch (cause) {
    // of a VLAN the kernel says it by the id, which may have another name
    if (cause instanceof Error && /File exists|device already exists/.test(cause.message))
      return false
    throw cause
  }
  return true
}

/** The other end may be in a namespace that has lost its name; the MAC tells that it was this port's. */
export async function removeGuestEnd(
  namespaces: Namespaces,
  port: PortSpec,
  at: PortPlace,
): Promise<void> {
  const [far] = linkFacts(await namespaces.showInside(at.netns, ['addr', 'show', 'dev', at.ifname]))
  if (far?.mac !== checkedMac(port.mac)) return
  await namespaces.removeLinkInside(at.netns, at.ifname)
}

export async function withRoutes(
  namespaces: Namespaces,
  port: PortSpec,
  at: PortPlace,
  far: LinkFact,
): Promise<GuestSeen> {
  const six = [...port.addresses.map((each) => each.address), ...far.addresses].some((each) =>
    each.includes(':'),
  )
  const families = six ? ['-4', '-6'] : ['-4']
  const routes = await Promise.all(
    families.map((family) =>
      namespaces.showInside(at.netns, [family, 'route', 'show', 'dev', at.ifname]),
    ),
  )
  return { link: far, routes: routeFacts(routes.flat()) }
}
