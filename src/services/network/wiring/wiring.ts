import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import type { ExternalSpec, NetworkPort, NetworkSpec, PortSpec } from '../../../ports/network.ts'
import { neutronError } from '../fault.ts'
import type { Guests } from '../guests/services.ts'
import { anyNetwork } from '../networks/store.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { anyPort, erasePort, plainUpdate } from '../ports/store.ts'
import { addPlaces } from '../security-groups/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import type { Feature } from '../standard/feature.ts'
import type { NetworkTable } from '../tables.ts'
import { placeAt, placeOf } from './places.ts'
import { Repairs } from './repairs.ts'
import { routerExtraOf, type RouterExtra, type RouterExtras } from './router-extras.ts'
import { externalSpecOf, networkSpecOf } from './specs.ts'
import { Wishes } from './wishes.ts'

/**
 * The way from rows to the engine. It remembers what it made sure of in this process, so that plugging a port into a known
 * network is one engine call; the sweep makes it forget what the engine has lost.
 */
export class Wiring {
  readonly port: NetworkPort
  /** How often everything is compared with what is wanted. */
  readonly sweepMs: number
  readonly wishes = new Wishes()
  readonly repairs = new Repairs()
  readonly #networks = new Map<string, Promise<void>>()
  readonly #externals = new Map<string, Promise<ExternalSpec | undefined>>()
  readonly #places = new Set<string>()
  readonly #lost = new Set<string>()
  readonly #routerExtras: RouterExtras[] = []
  readonly #guests: Guests

  constructor(port: NetworkPort, guests: Guests, sweepSeconds = 60) {
    this.port = port
    this.#guests = guests
    this.sweepMs = sweepSeconds * 1000
  }

  /** What a feature adds to what the engine is told. */
  extend(feature: Pick<Feature, 'portExtras' | 'routerExtras' | 'trunks'>): void {
    this.wishes.extend(feature)
    if (feature.routerExtras !== undefined) this.#routerExtras.push(feature.routerExtras)
  }

  async routerExtra(ctx: Ctx, routerId: string): Promise<RouterExtra> {
    return await routerExtraOf(ctx, this.#routerExtras, routerId)
  }

  /** The network's segment is there; asks the engine once per process unless `anew`. */
  async ensureNetwork(ctx: Ctx, id: string, anew = false): Promise<void> {
    if (anew) this.#networks.delete(id)
    await remembered(this.#networks, id, async () => {
      const network = await anyNetwork(ctx, id)
      if (network === undefined || network.deleted === 1)
        throw neutronError('notFound', 'NetworkNotFound', `Network ${id} could not be found.`)
      await this.port.ensureNetwork(await this.networkWish(ctx, network))
    })
  }

  async networkWish(ctx: Ctx, network: NetworkTable): Promise<NetworkSpec> {
    return networkSpecOf(network, await subnetsIn(ctx, network.id))
  }

  /** The provider's side of an external network; undefined while it has no subnet to live in. */
  async ensureExternal(ctx: Ctx, id: string, anew = false): Promise<ExternalSpec | undefined> {
    if (anew) this.#externals.delete(id)
    return await remembered(this.#externals, id, async () => {
      const spec = await this.externalWish(ctx, id)
      if (spec === undefined) await this.port.removeExternal(id)
      else await this.port.ensureExternal(spec)
      return spec
    })
  }

  async externalWish(ctx: Ctx, id: string): Promise<ExternalSpec | undefined> {
    const network = await anyNetwork(ctx, id)
    if (network === undefined || network.deleted === 1 || network.external === 0) return undefined
    return externalSpecOf(network, await subnetsIn(ctx, id))
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

  /** Writes where the port is while the engine plugs it: should we die in between, the row knows what may have to be unplugged. */
  async plug(
    ctx: Ctx,
    portId: string,
    place: { readonly netns: string; readonly ifname: string },
  ): Promise<void> {
    const spec = await this.wishes.port(ctx, portId)
    if (spec === undefined)
      throw neutronError('notFound', 'PortNotFound', `Port ${portId} could not be found.`)
    await this.ensureNetwork(ctx, spec.networkId)
    try {
      const at = placeAt(place.netns, place.ifname)
      await Promise.all([this.port.plug(spec, at), this.#wrotePlace(ctx, spec, place)])
    } catch (error) {
      this.forget(spec.networkId)
      await plainUpdate(ctx, portId, { status: 'DOWN' })
      throw error
    }
    this.repairs.settled(ctx, 'port', portId)
    // its sub-ports follow, each by itself: one that fails is no failure of the parent
    for (const sub of await this.wishes.trunks.subportsOf(ctx, portId))
      await nudge(ctx, kinds.port, sub.portId)
    void this.serveGuests(ctx, spec.networkId)
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

  /** What changed of a plugged port is so on the host when this returns, not some time after. */
  async refresh(ctx: Ctx, portId: string): Promise<void> {
    const port = await anyPort(ctx, portId)
    const at = port === undefined || port.deleted === 1 ? undefined : placeOf(port)
    const spec = at === undefined ? undefined : await this.wishes.port(ctx, portId)
    if (spec === undefined || at === undefined) return
    await this.port.updatePort(spec, at)
    await addPlaces(
      ctx,
      spec.networkId,
      spec.securityGroups.map(({ id }) => id),
    )
  }

  /** Repeating it is success, for a port that the API forgot too. */
  async unplug(ctx: Ctx, portId: string): Promise<void> {
    const port = await anyPort(ctx, portId)
    if (port === undefined) return
    for (const sub of await this.wishes.trunks.subportsOf(ctx, portId))
      await this.unplug(ctx, sub.portId)
    await this.port.unplug(portId, port.network_id, placeOf(port))
    if (port.deleted === 1) await erasePort(ctx, portId)
    else await plainUpdate(ctx, portId, { netns: null, ifname: null, status: 'DOWN' })
  }

  /** In the background: nobody waits for it, and the sweep asks again. */
  async serveGuests(ctx: Ctx, networkId: string): Promise<void> {
    await this.#inBackground(ctx, { network: networkId }, async () => {
      await this.port.serveGuests(networkId, this.#guests.services(ctx))
    })
  }

  async serveRouterGuests(ctx: Ctx, routerId: string): Promise<void> {
    await this.#inBackground(ctx, { router: routerId }, async () => {
      await this.port.serveRouterGuests(routerId, this.#guests.services(ctx))
    })
  }

  async #inBackground(ctx: Ctx, about: object, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      ctx.log.warn({ ...about, reason: reasonOf(error) }, 'serving guests; the sweep tries again')
    }
  }
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
