import { createHash } from 'node:crypto'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { PortInfo } from '../../network/face.ts'
import { linksOf } from '../wire/links.ts'
import { novaTime, zuluTime } from '../wire/times.ts'
import type { ServerParts } from './parts.ts'
import type { Server } from './schema.ts'

type Json = Record<string, unknown>

/** Which of the API's three shapes: before 2.75 the answers of update and rebuild are smaller than that of show. */
export type ViewKind = 'show' | 'detail' | 'update' | 'rebuild'

/** What one request settles for all servers it shows, so that a long list asks policy and version once. */
interface Lens {
  readonly req: Req
  readonly since: (version: string) => boolean
  readonly isAdmin: boolean
  readonly showAttributes: boolean
  readonly showHostStatus: boolean
  readonly hostId: (projectId: string, host: string) => string
}

/** `groups`: the server groups that still hold the server; only single-server answers show them. */
export type Viewer = (parts: ServerParts, kind: ViewKind, groups?: readonly string[]) => Json

/** A view of servers for this request. */
export function viewer(ctx: Ctx, req: Req): Viewer {
  const lens: Lens = {
    req,
    since: remembered((version) => atLeast(req.version, version)),
    isAdmin: can(ctx, 'admin'),
    showAttributes: can(ctx, 'os_compute_api:os-extended-server-attributes'),
    showHostStatus: can(ctx, 'os_compute_api:servers:show:host_status'),
    hostId: remembered(hostIdOf),
  }
  return (parts, kind, groups = []) => {
    const whole = kind === 'show' || kind === 'detail' || lens.since('2.75')
    return {
      ...commonView(lens, parts, whole),
      ...(whole ? extendedView(lens, parts, kind) : {}),
      ...laterView(lens, parts, kind, whole, groups),
    }
  }
}

function remembered<A extends string[], T>(work: (...args: A) => T): (...args: A) => T {
  const known = new Map<string, T>()
  return (...args) => {
    const key = args.join(' ')
    const value = known.get(key) ?? work(...args)
    known.set(key, value)
    return value
  }
}

export function briefView(req: Req, server: Server): Json {
  return { id: server.id, name: server.name, links: linksOf(req, 'servers', server.id) }
}

const WITH_PROGRESS = new Set([
  'ACTIVE',
  'BUILD',
  'REBUILD',
  'RESIZE',
  'VERIFY_RESIZE',
  'MIGRATING',
])

function commonView(
  { req, since, isAdmin, hostId }: Lens,
  { server, status, ports }: ServerParts,
  whole: boolean,
): Json {
  const { fault } = status
  const placed = status.vmState !== 'shelved_offloaded'
  return {
    id: server.id,
    name: server.name,
    status: status.status,
    tenant_id: server.projectId,
    user_id: server.userId,
    metadata: server.metadata,
    hostId: placed ? hostId(server.projectId, server.host) : '',
    image: {
      id: server.imageId,
      links: linksOf(req, 'images', server.imageId).filter((link) => link.rel === 'bookmark'),
    },
    flavor: flavorView(req, server, since('2.47')),
    created: zuluTime(server.createdAt),
    updated: zuluTime(server.updatedAt),
    addresses: addressesOf(ports, whole),
    accessIPv4: server.accessIpv4,
    accessIPv6: server.accessIpv6,
    'OS-DCF:diskConfig': server.diskConfig,
    links: linksOf(req, 'servers', server.id),
    ...(WITH_PROGRESS.has(status.status) ? { progress: 0 } : {}),
    ...(fault === undefined
      ? {}
      : {
          fault: {
            code: fault.code,
            created: zuluTime(fault.created),
            message: fault.message,
            ...(isAdmin && fault.details !== '' ? { details: fault.details } : {}),
          },
        }),
  }
}

/** What show and detail add at 2.1 and 2.3, some of it for administrators only. */
function extendedView(
  { since, showAttributes, showHostStatus }: Lens,
  { server, status, ports, zone }: ServerParts,
  kind: ViewKind,
): Json {
  const groups = [
    ...new Set(ports.flatMap((port) => port.securityGroups.map((group) => group.name))),
  ]
  const placed = status.vmState !== 'shelved_offloaded'
  return {
    key_name: server.keyName,
    config_drive: server.configDrive ? 'True' : '',
    'OS-EXT-AZ:availability_zone': placed ? zone : '',
    'OS-EXT-STS:task_state': status.taskState,
    'OS-EXT-STS:vm_state': status.vmState,
    'OS-EXT-STS:power_state': status.powerState,
    'OS-SRV-USG:launched_at': server.launchedAt === null ? null : novaTime(server.launchedAt),
    'OS-SRV-USG:terminated_at': server.terminatedAt === null ? null : novaTime(server.terminatedAt),
    'os-extended-volumes:volumes_attached': [],
    // the key is missing, not empty, when no port has a group
    ...(groups.length === 0 ? {} : { security_groups: groups.map((name) => ({ name })) }),
    ...(showAttributes ? adminView(server, placed, since('2.3'), kind) : {}),
    ...(showHostStatus && since('2.16') ? { host_status: placed ? 'UP' : '' } : {}),
  }
}

function adminView(server: Server, placed: boolean, more: boolean, kind: ViewKind): Json {
  const host = placed ? server.host : null
  return {
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
    'OS-EXT-SRV-ATTR:instance_name': `sy-${server.id}`,
    ...(more
      ? {
          'OS-EXT-SRV-ATTR:hostname': server.hostname,
          'OS-EXT-SRV-ATTR:reservation_id': server.reservationId,
          'OS-EXT-SRV-ATTR:launch_index': server.launchIndex,
          'OS-EXT-SRV-ATTR:kernel_id': '',
          'OS-EXT-SRV-ATTR:ramdisk_id': '',
          // the name that Nova gives to the first disk; clients take it for granted
          'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
          // a rebuild answers it as plain `user_data`
          ...(kind === 'rebuild' ? {} : { 'OS-EXT-SRV-ATTR:user_data': server.userData }),
        }
      : {}),
  }
}

/** Keys that came with later microversions. */
function laterView(
  { since }: Lens,
  { server, tags, status }: ServerParts,
  kind: ViewKind,
  whole: boolean,
  groups: readonly string[],
): Json {
  const single = kind !== 'detail'
  return {
    ...(since('2.9') ? { locked: server.locked } : {}),
    ...(since('2.19') ? { description: server.description } : {}),
    ...(since('2.26') ? { tags } : {}),
    ...(kind === 'rebuild' && !whole && since('2.54') ? { key_name: server.keyName } : {}),
    ...(kind === 'rebuild' && since('2.57') ? { user_data: server.userData } : {}),
    ...(since('2.63') ? { trusted_image_certificates: server.trustedCerts } : {}),
    ...(single && since('2.71') ? { server_groups: groups } : {}),
    ...(since('2.73') ? { locked_reason: server.locked ? server.lockedReason : null } : {}),
    ...(since('2.90') && whole ? { 'OS-EXT-SRV-ATTR:hostname': server.hostname } : {}),
    ...(since('2.96')
      ? { pinned_availability_zone: status.vmState === 'shelved_offloaded' ? null : server.zone }
      : {}),
  }
}

function flavorView(req: Req, server: Server, embedded: boolean): Json {
  const { flavor } = server
  if (!embedded)
    return {
      id: flavor.id,
      links: linksOf(req, 'flavors', flavor.id).filter((link) => link.rel === 'bookmark'),
    }
  return {
    original_name: flavor.name,
    vcpus: flavor.vcpus,
    ram: flavor.ramMiB,
    disk: flavor.diskGiB,
    ephemeral: flavor.ephemeralGiB,
    swap: flavor.swapMiB,
    extra_specs: flavor.extraSpecs,
  }
}

/** `{ <network name>: [address…] }`, fixed addresses first, then the floating ones that lead to them. */
export function addressesOf(ports: readonly PortInfo[], extended: boolean): Record<string, Json[]> {
  const addresses = new Map<string, Json[]>()
  for (const port of ports) {
    const list = addresses.get(port.networkName) ?? []
    addresses.set(port.networkName, list)
    const add = (addr: string, type: 'fixed' | 'floating'): number =>
      list.push({
        version: addr.includes(':') ? 6 : 4,
        addr,
        ...(extended ? { 'OS-EXT-IPS:type': type, 'OS-EXT-IPS-MAC:mac_addr': port.mac } : {}),
      })
    for (const fixed of port.fixedIps) add(fixed.address, 'fixed')
    for (const { floating } of port.floatingIps) add(floating, 'floating')
  }
  return Object.fromEntries(addresses)
}

/** Tells whether two servers of one project share a host, without telling which. */
export function hostIdOf(projectId: string, host: string): string {
  return createHash('sha224')
    .update(projectId + host)
    .digest('hex')
}
