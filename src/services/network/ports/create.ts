import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { allocate, type Allocated } from '../addresses/allocate.ts'
import { choose, type FixedIpWish } from '../addresses/choose.ts'
import { addressesOf, deleteAddresses, setPosition } from '../addresses/store.ts'
import { neutronError } from '../fault.ts'
import { detachFrom } from '../floating-ips/effects.ts'
import { kinds } from '../kinds.ts'
import { getNetwork } from '../networks/store.ts'
import type { NetworkRow } from '../networks/schema.ts'
import { mustFit } from '../quotas/store.ts'
import { ensureDefaultGroup, membershipChanged } from '../security-groups/effects.ts'
import { getGroup } from '../security-groups/store.ts'
import { askingProject, mustOwn, seesAll } from '../standard/access.ts'
import { bit, given, isTrue } from '../standard/schema.ts'
import { changeRow } from '../standard/store.ts'
import { subnetsIn } from '../subnets/store.ts'
import { newRow, type PortTable } from '../tables.ts'
import { leaveTrunks } from '../trunks/effects.ts'
import { portChanged } from './effects.ts'
import { checkFixedIpCount, checkSecurity, macOf, mergedOptions, newMac, pairsOf } from './plan.ts'
import type { DhcpOption, NewPortWish, Pair, PortChangeWish, PortRow } from './schema.ts'
import {
  addGroups,
  groupIdsOf,
  hidePort,
  insertPort,
  macInUse,
  macTaken,
  portSpec,
  setGroups,
} from './store.ts'

export interface MadePort {
  readonly row: PortTable
  readonly fixedIps: readonly Allocated[]
  readonly groupIds: readonly string[]
}

/** A port as a client asks for it: quota, rights in the network, filters. */
export async function createPort(
  tx: Ctx,
  wish: NewPortWish,
  projectId: string,
  owned = false,
): Promise<MadePort> {
  const network = await getNetwork(tx, wish.network_id)
  mustHaveRights(tx, network, wish, 'create_port')
  await mustFit(tx, 'port', projectId)
  const owner = wish.device_owner ?? ''
  const security =
    wish.port_security_enabled === undefined
      ? network.port_security === 1 && !owner.startsWith('network:')
      : isTrue(wish.port_security_enabled)
  const groupIds = await groupsFor(tx, wish.security_groups, projectId, security)
  const mac = wish.mac_address === undefined ? newMac() : macOf(wish.mac_address)
  const pairs = pairsOf(wish.allowed_address_pairs, mac)
  checkSecurity({ security, groups: groupIds, pairs }, true)
  const made = await addPort(tx, network, {
    projectId,
    name: wish.name,
    description: wish.description,
    mac,
    macIsWished: wish.mac_address !== undefined,
    adminUp: bit(wish.admin_state_up, true) === 1,
    deviceId: wish.device_id ?? '',
    deviceOwner: owner,
    security,
    pairs,
    options: mergedOptions([], wish.extra_dhcp_opts),
    owned,
    hostId: wish['binding:host_id'] ?? '',
    profile: wish['binding:profile'] ?? {},
    tags: wish.tags ?? [],
    ...(wish.fixed_ips === undefined ? {} : { fixedIps: wish.fixed_ips }),
    groupIds,
  })
  await membershipChanged(tx, groupIds)
  return made
}

/** Attributes with which a guest in somebody else's network could do harm are the owner's and admins' alone. */
function mustHaveRights(
  ctx: Ctx,
  network: NetworkRow,
  wish: NewPortWish | PortChangeWish,
  verb: string,
): void {
  if (seesAll(ctx) || network.project_id === askingProject(ctx)) return
  const delicate = ['mac_address', 'port_security_enabled', 'allowed_address_pairs'].find(
    (attribute) => Object.hasOwn(wish, attribute),
  )
  const exactAddress = wish.fixed_ips?.some((fixed) => fixed.ip_address !== undefined) === true
  const networkDevice = wish.device_owner?.startsWith('network:') === true
  const rule =
    delicate ?? (exactAddress ? 'fixed_ips:ip_address' : networkDevice ? 'device_owner' : undefined)
  if (rule !== undefined) mustOwn(ctx, network, `${verb}:${rule}`)
}

async function groupsFor(
  tx: Ctx,
  asked: readonly string[] | null | undefined,
  projectId: string,
  security: boolean,
): Promise<readonly string[]> {
  if (asked === undefined || asked === null)
    return security && projectId !== '' ? [await ensureDefaultGroup(tx, projectId)] : []
  const unique = [...new Set(asked)]
  for (const id of unique) await getGroup(tx, id)
  return unique
}

/** A port's attributes after all checks. */
export interface PortWish {
  readonly projectId: string
  readonly name: string
  readonly description?: string
  readonly mac?: string
  readonly macIsWished?: boolean
  readonly adminUp?: boolean
  readonly deviceId: string
  readonly deviceOwner: string
  readonly security?: boolean
  readonly pairs?: readonly Pair[]
  readonly options?: readonly DhcpOption[]
  readonly owned?: boolean
  readonly hostId?: string
  readonly profile?: Readonly<Record<string, unknown>>
  readonly tags?: readonly string[]
  readonly fixedIps?: readonly FixedIpWish[]
  readonly groupIds?: readonly string[]
  /** Addresses of this family only. */
  readonly onlyIpv4?: boolean
}

function newPortRow(tx: Ctx, networkId: string, wish: PortWish): PortTable {
  return {
    ...newRow(tx, randomUUID(), wish.projectId, {
      name: wish.name,
      description: wish.description ?? '',
    }),
    tags: toJson([...new Set(wish.tags ?? [])].toSorted()),
    network_id: networkId,
    mac: wish.mac ?? newMac(),
    admin_up: wish.adminUp === false ? 0 : 1,
    status: 'DOWN',
    device_id: wish.deviceId,
    device_owner: wish.deviceOwner,
    port_security: wish.security === true ? 1 : 0,
    pairs: toJson(wish.pairs ?? []),
    dhcp_opts: toJson(wish.options ?? []),
    host_id: wish.hostId ?? '',
    vnic_type: 'normal',
    profile: toJson(wish.profile ?? {}),
    owned: wish.owned === true ? 1 : 0,
    netns: null,
    ifname: null,
    published: '[]',
    deleted: 0,
  }
}

/** Writes a port with its addresses; routers and floating IPs make theirs here too. */
export async function addPort(
  tx: Ctx,
  network: Pick<NetworkRow, 'id'>,
  wish: PortWish,
): Promise<MadePort> {
  const row = newPortRow(tx, network.id, wish)
  const mac = await insertPort(tx, row, wish.macIsWished === true)
  const subnets = (await subnetsIn(tx, network.id)).filter(
    ({ version }) => wish.onlyIpv4 !== true || version === 4,
  )
  if (wish.fixedIps !== undefined) checkFixedIpCount(wish.fixedIps.length)
  const choices = choose(
    { networkId: network.id, subnets, mac, deviceOwner: wish.deviceOwner },
    wish.fixedIps,
  )
  const fixedIps = await allocate(tx, { id: row.id, networkId: network.id }, choices)
  await addGroups(tx, row.id, wish.groupIds ?? [])
  return { row: { ...row, mac }, fixedIps, groupIds: wish.groupIds ?? [] }
}

export async function updatePort(tx: Ctx, row: PortRow, wish: PortChangeWish): Promise<void> {
  const network = await getNetwork(tx, row.network_id)
  mustHaveRights(tx, network, wish, 'update_port')
  const mac = await changedMac(tx, row, wish.mac_address)
  const hadGroups = await groupIdsOf(tx, row.id)
  const { security, groups, pairs } = await changedSecurity(tx, row, wish, mac, hadGroups)
  const device = {
    device_id: wish.device_id ?? row.device_id,
    device_owner: wish.device_owner ?? row.device_owner,
  }
  const moved =
    wish.fixed_ips === undefined
      ? false
      : await changeAddresses(tx, { ...row, ...device, mac }, wish.fixed_ips)
  if (wish.security_groups !== undefined) await setGroups(tx, row.id, groups)
  await changeRow(tx, portSpec, row.id, {
    ...plainChanges(row, wish),
    mac,
    port_security: security ? 1 : 0,
    pairs: toJson(pairs),
    ...device,
  })
  await portChanged(tx, { ...row, ...device })
  if (device.device_id !== row.device_id || device.device_owner !== row.device_owner)
    await portChanged(tx, row)
  if (moved || wish.security_groups !== undefined || wish.allowed_address_pairs !== undefined)
    await membershipChanged(tx, [...new Set([...hadGroups, ...groups])])
}

interface Security {
  readonly security: boolean
  readonly groups: readonly string[]
  readonly pairs: readonly Pair[]
}

async function changedSecurity(
  tx: Ctx,
  row: PortRow,
  wish: PortChangeWish,
  mac: string,
  had: readonly string[],
): Promise<Security> {
  const asked = wish.port_security_enabled
  const security = asked === undefined ? row.port_security === 1 : isTrue(asked)
  const groups =
    wish.security_groups === undefined
      ? had
      : await groupsFor(tx, wish.security_groups ?? [], row.project_id, security)
  const pairs =
    wish.allowed_address_pairs === undefined
      ? fromJson<Pair[]>(row.pairs)
      : pairsOf(wish.allowed_address_pairs, mac)
  checkSecurity(
    { security, groups, pairs },
    wish.security_groups !== undefined && asked === undefined,
  )
  return { security, groups, pairs }
}

/** Attributes that need nothing but to be written. */
function plainChanges(
  row: PortRow,
  wish: PortChangeWish,
): Record<string, string | number | undefined> {
  return {
    name: wish.name,
    description: wish.description,
    admin_up: given(wish.admin_state_up, (on) => bit(on, true)),
    dhcp_opts: given(wish.extra_dhcp_opts, (options) =>
      toJson(mergedOptions(fromJson<DhcpOption[]>(row.dhcp_opts), options)),
    ),
    host_id: given(wish['binding:host_id'], (host) => host ?? ''),
    profile: given(wish['binding:profile'], (profile) => toJson(profile ?? {})),
  }
}

/** The MAC that is asked for, or by null a fresh one. */
async function changedMac(
  tx: Ctx,
  row: PortRow,
  asked: string | null | undefined,
): Promise<string> {
  if (asked === undefined || asked?.toLowerCase() === row.mac) return row.mac
  const mac = asked === null ? newMac() : macOf(asked)
  if (row.netns !== null)
    throw neutronError(
      'conflict',
      'PortBound',
      `Unable to complete operation on port ${row.id}, port is already bound, port type: ${row.device_owner}, old_mac ${row.mac}, new_mac ${mac}.`,
    )
  if (!(await macTaken(tx, row.network_id, mac, row.id))) return mac
  if (asked === null) return await changedMac(tx, row, null)
  throw macInUse(row.network_id, mac)
}

/** From the addresses a port has to the ones it is to have: what stays is never let go of in between. */
async function changeAddresses(
  tx: Ctx,
  row: PortRow,
  wishes: readonly FixedIpWish[],
): Promise<boolean> {
  checkFixedIpCount(wishes.length)
  const subnets = await subnetsIn(tx, row.network_id)
  const had = await addressesOf(tx, [row.id])
  const free = [...had]
  // «an address of this subnet» is satisfied by one that the port has already
  const named = new Set(wishes.flatMap((wish) => wish.ip_address ?? []))
  const settled = wishes.map((wish) => {
    if (wish.ip_address !== undefined || wish.subnet_id === undefined) return wish
    const at = free.findIndex(
      (address) => address.subnet_id === wish.subnet_id && !named.has(address.address),
    )
    const [kept] = at < 0 ? [] : free.splice(at, 1)
    return kept === undefined ? wish : { subnet_id: wish.subnet_id, ip_address: kept.address }
  })
  const choices = choose(
    { networkId: row.network_id, subnets, mac: row.mac, deviceOwner: row.device_owner },
    settled,
  )
  const wanted = new Set(
    choices.flatMap((choice) => (choice.kind === 'this' ? [choice.address] : [])),
  )
  const gone = had.filter(({ address }) => !wanted.has(address)).map(({ address }) => address)
  await deleteAddresses(tx, row.network_id, gone)
  for (const address of gone) await detachFrom(tx, row.id, address)
  const kept = new Set(had.map(({ address }) => address))
  for (const [position, choice] of choices.entries()) {
    if (choice.kind === 'this' && kept.has(choice.address))
      await setPosition(tx, row.network_id, choice.address, position)
    else await allocate(tx, { id: row.id, networkId: row.network_id }, [choice], position)
  }
  return gone.length > 0 || choices.length > had.length
}

/** The port goes with all that hangs on it; a plugged one is unplugged by its reconciler. */
export async function dropPort(tx: Ctx, row: PortTable): Promise<void> {
  await detachFrom(tx, row.id)
  await leaveTrunks(tx, row.id)
  const groups = await groupIdsOf(tx, row.id)
  await hidePort(tx, row)
  if (row.netns !== null) await nudge(tx, kinds.port, row.id)
  await membershipChanged(tx, groups)
}
