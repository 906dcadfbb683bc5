import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { invalidInput, invalidValue, neutronError } from '../fault.ts'
import { dropFloatingIp } from '../floating-ips/effects.ts'
import { idleFloatingIps } from '../floating-ips/store.ts'
import { kinds, ZONE } from '../kinds.ts'
import { nudgePluggedPorts } from '../ports/effects.ts'
import { mustFit } from '../quotas/store.ts'
import { routersIn } from '../routers/store.ts'
import { setShared, sharesOf } from '../rbac-policies/store.ts'
import { seesAll } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, given, isTrue, standardView, type View } from '../standard/schema.ts'
import { changeRow, tagsOf } from '../standard/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import {
  NetworkChange,
  NewNetwork,
  type NetworkChangeWish,
  type NetworkRow,
  type NewNetworkWish,
} from './schema.ts'
import {
  countPortsIn,
  defaultNetwork,
  hideNetwork,
  insertNetwork,
  checkMtu6,
  mtuOf,
  networkSpec,
  routersOutThrough,
  subnetsOfNetworks,
  usedByOthers,
  type NetworkHome,
} from './store.ts'

/** Networks: layer-2 segments that subnets and ports lie in. `home` is where new ones live, with the largest MTU there. */
export function networkResource(home: NetworkHome): Resource {
  return resource<NetworkRow, typeof NewNetwork, typeof NetworkChange>({
    singular: 'network',
    plural: 'networks',
    path: 'networks',
    label: 'Network',
    notFound: 'NetworkNotFound',
    spec: networkSpec,
    taggable: true,
    createBody: NewNetwork,
    updateBody: NetworkChange,
    adminOnly: {
      shared: false,
      'router:external': false,
      is_default: false,
      'provider:network_type': undefined,
      'provider:physical_network': undefined,
      'provider:segmentation_id': undefined,
    },
    create: async (tx, wish, projectId) => await createNetwork(tx, home, wish, projectId),
    update: async (tx, row, wish) => await updateNetwork(tx, home, row, wish),
    remove: removeNetwork,
    views: networkViews,
  })
}

export async function createNetwork(
  tx: Ctx,
  home: NetworkHome,
  wish: NewNetworkWish,
  projectId: string,
): Promise<string> {
  checkMtu(wish.mtu, home)
  checkZones(wish.availability_zone_hints ?? [])
  checkProvider(wish)
  await mustFit(tx, 'network', projectId)
  await checkDefault(tx, wish.is_default !== undefined && isTrue(wish.is_default))
  const id = await insertNetwork(tx, wish, projectId, home)
  if (bit(wish.shared, false) === 1)
    await setShared(tx, { type: 'network', id, action: 'access_as_shared' }, projectId, true)
  if (bit(wish['router:external'], false) === 1)
    await setShared(tx, { type: 'network', id, action: 'access_as_external' }, projectId, true)
  await nudge(tx, kinds.network, id)
  return id
}

/** Networks live on one host: they need no number by which hosts could tell them apart. */
function checkProvider(wish: NewNetworkWish): void {
  const type = wish['provider:network_type'] ?? 'local'
  if (type !== 'local' && type !== 'flat')
    throw invalidInput(
      `provider:network_type '${type}' is not available: networks of this cloud are 'local', those of a provider 'flat'.`,
    )
  if (
    typeof wish['provider:segmentation_id'] === 'number' ||
    typeof wish['provider:segmentation_id'] === 'string'
  )
    throw invalidInput(`provider:segmentation_id cannot be set for a ${type} network.`)
  if (type === 'flat' && typeof wish['provider:physical_network'] !== 'string')
    throw invalidInput('physical_network required for flat provider network')
}

export function checkZones(hints: readonly string[]): void {
  const unknown = hints.find((zone) => zone !== ZONE)
  if (unknown !== undefined)
    throw neutronError(
      'notFound',
      'AvailabilityZoneNotFound',
      `AvailabilityZone ${unknown} could not be found.`,
    )
}

function checkMtu(asked: number | string | undefined, home: NetworkHome): void {
  const mtu = mtuOf(asked, home)
  if (mtu < 68) throw invalidValue('mtu', `${mtu} is less than the 68 bytes that IPv4 needs.`)
  if (mtu > home.mtu) throw invalidInput(`Requested MTU is too big, maximum is ${home.mtu}`)
}

async function checkDefault(tx: Ctx, wanted: boolean, id?: string): Promise<void> {
  if (!wanted) return
  const other = await defaultNetwork(tx)
  if (other !== undefined && other !== id) {
    throw neutronError(
      'conflict',
      'DefaultExternalNetworkExists',
      `A default external network already exists: ${other}.`,
    )
  }
}

async function updateNetwork(
  tx: Ctx,
  home: NetworkHome,
  row: NetworkRow,
  wish: NetworkChangeWish,
): Promise<void> {
  checkMtu(wish.mtu, home)
  if (wish.mtu !== undefined && (await subnetsIn(tx, row.id)).some(({ version }) => version === 6))
    checkMtu6(mtuOf(wish.mtu, home))
  await checkDefault(tx, wish.is_default !== undefined && isTrue(wish.is_default), row.id)
  if (wish.shared !== undefined) await changeShared(tx, row, isTrue(wish.shared))
  if (wish['router:external'] !== undefined)
    await changeExternal(tx, row, isTrue(wish['router:external']))
  await changeRow(tx, networkSpec, row.id, {
    name: wish.name,
    description: wish.description,
    admin_up: given(wish.admin_state_up, (on) => bit(on, true)),
    external: given(wish['router:external'], (on) => bit(on, false)),
    is_default: given(wish.is_default, (on) => bit(on, false)),
    mtu: given(wish.mtu, (mtu) => mtuOf(mtu, home)),
    port_security: given(wish.port_security_enabled, (on) => bit(on, true)),
  })
  await nudge(tx, kinds.network, row.id)
  if (bit(wish.admin_state_up, row.admin_up === 1) !== row.admin_up)
    await statusesFollow(tx, row.id)
  if (row.external === 1 || wish['router:external'] !== undefined)
    await nudge(tx, kinds.external, row.id)
}

/** Ports and legs in a network that is switched off are down. */
async function statusesFollow(tx: Ctx, id: string): Promise<void> {
  await nudgePluggedPorts(tx, id)
  for (const router of await routersIn(tx, id)) await nudge(tx, kinds.router, router)
}

async function changeShared(tx: Ctx, row: NetworkRow, on: boolean): Promise<void> {
  const shares = await sharesOf(tx, row.id)
  const friends = shares.filter((share) => share.target !== '*').map((share) => share.target)
  if (!on && (await usedByOthers(tx, row.id, [row.project_id, ...friends]))) {
    throw neutronError(
      'conflict',
      'InvalidSharedSetting',
      `Unable to reconfigure sharing settings for network ${row.name === '' ? row.id : row.name}. Multiple tenants are using it.`,
    )
  }
  await setShared(
    tx,
    { type: 'network', id: row.id, action: 'access_as_shared' },
    row.project_id,
    on,
  )
}

async function changeExternal(tx: Ctx, row: NetworkRow, on: boolean): Promise<void> {
  if (!on && (await routersOutThrough(tx, row.id)).length > 0) {
    throw neutronError(
      'conflict',
      'ExternalNetworkInUse',
      `External network ${row.id} cannot be updated to be made non-external, since it has existing gateway ports.`,
    )
  }
  if (!on)
    for (const floating of await idleFloatingIps(tx, row.id)) await dropFloatingIp(tx, floating)
  await setShared(
    tx,
    { type: 'network', id: row.id, action: 'access_as_external' },
    row.project_id,
    on,
  )
}

async function removeNetwork(tx: Ctx, row: NetworkRow): Promise<void> {
  if (row.external === 1)
    for (const floating of await idleFloatingIps(tx, row.id)) await dropFloatingIp(tx, floating)
  if ((await countPortsIn(tx, row.id)) > 0) {
    throw neutronError(
      'conflict',
      'NetworkInUse',
      `Unable to complete operation on network ${row.id}. There are one or more ports still in use on the network.`,
    )
  }
  await hideNetwork(tx, row.id)
  await nudge(tx, kinds.network, row.id)
  if (row.external === 1) await nudge(tx, kinds.external, row.id)
}

async function networkViews(ctx: Ctx, rows: readonly NetworkRow[]): Promise<readonly View[]> {
  const subnets = await subnetsOfNetworks(
    ctx,
    rows.map(({ id }) => id),
  )
  const byNetwork = Map.groupBy(subnets, ({ network_id }) => network_id)
  const admin = seesAll(ctx)
  return rows.map((row) => {
    const mine = byNetwork.get(row.id) ?? []
    const scope = (version: 4 | 6): string | null =>
      mine.find((subnet) => subnet.version === version && subnet.scope_id !== null)?.scope_id ??
      null
    return {
      ...standardView(row),
      status: row.status,
      admin_state_up: row.admin_up === 1,
      shared: row.is_shared === 1,
      subnets: mine.map(({ id }) => id),
      'router:external': row.external === 1,
      ...(row.external === 1 ? { is_default: row.is_default === 1 } : {}),
      mtu: row.mtu,
      port_security_enabled: row.port_security === 1,
      availability_zone_hints: fromJson<string[]>(row.zone_hints),
      availability_zones: [ZONE],
      ipv4_address_scope: scope(4),
      ipv6_address_scope: scope(6),
      tags: tagsOf(row),
      ...(admin
        ? {
            'provider:network_type': row.provider_type,
            'provider:physical_network': row.physical,
            'provider:segmentation_id': row.segment,
          }
        : {}),
    }
  })
}
