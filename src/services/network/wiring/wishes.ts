import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { PluggedPort, PortSpec, SecurityGroupSpec } from '../../../ports/network.ts'
import { addressesOfGroups } from '../address-groups/store.ts'
import { groupsById, membersOf, rulesOf } from '../security-groups/store.ts'
import type { RuleTable } from '../tables.ts'
import { extrasOf, type PortExtras } from './extras.ts'
import { placeAt } from './places.ts'
import { groupSpecOf, portSpecOf } from './specs.ts'
import { groupIdsOf, placedAddresses, portsWithMtu, pluggedIn, type PortWithMtu } from './store.ts'
import { noTrunks, SUBPORT_OWNER, type Trunks } from './subports.ts'

interface TrunkWish {
  readonly trunk: NonNullable<PortSpec['trunk']>
  readonly parentUp: boolean
}

/** What the engine is to be told of ports and groups, read from rows and from what features add; a few queries for any number. */
export class Wishes {
  readonly #extras: PortExtras[] = []
  #trunks = noTrunks

  extend(feature: { readonly portExtras?: PortExtras; readonly trunks?: Trunks }): void {
    if (feature.portExtras !== undefined) this.#extras.push(feature.portExtras)
    if (feature.trunks !== undefined) this.#trunks = feature.trunks
  }

  get trunks(): Trunks {
    return this.#trunks
  }

  async port(ctx: Ctx, id: string): Promise<PortSpec | undefined> {
    const [spec] = await this.#ports(ctx, await portsWithMtu(ctx, [id]))
    return spec
  }

  /** Every port that was plugged into the network, and where. */
  async pluggedIn(ctx: Ctx, networkId: string): Promise<readonly PluggedPort[]> {
    const rows = await pluggedIn(ctx, networkId)
    const places = new Map(rows.map(({ id, netns, ifname }) => [id, { netns, ifname }]))
    return (await this.#ports(ctx, rows)).flatMap((spec) => {
      const { netns = null, ifname = null } = places.get(spec.id) ?? {}
      return netns === null || ifname === null ? [] : [{ spec, at: placeAt(netns, ifname) }]
    })
  }

  /** One group as the engine is to have it. */
  async group(ctx: Ctx, id: string): Promise<SecurityGroupSpec> {
    const spec = (await this.#groups(ctx, [id])).get(id)
    return spec ?? { id, rules: [], members: [] }
  }

  async #ports(ctx: Ctx, rows: readonly PortWithMtu[]): Promise<PortSpec[]> {
    const ports = rows.filter((row) => row.deleted === 0)
    const ids = ports.map(({ id }) => id)
    const addresses = Map.groupBy(await placedAddresses(ctx, ids), ({ port_id }) => port_id)
    const memberships = Map.groupBy(await groupIdsOf(ctx, ids), ({ port_id }) => port_id)
    const groupIds = new Set([...memberships.values()].flat().map(({ group_id }) => group_id))
    const groups = await this.#groups(ctx, [...groupIds])
    const extras = await extrasOf(ctx, this.#extras, ids)
    const trunks = await this.#trunkPlaces(ctx, ports)
    return ports.map((port) => {
      const own = memberships.get(port.id) ?? []
      const inGroups = own.flatMap(({ group_id }) => groups.get(group_id) ?? [])
      const spec = portSpecOf(port, addresses.get(port.id) ?? [], inGroups)
      const trunk = trunks.get(port.id)
      const whole = { ...spec, ...extras.get(port.id) }
      if (trunk === undefined) return whole
      return { ...whole, trunk: trunk.trunk, adminUp: spec.adminUp && trunk.parentUp }
    })
  }

  /** Where sub-ports travel, and whether anything gets through there. */
  async #trunkPlaces(
    ctx: Ctx,
    ports: readonly PortWithMtu[],
  ): Promise<ReadonlyMap<string, TrunkWish>> {
    const places = new Map<string, TrunkWish>()
    for (const port of ports.filter((each) => each.device_owner === SUBPORT_OWNER)) {
      const place = await this.#trunks.parentOf(ctx, port.id)
      const [parent] = place === undefined ? [] : await portsWithMtu(ctx, [place.parentPortId])
      if (place === undefined || parent === undefined) continue
      places.set(port.id, {
        trunk: { ...place, parentNetworkId: parent.network_id },
        parentUp: parent.admin_up === 1 && parent.network_up === 1,
      })
    }
    return places
  }

  async #groups(ctx: Ctx, ids: readonly string[]): Promise<ReadonlyMap<string, SecurityGroupSpec>> {
    const rows = await groupsById(ctx, ids)
    const stateless = new Set(rows.filter((row) => row.stateful === 0).map(({ id }) => id))
    const rules = Map.groupBy(await rulesOf(ctx, ids), ({ group_id }) => group_id)
    const members = await membersOfAll(ctx, ids, [...rules.values()].flat())
    return new Map(
      ids.map((id) => [id, groupSpecOf(id, rules.get(id) ?? [], members, !stateless.has(id))]),
    )
  }
}

/** Addresses of the ports of these groups and of every group that a rule names, and what address groups hold that a rule names. */
async function membersOfAll(
  ctx: Ctx,
  ids: readonly string[],
  rules: readonly RuleTable[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const groups = [...ids, ...rules.flatMap(({ remote_group }) => remote_group ?? [])]
  const listed = rules.flatMap(({ remote_addresses }) => remote_addresses ?? [])
  const rows = await membersOf(ctx, [...new Set(groups)])
  const all = new Map<string, readonly string[]>()
  for (const [id, list] of Map.groupBy(rows, ({ group_id }) => group_id)) {
    const addresses = list.map(({ address }) => address)
    all.set(id, addresses)
  }
  for (const [id, prefixes] of await addressesOfGroups(ctx, [...new Set(listed)]))
    all.set(id, prefixes)
  return all
}
