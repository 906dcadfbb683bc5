import { tryRun } from '../../kernel/exec/run.ts'
import type { MeterReading, RouterSpec } from '../../ports/network.ts'
import { canonical } from './addresses.ts'
import type { Externals } from './external.ts'
import {
  heldHostRoutes,
  hostRoutesDrift,
  wantedHostRoutes,
  writeHostRoutes,
} from './host-routes.ts'
import { linkFacts, routeFacts } from './link-facts.ts'
import {
  forgottenLabels,
  meteredLabels,
  meteringDrift,
  meteringRules,
  readMeters,
} from './metering.ts'
import { gatewayLeg, netnsPath, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { removeWithLinks, type Networks } from './network.ts'
import { rulesetFacts, tablesDrift, tablesText } from './nft-tables.ts'
import { parseTranslated, staleFlows } from './router-flows.ts'
import { helperDrift, helperRules, loadTranslators } from './router-helpers.ts'
import { LostLegs, RouterLegs } from './router-legs.ts'
import { limitsDrift, writeLimits } from './router-limits.ts'
import {
  planRouter,
  routerDrift,
  wantedLegs,
  type RouterPlan,
  type RouterSeen,
} from './router-plan.ts'
import { qosPlan } from './router-qos.ts'
import { routerTables } from './router-rules.ts'
import { cutFlows } from './segment.ts'

/** What was last written; forgotten when the host was found otherwise, so that all is written again. */
interface Remembered {
  readonly spec: RouterSpec
  /** That it has legs in. */
  readonly networks: ReadonlySet<string>
  readonly inode: number
  readonly rules: string
  readonly helpers: string
  readonly metering: string
  readonly limits: string
}

/** A router: a namespace with a leg in every network it joins and, with a gateway, one in the external network. */
export class Routers {
  readonly #known = new Map<string, Remembered>()
  readonly #namespaces: Namespaces
  readonly #names: Names
  readonly #legs: RouterLegs

  constructor(namespaces: Namespaces, names: Names, networks: Networks, externals: Externals) {
    this.#namespaces = namespaces
    this.#names = names
    this.#legs = new RouterLegs(namespaces, names, networks, externals)
  }

  async ensure(spec: RouterSpec): Promise<void> {
    try {
      await this.#ensure(spec)
    } catch (cause) {
      if (!(cause instanceof LostLegs)) throw cause
      await this.#ensure(spec)
    }
  }

  /** The network has been made anew: whatever routers had in it is gone, though it may not look so from their side. */
  doubt(networkId: string): void {
    for (const [id, known] of this.#known) if (known.networks.has(networkId)) this.#known.delete(id)
  }

  async #ensure(spec: RouterSpec): Promise<void> {
    const netns = this.#names.router(spec.id)
    const wish = wishOf(spec)
    const legs = wantedLegs(spec)
    const mtus = await this.#legs.mtus(legs) // first, because it says which network is missing
    const made = (await this.#namespaces.add(netns, spec.id)) === 'made'
    const inode = this.#namespaces.inode(netns) ?? 0
    const known = this.#known.get(spec.id)
    const before = known?.inode === inode ? known : undefined
    if (before === undefined) await this.#namespaces.settings(netns, routerSettings)
    const [seen, ruled] = await Promise.all([
      made ? { links: [], routes: [] } : this.#look(netns),
      before?.rules === wish.rules && this.#hasRules(netns),
    ])
    const plan = planRouter(spec, seen)
    // Rules before links: a flow that began untranslated would stay so.
    if (!ruled) await this.#writeRules(netns, wish.rules)
    await this.#legs.apply(netns, plan, mtus)
    await this.#namespaces.ip(netns, plan.lines, /No such process/)
    // After our own ends are up: a bridge takes a port into service at once only if it has a carrier when it comes up.
    await this.#legs.tie(netns, before === undefined ? legs : plan.addLegs, mtus)
    await this.#legs.settled(netns, plan.addLegs)
    await this.#namespaces.ip(netns, announceLines(spec, plan))
    await this.#writeRest(netns, spec, seen, before, made)
    if (!made && (!ruled || plan.removeLegs.length > 0)) await this.#cutStale(netns, spec)
    const networks = new Set(legs.map((leg) => leg.in.id))
    this.#known.set(spec.id, { spec, inode, networks, ...wish })
  }

  /** The network in which the router has a leg with this address. */
  networkAt(routerId: string, address: string): string | undefined {
    const legs = this.#known.get(routerId)?.spec.interfaces ?? []
    return legs.find((leg) => leg.addresses.some((each) => each.address === address))?.networkId
  }

  async remove(id: string): Promise<void> {
    this.#known.delete(id)
    const netns = this.#names.router(id)
    if (this.#namespaces.inode(netns) !== undefined) {
      const { links } = await this.#look(netns)
      await writeHostRoutes(undefined, heldHostRoutes(this.#names, id, links))
    }
    await removeWithLinks(this.#namespaces, netns)
  }

  /** What differs from the wish. Whatever it is, the next ensure takes nothing for granted. */
  async inspect(spec: RouterSpec): Promise<readonly string[]> {
    const found = await this.#drift(spec)
    if (found.length > 0) this.#known.delete(spec.id)
    return found
  }

  async readMeters(id: string): Promise<readonly MeterReading[]> {
    return await readMeters(this.#namespaces, this.#names.router(id))
  }

  async #drift(spec: RouterSpec): Promise<string[]> {
    const netns = this.#names.router(spec.id)
    if (this.#namespaces.inode(netns) === undefined) return ['its namespace is gone']
    const [seen, ruleset] = await Promise.all([
      this.#look(netns),
      this.#namespaces.inside(netnsPath(netns), 'nft', ['-j', 'list', 'ruleset']),
    ])
    const facts = rulesetFacts(JSON.parse(ruleset))
    return [
      ...routerDrift(spec, seen),
      ...tablesDrift(routerTables(spec), facts),
      ...meteringDrift(spec, facts),
      ...helperDrift(spec, facts),
      ...(await limitsDrift(netns, spec, seen.links)),
      ...(await hostRoutesDrift(wantedHostRoutes(this.#names, spec))),
      ...(await this.#legs.drift(wantedLegs(spec), seen.links)),
    ]
  }

  async #look(netns: string): Promise<RouterSeen> {
    const [links, routes] = await this.#namespaces.showMany(netns, [
      'addr show',
      'route show table all',
    ])
    return {
      links: linkFacts(links ?? []),
      routes: routeFacts(routes ?? []).filter(
        ({ table }) => table === undefined || table === 'main',
      ),
    }
  }

  async #hasRules(netns: string): Promise<boolean> {
    // Fails when a chain is gone; adds and takes away nothing.
    return await this.#namespaces
      .nft(
        netns,
        ['ip nat pre', 'ip nat post', 'ip6 nat post', 'inet guard forward'].map(
          (chain) => `add chain ${chain}`,
        ),
      )
      .then(
        () => true,
        () => false,
      )
  }

  async #writeRules(netns: string, rules: string): Promise<void> {
    await this.#namespaces.inside(netnsPath(netns), 'nft', ['-f', '-'], rules)
  }

  /** What few routers have: written when it changed, or when nobody knows what is there. */
  async #writeRest(
    netns: string,
    spec: RouterSpec,
    seen: RouterSeen,
    before: Remembered | undefined,
    made: boolean,
  ): Promise<void> {
    const wish = wishOf(spec)
    const bare = wishOf({ ...bareOf(spec), id: spec.id })
    const had = before ?? (made ? bare : undefined)
    if (had?.metering !== wish.metering) {
      await this.#writeRules(netns, wish.metering)
      const labels = await meteredLabels(this.#namespaces, netns)
      await this.#namespaces.nft(netns, forgottenLabels(labels, spec))
    }
    if (had?.helpers !== wish.helpers) {
      await loadTranslators(spec)
      await this.#writeRules(netns, wish.helpers)
    }
    const plan = planRouter(spec, seen)
    const anew = plan.addLegs.some(({ name }) => name === gatewayLeg(spec.id))
    if (had?.limits !== wish.limits || anew)
      await writeLimits(this.#namespaces, netns, spec, seen.links)
    await this.#writeNeighbours(netns, spec)
    await writeHostRoutes(
      wantedHostRoutes(this.#names, spec),
      heldHostRoutes(this.#names, spec.id, seen.links),
    )
  }

  /** The gateway answers neighbour solicitations for these guests. */
  async #writeNeighbours(netns: string, spec: RouterSpec): Promise<void> {
    if (spec.external === undefined) return
    const dev = gatewayLeg(spec.id)
    const wanted = (spec.ndpProxies ?? []).map(({ address }) => canonical(address))
    const seen = await this.#namespaces.show(netns, ['-6', 'neigh', 'show', 'proxy', 'dev', dev])
    const had = seen.flatMap((each) => {
      const { dst } = each as { readonly dst?: string } // what `ip -j neigh` prints
      return dst === undefined ? [] : [canonical(dst)]
    })
    if (wanted.length > 0)
      await this.#namespaces.settings(netns, [`net/ipv6/conf/${dev}/proxy_ndp=1`])
    await this.#namespaces.ip(netns, [
      ...had
        .filter((each) => !wanted.includes(each))
        .map((each) => `neigh del proxy ${each} dev ${dev}`),
      ...wanted
        .filter((each) => !had.includes(each))
        .map((each) => `neigh add proxy ${each} dev ${dev}`),
    ])
  }

  async #cutStale(netns: string, spec: RouterSpec): Promise<void> {
    const enter = [`--net=${netnsPath(netns)}`, 'conntrack']
    const listed = await Promise.all(
      ['ipv4', 'ipv6'].map((family) =>
        // Without the tool flows end when they end; the doctor says so.
        tryRun('nsenter', [...enter, '-L', '-f', family, '-o', 'extended']),
      ),
    )
    const flows = listed.flatMap(({ stdout }) =>
      stdout.split('\n').flatMap((line) => parseTranslated(line) ?? []),
    )
    const stale = staleFlows(flows, spec)
    if (stale.length > 0) await cutFlows(enter, stale)
  }
}

const bareOf = (spec: RouterSpec): RouterSpec => ({
  id: spec.id,
  adminUp: spec.adminUp,
  interfaces: [],
  floatingIps: [],
  routes: [],
})

const wishOf = (spec: RouterSpec): Omit<Remembered, 'inode' | 'networks' | 'spec'> => ({
  rules: tablesText(routerTables(spec)),
  helpers: helperRules(spec),
  metering: meteringRules(spec),
  limits: qosPlan(spec).lines.join('\n'),
})

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
  // Some hosts have IPv6 switched off for every new link.
  'net/ipv6/conf/all/disable_ipv6=0',
  'net/ipv6/conf/default/disable_ipv6=0',
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
