import { setTimeout as sleep } from 'node:timers/promises'
import { tryRun } from '../../kernel/exec/run.ts'
import type { MeterReading, RouterSpec } from '../../ports/network.ts'
import { familyOf } from './addresses.ts'
import type { Externals } from './external.ts'
import { linkFacts, routeFacts } from './link-facts.ts'
import { BRIDGE, EXT_BRIDGE, farIndex, LINK_GROUP, netnsPath, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { readMeters } from './metering.ts'
import { removeWithLinks, type Networks } from './network.ts'
import {
  aliasOf,
  planRouter,
  wantedLegs,
  type Leg,
  type RouterPlan,
  type RouterSeen,
} from './router-plan.ts'
import { routerRules } from './router-rules.ts'

interface Remembered {
  readonly inode: number
  readonly rules: string
  readonly spec: RouterSpec
}

/** A router: a namespace with a leg in every network it joins and, with a gateway, one in the external network. */
export class Routers {
  readonly #known = new Map<string, Remembered>()
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

  async ensure(spec: RouterSpec): Promise<void> {
    const netns = this.#names.router(spec.id)
    const rules = routerRules(spec)
    const mtus = await this.#mtus(wantedLegs(spec)) // first, because it says which network is missing
    const made = await this.#namespaces.add(netns, spec.id)
    const inode = this.#namespaces.inode(netns) ?? 0
    const known = this.#known.get(spec.id)
    const before = known?.inode === inode ? known : undefined
    if (before === undefined) await this.#namespaces.sysctl(netnsPath(netns), routerSettings)
    const [seen, hasRules] = await Promise.all([
      made ? { links: [], routes: [] } : this.#seen(netns, speaksIpv6(spec)),
      before?.rules === rules && this.#hasRules(netns),
    ])
    const plan = planRouter(spec, seen)
    // Rules before links: a flow that began untranslated would stay so.
    if (!hasRules) await this.#writeRules(netns, rules)
    await this.#applyLinks(netns, plan, mtus)
    await this.#namespaces.ip(netns, plan.lines, /No such process/)
    // After our own ends are up: a bridge takes a port into service at once only if it has a carrier when it comes up.
    await this.#tieLegs(netns, before === undefined ? wantedLegs(spec) : plan.addLegs, mtus)
    await this.#settled(netns, plan.addLegs)
    await this.#namespaces.ip(netns, announceLines(spec, plan))
    this.#known.set(spec.id, { inode, rules, spec })
    await this.#cutFlows(netns, plan, before?.spec, spec)
  }

  async remove(id: string): Promise<void> {
    this.#known.delete(id)
    await removeWithLinks(this.#namespaces, this.#names.router(id))
  }

  /** What differs from the wish. */
  async inspect(spec: RouterSpec): Promise<readonly string[]> {
    const netns = this.#names.router(spec.id)
    if (this.#namespaces.inode(netns) === undefined) return ['its namespace is gone']
    const plan = planRouter(spec, await this.#seen(netns, speaksIpv6(spec)))
    return [
      ...plan.removeLegs.map((name) => `the leg ${name} is not wanted or leads elsewhere`),
      ...plan.addLegs.map(({ name }) => `the leg ${name} is not there`),
      ...((await this.#hasRules(netns)) ? [] : ['its rules are gone']),
    ]
  }

  async readMeters(id: string): Promise<readonly MeterReading[]> {
    return await readMeters(this.#namespaces, this.#names.router(id))
  }

  async #seen(netns: string, six: boolean): Promise<RouterSeen> {
    const [links, ...routes] = await Promise.all([
      this.#namespaces.show(netns, ['addr', 'show']),
      this.#namespaces.show(netns, ['-4', 'route', 'show']),
      ...(six ? [this.#namespaces.show(netns, ['-6', 'route', 'show'])] : []),
    ])
    return { links: linkFacts(links), routes: routeFacts(routes.flat()) }
  }

  async #mtus(legs: readonly Leg[]): Promise<ReadonlyMap<string, number>> {
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

  async #applyLinks(
    netns: string,
    plan: RouterPlan,
    mtus: ReadonlyMap<string, number>,
  ): Promise<void> {
    await Promise.all(plan.removeLegs.map((name) => this.#namespaces.removeLink(netns, name)))
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
  async #tieLegs(
    netns: string,
    legs: readonly Leg[],
    mtus: ReadonlyMap<string, number>,
  ): Promise<void> {
    for (const leg of legs) {
      const there = this.#whereabouts(leg)
      const mtu = mtus.get(leg.name) ?? 1500
      await this.#namespaces.ip(netns, [`link set dev ${leg.name} mtu ${mtu}`])
      await this.#namespaces.ip(there.netns, [
        `link set dev ${leg.peer} addrgenmode none mtu ${mtu} group ${LINK_GROUP} master ${there.bridge} up`,
      ])
    }
  }

  /** The kernel lets a new link speak a moment after its other end came up; what is said before is lost. */
  async #settled(netns: string, legs: readonly Leg[]): Promise<void> {
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

  #whereabouts(leg: Leg): { netns: string; bridge: string } {
    return leg.in.kind === 'network'
      ? { netns: this.#names.network(leg.in.id), bridge: BRIDGE }
      : { netns: this.#names.external(leg.in.id), bridge: EXT_BRIDGE }
  }

  async #hasRules(netns: string): Promise<boolean> {
    // Fails when the chain is gone; adds and takes away nothing.
    return await this.#namespaces
      .nft(netns, ['add chain ip nat pre', 'add chain ip nat post'])
      .then(
        () => true,
        () => false,
      )
  }

  async #writeRules(netns: string, rules: string): Promise<void> {
    await this.#namespaces.inside(netnsPath(netns), 'nft', ['-f', '-'], rules)
  }

  /** Translations outlive their rule in conntrack: flows of an address that was given up or moved are cut. */
  async #cutFlows(
    netns: string,
    plan: RouterPlan,
    before: RouterSpec | undefined,
    now: RouterSpec,
  ): Promise<void> {
    const moved = before?.floatingIps.filter(
      (old) =>
        !now.floatingIps.some((each) => each.floating === old.floating && each.fixed === old.fixed),
    )
    const lost = new Set([
      ...plan.lostOutside,
      ...(moved ?? []).flatMap((each) => [each.floating, each.fixed]),
    ])
    const cut = async (option: string, address: string): Promise<unknown> =>
      await tryRun('nsenter', [
        `--net=${netnsPath(netns)}`,
        'conntrack',
        '-D',
        '-f',
        familyOf(address) === 4 ? 'ipv4' : 'ipv6',
        option,
        address,
      ])
    for (const address of lost)
      await Promise.all(
        ['--orig-dst', '--orig-src', '--reply-dst'].map((option) => cut(option, address)),
      )
  }
}

const speaksIpv6 = (spec: RouterSpec): boolean =>
  [
    ...wantedLegs(spec).flatMap((leg) => leg.addresses),
    ...spec.routes.map((route) => route.nexthop),
  ].some((each) => each.includes(':'))

/**
 * Whoever asked in vain for a new leg's addresses, or spoke with another router under them, must learn who has them now.
 * The kernel tells all neighbours (gratuitous ARP, by `arp_notify`) when a link is given a MAC, even the one it has.
 */
function announceLines(spec: RouterSpec, plan: RouterPlan): string[] {
  const fresh = new Set(plan.addLegs.map((leg) => leg.name))
  return wantedLegs(spec)
    .filter(
      (leg) => fresh.has(leg.name) || (leg.in.kind === 'external' && plan.newOutside.length > 0),
    )
    .map((leg) => `link set dev ${leg.name} address ${leg.mac}`)
}

const routerSettings = [
  'net/ipv4/ip_forward=1',
  'net/ipv6/conf/all/forwarding=1',
  'net/ipv6/conf/default/accept_dad=0',
  'net/ipv6/conf/default/accept_ra=0',
  'net/ipv4/conf/all/rp_filter=0',
  'net/ipv4/conf/default/rp_filter=0',
  // Two legs may be in one network: each answers for its own addresses only, and never says «go there directly».
  'net/ipv4/conf/all/arp_ignore=1',
  'net/ipv4/conf/all/arp_announce=2',
  'net/ipv4/conf/all/send_redirects=0',
  'net/ipv4/conf/default/send_redirects=0',
  'net/ipv4/conf/default/arp_notify=1',
  'net/ipv6/conf/default/ndisc_notify=1',
]
