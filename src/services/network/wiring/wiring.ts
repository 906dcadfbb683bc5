import type { Socket } from 'node:net'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import type {
  ExternalSpec,
  MetadataPeer,
  NetworkPort,
  PortSpec,
  SecurityGroupSpec,
} from '../../../ports/network.ts'
import { widest } from '../address-groups/plan.ts'
import { addressesOfGroups } from '../address-groups/store.ts'
import { unserved } from '../agents/store.ts'
import { neutronError } from '../fault.ts'
import { anyNetwork } from '../networks/store.ts'
import { anyPort, erasePort, plainUpdate } from '../ports/store.ts'
import { addPlaces, groupsById, membersOf, rulesOf } from '../security-groups/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import type { Feature } from '../standard/feature.ts'
import type { PortTable } from '../tables.ts'
import { extrasOf, type PortExtras } from './extras.ts'
import { routerExtraOf, type RouterExtra, type RouterExtras } from './router-extras.ts'
import { externalSpecOf, groupSpecOf, networkSpecOf, portSpecOf } from './specs.ts'
import { noTrunks, SUBPORT_OWNER, type Trunks } from './subports.ts'
import { groupsAndRules, placedAddresses, portWithMtu, type GroupAndRule } from './store.ts'

/**
 * The way from rows to the engine. It remembers what it made sure of in this process, so that plugging a port into a known
 * network is one engine call; the sweep makes it forget what the engine has lost.
 */
export class Wiring {
  readonly port: NetworkPort
  readonly #networks = new Map<string, Promise<void>>()
  readonly #externals = new Map<string, Promise<ExternalSpec | undefined>>()
  readonly #places = new Set<string>()
  readonly #lost = new Set<string>()
  readonly #extras: PortExtras[] = []
  readonly #routerExtras: RouterExtras[] = []
  #trunks = noTrunks
  #accept: ((socket: Socket, from: MetadataPeer) => void) | undefined

  constructor(port: NetworkPort) {
    this.port = port
  }

  /** What a feature adds to what the engine is told. */
  extend(feature: Pick<Feature, 'portExtras' | 'routerExtras' | 'trunks'>): void {
    if (feature.portExtras !== undefined) this.#extras.push(feature.portExtras)
    if (feature.routerExtras !== undefined) this.#routerExtras.push(feature.routerExtras)
    if (feature.trunks !== undefined) this.#trunks = feature.trunks
  }

  get trunks(): Trunks {
    return this.#trunks
  }

  async routerExtra(ctx: Ctx, routerId: string): Promise<RouterExtra> {
    return await routerExtraOf(ctx, this.#routerExtras, routerId)
  }

  onMetadata(accept: (socket: Socket, from: MetadataPeer) => void): void {
    this.#accept = accept
  }

  /** The network's segment is there; asks the engine once per process unless `anew`. */
  async ensureNetwork(ctx: Ctx, id: string, anew = false): Promise<void> {
    if (anew) this.#networks.delete(id)
    await remembered(this.#networks, id, async () => {
      const network = await anyNetwork(ctx, id)
      if (network === undefined || network.deleted === 1)
        throw neutronError('notFound', 'NetworkNotFound', `Network ${id} could not be found.`)
      const unseen = (await unserved(ctx, 'DHCP agent', [network])).has(id)
      const subnets = await subnetsIn(ctx, id)
      await this.port.ensureNetwork(
        networkSpecOf(network, unseen ? subnets.map((each) => ({ ...each, dhcp: 0 })) : subnets),
      )
    })
  }

  /** The provider's side of an external network; undefined while it has no subnet to live in. */
  async ensureExternal(ctx: Ctx, id: string, anew = false): Promise<ExternalSpec | undefined> {
    if (anew) this.#externals.delete(id)
    return await remembered(this.#externals, id, async () => {
      const network = await anyNetwork(ctx, id)
      const spec =
        network === undefined || network.deleted === 1 || network.external === 0
          ? undefined
          : externalSpecOf(network, await subnetsIn(ctx, id))
      if (spec === undefined) await this.port.removeExternal(id)
      else await this.port.ensureExternal(spec)
      return spec
    })
  }

  /** Whatever was known of it is to be asked again. */
  forget(id: string): void {
    this.#networks.delete(id)
    this.#externals.delete(id)
  }

  /** The engine has lost the network, and with it everything that was plugged into it. */
  lose(id: string): void {
    this.forget(id)
    this.#lost.add(id)
  }

  /** Was it lost? Told once. */
  wasLost(id: string): boolean {
    return this.#lost.delete(id)
  }

  async portSpec(ctx: Ctx, portId: string): Promise<PortSpec | undefined> {
    const port = await portWithMtu(ctx, portId)
    if (port === undefined || port.deleted === 1) return undefined
    const [addresses, groups] = [
      await placedAddresses(ctx, portId),
      await this.#groupsOfPort(ctx, portId),
    ]
    const extra = (await extrasOf(ctx, this.#extras, [portId])).get(portId)
    const trunk = await this.#trunkOf(ctx, port)
    return { ...portSpecOf(port, addresses, groups), ...extra, ...trunk }
  }

  async #trunkOf(ctx: Ctx, port: PortTable): Promise<Pick<PortSpec, 'trunk'>> {
    if (port.device_owner !== SUBPORT_OWNER) return {}
    const place = await this.#trunks.parentOf(ctx, port.id)
    const parent = place === undefined ? undefined : await anyPort(ctx, place.parentPortId)
    if (place === undefined || parent === undefined) return {}
    return { trunk: { ...place, parentNetworkId: parent.network_id } }
  }

  async #groupsOfPort(ctx: Ctx, portId: string): Promise<SecurityGroupSpec[]> {
    const rows = Map.groupBy(await groupsAndRules(ctx, portId), ({ in_group }) => in_group)
    const rules = [...rows].map(([id, list]) => ({
      id,
      stateful: list[0]?.stateful !== 0,
      rules: list.filter(hasRule),
    }))
    return await this.#specs(ctx, rules)
  }

  /** One group as the engine is to have it. */
  async groupSpec(ctx: Ctx, id: string): Promise<SecurityGroupSpec> {
    const [group] = await groupsById(ctx, [id])
    const [spec] = await this.#specs(ctx, [
      { id, stateful: group?.stateful !== 0, rules: await rulesOf(ctx, [id]) },
    ])
    return spec ?? { id, rules: [], members: [] }
  }

  async #specs(
    ctx: Ctx,
    groups: readonly {
      readonly id: string
      readonly stateful: boolean
      readonly rules: readonly Omit<GroupAndRule, 'group_id'>[]
    }[],
  ): Promise<SecurityGroupSpec[]> {
    const named = new Set(
      groups.flatMap(({ id, rules }) => [
        id,
        ...rules.flatMap(({ remote_group }) => remote_group ?? []),
      ]),
    )
    const members = new Map<string, string[]>()
    for (const { group_id, address } of await membersOf(ctx, [...named]))
      members.set(group_id, [...(members.get(group_id) ?? []), address])
    const listed = groups.flatMap(({ rules }) =>
      rules.flatMap(({ remote_addresses }) => remote_addresses ?? []),
    )
    for (const [id, prefixes] of await addressesOfGroups(ctx, [...new Set(listed)]))
      members.set(id, [...widest(prefixes)])
    return groups.map(({ id, rules, stateful }) => groupSpecOf(id, rules, members, stateful))
  }

  /** Writes where the port is while the engine plugs it: should we die in between, the row knows what may have to be unplugged. */
  async plug(
    ctx: Ctx,
    portId: string,
    place: { readonly netns: string; readonly ifname: string },
  ): Promise<void> {
    const spec = await this.portSpec(ctx, portId)
    if (spec === undefined)
      throw neutronError('notFound', 'PortNotFound', `Port ${portId} could not be found.`)
    await this.ensureNetwork(ctx, spec.networkId)
    try {
      await Promise.all([this.port.plug(spec, place), this.#wrotePlace(ctx, spec, place)])
    } catch (error) {
      this.forget(spec.networkId)
      await plainUpdate(ctx, portId, { status: 'DOWN' })
      throw error
    }
    void this.serveMetadata(ctx, spec.networkId)
  }

  async #wrotePlace(
    ctx: Ctx,
    spec: PortSpec,
    place: { readonly netns: string; readonly ifname: string },
  ): Promise<void> {
    await plainUpdate(ctx, spec.id, { ...place, status: spec.adminUp ? 'ACTIVE' : 'DOWN' })
    const fresh = spec.securityGroups
      .map(({ id }) => id)
      .filter((id) => !this.#places.has(`${spec.networkId} ${id}`))
    await addPlaces(ctx, spec.networkId, fresh)
    for (const id of fresh) this.#places.add(`${spec.networkId} ${id}`)
  }

  forgetPlace(networkId: string, groupId: string): void {
    this.#places.delete(`${networkId} ${groupId}`)
  }

  /** Repeating it is success, for a port that the API forgot too. */
  async unplug(ctx: Ctx, portId: string): Promise<void> {
    const port = await portWithMtu(ctx, portId)
    if (port === undefined) return
    await this.port.unplug(portId, port.network_id)
    if (port.deleted === 1) await erasePort(ctx, portId)
    else await plainUpdate(ctx, portId, { netns: null, ifname: null, status: 'DOWN' })
  }

  /** In the background: nobody waits for it, and the sweep asks again. */
  async serveMetadata(ctx: Ctx, networkId: string): Promise<void> {
    try {
      await this.port.serveMetadata(networkId, (socket, from) => {
        if (this.#accept === undefined) socket.destroy()
        else this.#accept(socket, from)
      })
    } catch (error) {
      ctx.log.warn(
        { network: networkId, reason: reasonOf(error) },
        'serving metadata; the sweep tries again',
      )
    }
  }
}

type Joined = Awaited<ReturnType<typeof groupsAndRules>>[number]

function hasRule(row: Joined): row is Joined & GroupAndRule {
  return row.direction !== undefined && row.direction !== null
}

/** One engine call for all who ask at the same time; a failure is not remembered. */
async function remembered<T>(
  known: Map<string, Promise<T>>,
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  const before = known.get(id)
  if (before !== undefined) return await before
  const now = work()
  known.set(id, now)
  try {
    return await now
  } catch (error) {
    if (known.get(id) === now) known.delete(id)
    throw error
  }
}
