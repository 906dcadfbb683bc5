import { setTimeout as sleep } from 'node:timers/promises'
import { tryRun } from '../../kernel/exec/run.ts'
import type { Drift, NetworkSpec, PluggedPort, PortPlace, PortSpec } from '../../ports/network.ts'
import { baseCommands, METADATA_ADDRESS, SG } from './filters.ts'
import { linkFacts, routeFacts, type LinkFact } from './link-facts.ts'
import { BRIDGE, netnsPath, portLink, shaperLink } from './names.ts'
import { inodeOf, type Namespaces } from './namespaces.ts'
import type { Networks } from './network.ts'
import type { Published } from './published.ts'
import { INSIDE_TABLE } from './published-rules.ts'
import { filtersAmiss, portsIn, type WrittenPorts } from './port-filters.ts'
import { parseRuleset, rulesAmiss, type Ruleset } from './ruleset.ts'
import type { Segment } from './segment.ts'
import { vlanEndIsGone } from './vlan-link.ts'

interface Seen {
  readonly links: ReadonlyMap<string, LinkFact>
  /** Of the bridge. */
  readonly addresses: readonly string[]
  readonly hasRoute: boolean
  readonly rules: Ruleset
  readonly ports: WrittenPorts
}

/** Until what looked amiss is looked at once more: something may have been under way. */
const AGAIN_MS = 100

/**
 * Compares a network with its wish: one `ip` and one `nft` for all of it. Rules are counted rather than read: nft spells them
 * otherwise than they were written, and who tampers with them takes them away.
 */
export class NetworkInspection {
  readonly #namespaces: Namespaces
  readonly #networks: Networks
  readonly #published: Published

  constructor(namespaces: Namespaces, networks: Networks, published: Published) {
    this.#namespaces = namespaces
    this.#networks = networks
    this.#published = published
  }

  /** `isBusy` tells what is being changed at this moment. */
  async inspect(
    spec: NetworkSpec,
    ports: readonly PluggedPort[],
    isBusy: (drift: Drift) => boolean,
  ): Promise<readonly Drift[]> {
    const first = (await this.#look(spec, ports)).filter((drift) => !isBusy(drift))
    if (first.length === 0) return []
    await sleep(AGAIN_MS)
    const second = (await this.#look(spec, ports)).filter((drift) => !isBusy(drift))
    const found = second.filter((now) =>
      first.some((before) => before.kind === now.kind && before.id === now.id),
    )
    if (this.#networks.has(spec.id)) this.#networks.segment(spec.id).doubt(found)
    return found
  }

  async #look(spec: NetworkSpec, ports: readonly PluggedPort[]): Promise<Drift[]> {
    if (!this.#networks.has(spec.id))
      return [{ kind: 'network', id: spec.id, what: 'its namespace is gone' }]
    const segment = this.#networks.segment(spec.id)
    const seen = await this.#seen(segment.netns)
    // what was written last counts: a wish that has changed since is on its way
    const mine = ports
      .filter((port) => seen.links.has(portLink(port.spec.id)) || isAnywhere(port))
      .map(({ spec: port, at }) => ({ spec: segment.ports.get(port.id) ?? port, at }))
    const found = mine.map(async ({ spec: port, at }) => {
      const what =
        portAmiss(port, segment, seen) ??
        (await this.#farEndAmiss(port, at, seen)) ??
        (await this.#publishedAmiss(port, seen))
      return what === undefined ? [] : [{ kind: 'port' as const, id: port.id, what }]
    })
    return [
      ...networkAmiss(spec, seen, segment.based || ports.length > 0).map((what) => ({
        kind: 'network' as const,
        id: spec.id,
        what,
      })),
      ...(await Promise.all(found)).flat(),
      ...groupsAmiss(
        mine.map((port) => port.spec),
        segment,
        seen.rules,
      ),
    ]
  }

  async #farEndAmiss(port: PortSpec, at: PortPlace, seen: Seen): Promise<string | undefined> {
    const near = seen.links.get(portLink(port.id))
    return (await vlanEndIsGone(this.#namespaces, near, at))
      ? 'its interface is gone from the workload'
      : undefined
  }

  async #publishedAmiss(port: PortSpec, seen: Seen): Promise<string | undefined> {
    return await this.#published.missing(port, seen.rules.chains.get(`${INSIDE_TABLE} ports`) ?? [])
  }

  /** The bridge with its addresses, default routes, links. */
  async #shown(netns: string): Promise<readonly (readonly unknown[])[]> {
    // Links last: whatever follows them in one batch is taken for a question about links too. Only they have aliases.
    const lines = [`addr show dev ${BRIDGE}`, 'route show default', 'link show']
    return await this.#namespaces.showMany(netns, lines).catch(async (cause: unknown) => {
      if (!String(cause).includes(`"${BRIDGE}" does not exist`)) throw cause
      const [links = []] = await this.#namespaces.showMany(netns, ['link show'])
      return [[], [], links]
    })
  }

  async #seen(netns: string): Promise<Seen> {
    const [[bridge = [], routes = [], links = []], rules] = await Promise.all([
      this.#shown(netns),
      tryRun('nsenter', [`--net=${netnsPath(netns)}`, 'nft', 'list', 'ruleset']),
    ])
    const seen = parseRuleset(rules.stdout)
    return {
      links: new Map(linkFacts(links).map((link) => [link.ifname, link])),
      addresses: linkFacts(bridge).flatMap((link) => link.addresses),
      hasRoute: routeFacts(routes).some((route) => route.dev === BRIDGE),
      rules: seen,
      ports: portsIn(seen),
    }
  }
}

/** A workload that has no namespace (it does not run) cannot be plugged, so its port has not drifted. */
const isAnywhere = ({ at }: PluggedPort): boolean => inodeOf(at.netns) !== undefined

function networkAmiss(
  spec: NetworkSpec,
  { links, addresses, hasRoute, rules }: Seen,
  filtered: boolean,
): string[] {
  const bridge = links.get(BRIDGE)
  if (bridge === undefined) return ['its bridge is gone']
  const up = spec.adminUp !== false
  const filters = filtered ? rulesAmiss(rules, baseCommands()) : undefined
  return [
    ...(bridge.up === up ? [] : [`its bridge is ${up ? 'down' : 'up'}`]),
    ...(bridge.mtu === spec.mtu ? [] : [`its bridge has the MTU ${bridge.mtu}`]),
    ...(addresses.includes(`${METADATA_ADDRESS}/32`)
      ? []
      : [`its bridge has not the address ${METADATA_ADDRESS}`]),
    ...(hasRoute || !up ? [] : ['its default route is gone']),
    ...(filters === undefined ? [] : [filters]),
  ]
}

function portAmiss(port: PortSpec, segment: Segment, seen: Seen): string | undefined {
  const { links, rules, ports } = seen
  const link = links.get(portLink(port.id))
  if (link === undefined) return 'its link is gone'
  if (link.master !== BRIDGE) return 'its link is not on the bridge'
  if (link.alias !== port.id) return 'its link has lost its alias'
  if (link.up !== port.adminUp) return `its link is ${link.up ? 'up' : 'down'}`
  const queued = link.qdisc === 'tbf'
  if (queued !== (port.qos?.ingress !== undefined))
    return `what goes to it is ${queued ? '' : 'not '}limited`
  const shaper = links.get(shaperLink(port.id))
  const limited = shaper?.up === true && shaper.qdisc === 'tbf'
  if (limited !== (port.qos?.egress !== undefined))
    return `what it sends is ${limited ? '' : 'not '}limited`
  return filtersAmiss(segment.filtersOf(port), rules, ports.get(link.ifname))
}

function groupsAmiss(ports: readonly PortSpec[], segment: Segment, seen: Ruleset): Drift[] {
  const groups = new Map(
    ports.flatMap((port) => port.securityGroups.map((group) => [group.id, group] as const)),
  )
  return [...groups.values()].flatMap((group) => {
    const { structure, sets } = segment.renderedOf(group)
    const lost = [...sets].find(
      ([name, members]) => seen.sets.get(`${SG} ${name}`)?.size !== members.length,
    )
    const what =
      rulesAmiss(seen, structure) ??
      (lost === undefined ? undefined : `set ${lost[0]} has other members`)
    return what === undefined ? [] : [{ kind: 'group' as const, id: group.id, what }]
  })
}
