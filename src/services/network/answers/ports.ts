import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { projectOf } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { neutronError } from '../fault.ts'
import type { DeviceOwner, NetworkFace, NewPort, PortInfo } from '../face.ts'
import { macOfLinkLocal } from '../addressing/address.ts'
import { writePortNames } from '../dns/store.ts'
import { floatingIpsOfPorts } from '../floating-ips/store.ts'
import { nameServersOf } from '../guests/name-servers.ts'
import { portWithMac } from '../guests/store.ts'
import { addressesWithSubnets, namesOfPorts } from './store.ts'
import { getNetwork } from '../networks/store.ts'
import { createPort, dropPort, updatePort } from '../ports/create.ts'
import type { PortRow } from '../ports/schema.ts'
import {
  anyPort,
  getPort,
  plainUpdate,
  portSpec,
  portsById,
  portsOfDevices,
  portWithAddress,
} from '../ports/store.ts'
import { groupsOfPorts } from '../security-groups/store.ts'
import { askingProject, seesAll } from '../standard/access.ts'
import { changeRow, findRow } from '../standard/store.ts'
import type { PortTable } from '../tables.ts'

export interface PortSettings {
  readonly host: string
  /** Domain of networks that have none of their own. */
  readonly dnsDomain: string
}

type PortAnswers = Pick<
  NetworkFace,
  | 'createPort'
  | 'claimPort'
  | 'findPort'
  | 'portsOf'
  | 'releasePort'
  | 'portAt'
  | 'setPortSecurityGroups'
>

/** Ports, as services to the right know them. */
export function portAnswers(settings: PortSettings): PortAnswers {
  const infos = async (ctx: Ctx, rows: readonly PortTable[]): Promise<readonly PortInfo[]> =>
    await portInfos(ctx, rows, settings.dnsDomain)
  const one = async (ctx: Ctx, row: PortTable | undefined): Promise<PortInfo | undefined> =>
    row === undefined ? undefined : (await infos(ctx, [row]))[0]
  const must = async (ctx: Ctx, id: string): Promise<PortInfo> => {
    const info = await one(ctx, (await portsById(ctx, [id]))[0])
    if (info === undefined)
      throw neutronError('notFound', 'PortNotFound', `Port ${id} could not be found.`)
    return info
  }
  return {
    createPort: async (ctx, wish) =>
      await inTx(ctx, async (tx) => await must(tx, await createFor(tx, wish, settings.host))),
    claimPort: async (ctx, id, device) =>
      await inTx(ctx, async (tx) => {
        await claim(tx, id, device, settings.host)
        return await must(tx, id)
      }),
    findPort: async (ctx, id) => await one(ctx, await findRow<PortRow>(ctx, portSpec, id)),
    portsOf: async (ctx, deviceIds) => await infos(ctx, await portsOfDevices(ctx, deviceIds)),
    releasePort: async (ctx, id) => await inTx(ctx, async (tx) => await release(tx, id)),
    portAt: async (ctx, networkId, address) =>
      await one(ctx, await portOfGuest(ctx, networkId, address)),
    setPortSecurityGroups: async (ctx, id, groupIds) =>
      await inTx(
        ctx,
        async (tx) =>
          await updatePort(tx, await getPort(tx, id), { security_groups: [...groupIds] }),
      ),
  }
}

/** A guest that speaks IPv6 only shows the address that its MAC makes. */
async function portOfGuest(
  ctx: Ctx,
  networkId: string,
  address: string,
): Promise<PortTable | undefined> {
  const mac = macOfLinkLocal(address)
  return mac === undefined
    ? await portWithAddress(ctx, networkId, address)
    : await portWithMac(ctx, networkId, mac)
}

async function createFor(tx: Ctx, wish: NewPort, host: string): Promise<string> {
  await mustTakeGuests(tx, wish.networkId)
  const { row } = await createPort(
    tx,
    {
      network_id: wish.networkId,
      name: wish.name,
      description: '',
      device_id: wish.deviceId,
      device_owner: wish.deviceOwner,
      'binding:host_id': host,
      ...(wish.fixedIps === undefined
        ? {}
        : { fixed_ips: wish.fixedIps.map((address) => ({ ip_address: address })) }),
      ...(wish.securityGroupIds === undefined
        ? {}
        : { security_groups: [...wish.securityGroupIds] }),
    },
    projectOf(tx),
    wish.owned,
  )
  if (wish.dnsName !== undefined)
    await writePortNames(tx, row.id, { dns_name: wish.dnsName.toLowerCase() })
  return row.id
}

/** An external network is the provider's: guests reach it through a router and floating addresses. */
async function mustTakeGuests(tx: Ctx, networkId: string): Promise<void> {
  const network = await getNetwork(tx, networkId)
  if (network.external === 0) return
  throw neutronError(
    'forbidden',
    'ExternalNetworkAttachForbidden',
    `It is not allowed to create an interface on external network ${networkId}: use a router and a floating IP.`,
  )
}

async function claim(tx: Ctx, id: string, device: DeviceOwner, host: string): Promise<void> {
  const port = await getPort(tx, id)
  if (port.project_id !== askingProject(tx) && !seesAll(tx))
    throw neutronError('notFound', 'PortNotFound', `Port ${id} could not be found.`)
  if (port.device_id !== '') {
    throw neutronError(
      'conflict',
      'PortInUse',
      `Unable to complete operation on port ${id} for network ${port.network_id}. Port already has an attached device ${port.device_id}.`,
    )
  }
  await mustTakeGuests(tx, port.network_id)
  await changeRow(tx, portSpec, id, {
    device_id: device.deviceId,
    device_owner: device.deviceOwner,
    host_id: host,
  })
  if (device.dnsName !== undefined)
    await writePortNames(tx, id, { dns_name: device.dnsName.toLowerCase() })
}

async function release(tx: Ctx, id: string): Promise<void> {
  const port = await anyPort(tx, id)
  if (port === undefined || port.deleted === 1) return
  if (port.owned === 1) return await dropPort(tx, port)
  await plainUpdate(tx, id, { device_id: '', device_owner: '', host_id: '' })
  await writePortNames(tx, id, { dns_name: '' })
}

/** Everything about many ports in a handful of queries. */
async function portInfos(
  ctx: Ctx,
  rows: readonly PortTable[],
  cloudDomain: string,
): Promise<readonly PortInfo[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const addresses = Map.groupBy(
    await addressesWithSubnets(ctx, { portIds: ids }),
    ({ port_id }) => port_id,
  )
  const groups = Map.groupBy(await groupsOfPorts(ctx, ids), ({ port_id }) => port_id)
  const floating = Map.groupBy(await floatingIpsOfPorts(ctx, ids), ({ port_id }) => port_id)
  const names = new Map((await namesOfPorts(ctx, { portIds: ids })).map((row) => [row.id, row]))
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    networkId: row.network_id,
    networkName: names.get(row.id)?.network ?? '',
    projectId: row.project_id,
    deviceId: row.device_id,
    mac: row.mac,
    mtu: names.get(row.id)?.mtu ?? 1500,
    dnsName: names.get(row.id)?.dns_name ?? '',
    dnsDomain: names.get(row.id)?.domain.replace(/\.$/, '') || cloudDomain,
    status: row.status,
    owned: row.owned === 1,
    fixedIps: (addresses.get(row.id) ?? []).map(fixedIpInfo),
    securityGroups: (groups.get(row.id) ?? []).map(({ group_id, name }) => ({
      id: group_id,
      name,
    })),
    floatingIps: (floating.get(row.id) ?? []).map(({ address, fixed_address }) => ({
      floating: address,
      fixed: fixed_address ?? '',
    })),
  }))
}

type Placed = Awaited<ReturnType<typeof addressesWithSubnets>>[number]

function fixedIpInfo(at: Placed): PortInfo['fixedIps'][number] {
  return {
    subnetId: at.subnet_id,
    address: at.address,
    version: at.version,
    cidr: at.cidr,
    gateway: at.gateway,
    dns: nameServersOf(at.dns, at.version),
  }
}
