import { quietLink } from './addresses.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Externals } from './external.ts'
import { linkFacts, type LinkFact } from './link-facts.ts'
import { BRIDGE, EXT_BRIDGE, farIndex, LINK_GROUP, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import type { Networks } from './network.ts'
import { aliasOf, type Leg, type RouterPlan } from './router-plan.ts'

/** Far ends are not where they should be: their network lost its namespace's name. What was left of the legs has been removed. */
export class LostLegs extends Error {}

/** The legs of routers: veth pairs whose far ends hang on the bridges of networks and external networks. */
export class RouterLegs {
  readonly #namespaces: Namespaces
  readonly #names: Names
  readonly #networks: Networks
  readonly #externals: Externals

  constructor(namespaces: Namespaces, names: Names, networks: Networks, externals: Externals) {
    this.#namespaces = namespaces
    this.#names = names
    this.#networks = networks
    this.#externals = externals
  }

  /** By leg; throws when a network is not on this host. */
  async mtus(legs: readonly Leg[]): Promise<ReadonlyMap<string, number>> {
    const entries = legs.map(async (leg) => {
      if (leg.in.kind === 'network' && !this.#networks.has(leg.in.id)) {
        throw new Error(`network ${leg.in.id} is not on this host`)
      }
      const mtu =
        leg.in.kind === 'network' ? this.#networks.mtu(leg.in.id) : this.#externals.mtu(leg.in.id)
      return [leg.name, await mtu] as const
    })
    return new Map(await Promise.all(entries))
  }

  /** Takes away and makes, all still silent. */
  async apply(netns: string, plan: RouterPlan, mtus: ReadonlyMap<string, number>): Promise<void> {
    await Promise.all(plan.removeLegs.map((name) => this.#namespaces.removeLink(netns, name)))
    if (plan.addLegs.length > 0) await this.#namespaces.freshIp(netns)
    for (const leg of plan.addLegs) {
      const there = this.#whereabouts(leg)
      const mtu = mtus.get(leg.name) ?? 1500
      const line = `link add dev ${leg.name} index ${farIndex()} address ${leg.mac} mtu ${mtu} group ${LINK_GROUP} type veth peer name ${leg.peer} netns ${there.netns} mtu ${mtu}`
      await this.#namespaces.ip(netns, [line]).catch(async (cause: unknown) => {
        if (!(cause instanceof Error && cause.message.includes('File exists'))) throw cause
        // The other end of a leg of before, whose router is gone but not yet cleared away by the kernel.
        await this.#namespaces.removeLink(there.netns, leg.peer)
        await this.#namespaces.ip(netns, [line])
      })
      await this.#namespaces.ip(netns, [`link set dev ${leg.name} alias "${aliasOf(leg)}"`])
    }
  }

  /** The far ends on their bridges; also of legs made before this process began, which may have been left half-made. */
  async tie(netns: string, legs: readonly Leg[], mtus: ReadonlyMap<string, number>): Promise<void> {
    const lost: string[] = []
    for (const leg of legs) {
      const there = this.#whereabouts(leg)
      const mtu = mtus.get(leg.name) ?? 1500
      await this.#namespaces.ip(netns, [`link set dev ${leg.name} mtu ${mtu}`])
      const lines = quietLink(leg.peer, mtu, `group ${LINK_GROUP} master ${there.bridge} up`)
      await this.#namespaces.ip(there.netns, lines).catch((cause: unknown) => {
        if (!(cause instanceof Error && cause.message.includes('Cannot find device'))) throw cause
        lost.push(leg.name)
      })
    }
    if (lost.length === 0) return
    await Promise.all(lost.map((name) => this.#namespaces.removeLink(netns, name)))
    throw new LostLegs(`the far ends of ${lost.join(', ')} are gone`)
  }

  /** The kernel lets a new link speak a moment after its other end came up; what is said before is lost. */
  async settled(netns: string, legs: readonly Leg[]): Promise<void> {
    for (let looked = 0; legs.length > 0 && looked < 50; looked += 1) {
      const links = linkFacts(
        await this.#namespaces.show(netns, ['link', 'show', 'group', String(LINK_GROUP)]),
      )
      const silent = legs.filter(
        (leg) => !links.some((link) => link.ifname === leg.name && link.speaks),
      )
      if (silent.length === 0) return
      await sleep(10)
    }
  }

  /** In words what differs at the far ends of these legs, and in their MTU. */
  async drift(legs: readonly Leg[], seen: readonly LinkFact[]): Promise<string[]> {
    const places = Map.groupBy(legs, (leg) => this.#whereabouts(leg).netns)
    const found = [...places].map(async ([netns, own]) => {
      if (this.#namespaces.inode(netns) === undefined)
        return own.map((leg) => `${leg.in.kind} ${leg.in.id} is not on this host`)
      const mtus = await this.mtus(own)
      const links = linkFacts(
        await this.#namespaces.show(netns, ['link', 'show', 'group', String(LINK_GROUP)]),
      )
      return own.flatMap((leg) => {
        const near = seen.find((link) => link.ifname === leg.name)
        const far = links.find((link) => link.ifname === leg.peer)
        return farDrift(leg, near, far, this.#whereabouts(leg).bridge, mtus.get(leg.name))
      })
    })
    return (await Promise.all(found)).flat()
  }

  #whereabouts(leg: Leg): { netns: string; bridge: string } {
    return leg.in.kind === 'network'
      ? { netns: this.#names.network(leg.in.id), bridge: BRIDGE }
      : { netns: this.#names.external(leg.in.id), bridge: EXT_BRIDGE }
  }
}

function farDrift(
  leg: Leg,
  near: LinkFact | undefined,
  far: LinkFact | undefined,
  bridge: string,
  mtu: number | undefined,
): string[] {
  if (far === undefined) return [`the far end ${leg.peer} of ${leg.name} is gone`]
  return [
    ...(far.master === bridge
      ? []
      : [`the far end ${leg.peer} of ${leg.name} is not on ${bridge}`]),
    ...(far.up ? [] : [`the far end ${leg.peer} of ${leg.name} is down`]),
    ...(near === undefined || near.mtu === mtu ? [] : [`the MTU of ${leg.name} is ${near.mtu}`]),
  ]
}
