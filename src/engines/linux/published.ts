import { reasonOf } from '../../kernel/errors/cloud-error.ts'
import { run, tryRun } from '../../kernel/exec/run.ts'
import type { PortSpec, PublishedPortSpec } from '../../ports/network.ts'
import { familyOf } from './addresses.ts'
import { forwardOnHost } from './external.ts'
import { closeForwarding, openForwarding } from './host-firewall.ts'
import { HostPortHolds } from './host-port-holds.ts'
import { netnsPath, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import {
  hostRules,
  INSIDE_TABLE,
  insideRules,
  insideTable,
  isOfPort,
  portRules,
  transitPortsOf,
  transitTable,
  translationsOf,
} from './published-rules.ts'
import type { Segment } from './segment.ts'
import { Serial } from './serial.ts'
import { ensureTransit, hasTransit, removeTransit } from './transit.ts'

/** Ports of the host that lead to guests. One change at a time: they share the host's ports, addresses and rules. */
export class Published {
  readonly #namespaces: Namespaces
  readonly #names: Names
  readonly #hostPorts = new HostPortHolds()
  readonly #serial = new Serial()

  constructor(namespaces: Namespaces, names: Names) {
    this.#namespaces = namespaces
    this.#names = names
  }

  /** Exactly what the port's wish names is published of it. */
  async ensure(segment: Segment, port: PortSpec): Promise<void> {
    const { published = [] } = port
    if (published.length === 0) return await this.withdraw(segment, port.id)
    await this.#serial.run('all', async () => {
      const guest = port.addresses.find(({ address }) => familyOf(address) === 4)?.address
      if (guest === undefined)
        throw new Error(`port ${port.id} has no IPv4 address that could be published`)
      await this.#hostPorts.hold(port.id, segment.id, published)
      const transit = await ensureTransit(this.#namespaces, this.#names, segment.id, port.mtu)
      const inside = await this.#listed(segment.netns)
      const kept = inside.filter((rule) => !isOfPort(rule, port.id))
      const list = translationsOf(published, guest, kept)
      const mine = insideRules(port.id, list)
      const host = (await this.#listedOnHost(segment.id)).filter((rule) => !isOfPort(rule, port.id))
      await this.#write(segment, [...kept, ...mine])
      await this.#writeOnHost(segment.id, [...host, ...hostRules(port.id, list, transit.far)])
      const gone = inside.filter((rule) => isOfPort(rule, port.id) && !mine.includes(rule))
      await cutFlows(segment.netns, gone, transit.far)
      await forwardOnHost(4)
      await openForwarding(this.#names, transit.link, segment.id)
    })
  }

  /** Nothing of this port is published any more. Costs nothing where nothing of its network is. */
  async withdraw(segment: Segment, portId: string): Promise<void> {
    if (!hasTransit(this.#names, segment.id)) return this.#hostPorts.release(portId)
    await this.#serial.run('all', async () => {
      const inside = await this.#listed(segment.netns)
      const mine = inside.filter((rule) => isOfPort(rule, portId))
      const kept = inside.filter((rule) => !isOfPort(rule, portId))
      const host = (await this.#listedOnHost(segment.id)).filter((rule) => !isOfPort(rule, portId))
      if (kept.length === 0 && host.length === 0) await this.#close(segment.id, segment.netns)
      else if (mine.length > 0) {
        const { far } = await ensureTransit(this.#namespaces, this.#names, segment.id, 1500)
        await this.#writeOnHost(segment.id, host)
        await this.#write(segment, kept)
        await cutFlows(segment.netns, mine, far)
      }
      this.#hostPorts.release(portId)
    })
  }

  /** The network goes, and all that was published of it. */
  async closeNetwork(networkId: string): Promise<void> {
    this.#hostPorts.releaseNetwork(networkId)
    if (!hasTransit(this.#names, networkId)) return
    await this.#serial.run('all', async () => {
      await this.#close(networkId, this.#names.network(networkId))
    })
  }

  /** What of a port's published ports is not so; `inside` are the rules its network's namespace has. */
  async missing(port: PortSpec, inside: readonly string[]): Promise<string | undefined> {
    const { published = [] } = port
    if (published.length === 0)
      return inside.some((rule) => isOfPort(rule, port.id))
        ? 'it is published and should not be'
        : undefined
    if (!hasTransit(this.#names, port.networkId)) return 'the link for published ports is gone'
    if (inside.filter((rule) => isOfPort(rule, port.id)).length !== published.length)
      return 'its rules for published ports are not in the namespace'
    const host = await this.#listedOnHost(port.networkId)
    if (host.filter((rule) => isOfPort(rule, port.id)).length !== published.length)
      return 'its rules for published ports are not on the host'
    // a process that has just begun holds none yet; that is nobody's doing
    return await this.#hostPorts
      .hold(port.id, port.networkId, published)
      .then(() => undefined, reasonOf)
  }

  /** Is it one of those that published ports hold? */
  holdsHostPort(port: Omit<PublishedPortSpec, 'port'>): boolean {
    return this.#hostPorts.has(port)
  }

  close(): void {
    this.#hostPorts.releaseAll()
  }

  async #close(networkId: string, netns: string): Promise<void> {
    await removeTransit(this.#names, networkId)
    await tryRun('nft', ['delete', 'table', 'ip', this.#names.transitTable(networkId)])
    await closeForwarding(this.#names, networkId)
    if (this.#namespaces.inode(netns) === undefined) return
    await tryRun('nsenter', [`--net=${netnsPath(netns)}`, 'nft', `delete table ${INSIDE_TABLE}`])
    await this.#namespaces.settings(netns, ['net/ipv4/ip_forward=0'])
  }

  async #listed(netns: string): Promise<string[]> {
    const words = [`--net=${netnsPath(netns)}`, 'nft', `list table ${INSIDE_TABLE}`]
    return portRules((await tryRun('nsenter', words)).stdout)
  }

  async #listedOnHost(networkId: string): Promise<string[]> {
    const table = this.#names.transitTable(networkId)
    return portRules((await tryRun('nft', ['list', 'table', 'ip', table])).stdout)
  }

  async #write(segment: Segment, rules: readonly string[]): Promise<void> {
    const path = netnsPath(segment.netns)
    await this.#namespaces.inside(path, 'nft', ['-f', '-'], insideTable(rules))
    // Only now, with the guard in force.
    await this.#namespaces.settings(segment.netns, ['net/ipv4/ip_forward=1'])
  }

  async #writeOnHost(networkId: string, rules: readonly string[]): Promise<void> {
    const table = this.#names.transitTable(networkId)
    const link = this.#names.transitLink(networkId)
    await run('nft', ['-f', '-'], { input: transitTable(table, link, rules) })
  }
}

/** conntrack goes on translating a flow whose rule is gone: on both sides it is cut. */
async function cutFlows(netns: string, rules: readonly string[], far: string): Promise<void> {
  const enter = ['nsenter', `--net=${netnsPath(netns)}`, 'conntrack'] as const
  for (const { protocol, port } of transitPortsOf(rules)) {
    const which = ['-D', '-p', protocol]
    const there = ['--orig-dst', far, '--orig-port-dst', String(port)]
    const here = ['--reply-src', far, '--reply-port-src', String(port)]
    await Promise.all([
      tryRun(enter[0], [...enter.slice(1), ...which, ...there]),
      tryRun('conntrack', [...which, ...here]),
    ])
  }
}
