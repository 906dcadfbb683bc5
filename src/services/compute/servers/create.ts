import { randomBytes, randomUUID } from 'node:crypto'
import type { Insertable } from 'kysely'
import { projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError, isCloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { reply, type Reply, type Req } from '../../../kernel/http/route.ts'
import type { GuestFile } from '../../../ports/compute.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { PortInfo } from '../../network/face.ts'
import { zoneOfHost } from '../availability-zones/zones.ts'
import type { ComputeDeps } from '../deps.ts'
import type { Guest, VendorData } from '../metadata/guest.ts'
import { checkServerQuota } from '../quotas/check.ts'
import { addServerGroupMember } from '../server-groups/store.ts'
import { linksOf } from '../wire/links.ts'
import { toBoolean, toInteger } from '../wire/schemas.ts'
import { canonicalIp } from './canonical-ip.ts'
import {
  bootImageId,
  checkMetadata,
  checkPlacement,
  filesFor,
  flavorFor,
  imageFor,
  keypairFor,
  securityGroupsFor,
} from './create-checks.ts'
import type { CreateBody, Hints, ServerWish } from './create-schema.ts'
import { processOf } from './guest-process.ts'
import { hostnameOf } from './hostname.ts'
import { logAction } from './instance-actions/store.ts'
import { limitsOfFlavor } from './limits.ts'
import { makePorts, planNics, tagsOfNics, type PlannedNic } from './nics.ts'
import type { FlavorSnapshot, ServerTable } from './schema.ts'
import { flavorColumns, insertServer, setTags } from './store.ts'
import { zoneFor } from './zones.ts'

/** What all servers of one request share. */
interface Order {
  readonly wish: ServerWish
  readonly hints: Hints
  readonly projectId: string
  readonly flavor: FlavorSnapshot
  readonly image: ImageInfo & { readonly key: string }
  readonly key: { readonly keyName: string | null; readonly publicKey: string | null }
  readonly groupIds: readonly string[] | undefined
  readonly nics: readonly PlannedNic[]
  readonly files: readonly GuestFile[]
  readonly zone: string | null
  readonly hostZone: string
  readonly vendorData: VendorData
  readonly reservationId: string
  readonly count: number
  readonly description: string | null
}

/** The generation that a new workload is wished with. */
const FIRST_GENERATION = 1

/** What nothing has happened to yet. */
const untouched = {
  previous_flavor: null,
  locked: 0,
  locked_reason: null,
  locked_by: null,
  state: 'normal',
  task: toJson({ kind: 'build', generation: FIRST_GENERATION }),
  fault: null,
  shelved_image_id: null,
  password: null,
  launched_at: null,
  terminated_at: null,
  deleted_at: null,
} as const

/** One request may make this many servers, whatever its quota. */
const MAX_COUNT = 1000

/** `POST /servers`: everything is checked, then rows, ports and workloads are written in one transaction. Nothing waits for an engine. */
export async function createServers(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req<unknown, unknown, CreateBody>,
): Promise<Reply> {
  const { server: wish } = req.body
  const { order, minCount } = await orderOf(ctx, deps, req)
  const ids = await inTx(ctx, async (tx) => {
    const count = await affordable(tx, order, minCount)
    const made: string[] = []
    for (let at = 0; at < count; at++) made.push(await createOne(tx, deps, order, at))
    return made
  })
  const [id] = ids
  if (id === undefined) throw new Error('an order makes at least one server')
  if (wish.return_reservation_id !== undefined && toBoolean(wish.return_reservation_id))
    return reply(202, { reservation_id: order.reservationId })
  const links = linksOf(req, 'servers', id)
  const names = (wish.security_groups ?? []).flatMap((group) =>
    group.name === undefined ? [] : [group.name],
  )
  return reply(
    202,
    {
      server: {
        id,
        links,
        'OS-DCF:diskConfig': wish['OS-DCF:diskConfig'] ?? 'MANUAL',
        security_groups: [...new Set(names.length > 0 ? names : ['default'])].map((name) => ({
          name,
        })),
        adminPass: wish.adminPass ?? randomPassword(),
      },
    },
    { Location: links[0]?.href ?? '' },
  )
}

/** Alphanumeric, for the answer only: containers have no password to set. */
export function randomPassword(): string {
  return randomBytes(24)
    .toString('base64')
    .replaceAll(/[^a-zA-Z0-9]/g, '')
    .slice(0, 12)
    .padEnd(12, 'x')
}

async function orderOf(
  ctx: Ctx,
  deps: ComputeDeps,
  { body, version }: Req<unknown, unknown, CreateBody>,
): Promise<{ readonly order: Order; readonly minCount: number }> {
  const { server: wish } = body
  const hints = body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {}
  const minCount = toInteger(wish.min_count ?? 1, 'min_count', 1)
  const count = toInteger(wish.max_count ?? minCount, 'max_count', 1)
  if (minCount > count) throw cloudError('badRequest', 'min_count must be <= max_count')
  if (count > MAX_COUNT) throw cloudError('badRequest', `max_count must be <= ${MAX_COUNT}`)
  const projectId = projectOf(ctx)
  await checkMetadata(ctx, projectId, wish.metadata ?? {})
  const flavor = await flavorFor(ctx, wish.flavorRef)
  const image = await imageFor(ctx, deps, bootImageId(wish), flavor)
  const zone = await zoneFor(ctx, deps, wish.availability_zone)
  await checkPlacement(ctx, deps, wish, hints, count)
  const order: Order = {
    wish,
    hints,
    projectId,
    flavor,
    image,
    zone,
    count,
    // before 2.19 clients could not give one, and it was the name
    description: atLeast(version, '2.19') ? (wish.description ?? null) : wish.name,
    key: await keypairFor(ctx, wish.key_name),
    hostZone: await zoneOfHost(ctx, deps.hostName),
    vendorData: deps.vendorData,
    groupIds: await securityGroupsFor(ctx, deps, wish.security_groups),
    nics: await planNics(ctx, deps, wish.networks, count),
    files: await filesFor(ctx, projectId, wish.personality),
    reservationId: `r-${randomBytes(4).toString('hex')}`,
  }
  return { order, minCount }
}

/** As many servers as the quota allows, at least `minCount`; 403 when not even those. */
async function affordable(tx: Ctx, order: Order, minCount: number): Promise<number> {
  const check = async (instances: number): Promise<void> =>
    await checkServerQuota(tx, order.projectId, {
      instances,
      cores: order.flavor.vcpus * instances,
      ramMiB: order.flavor.ramMiB * instances,
    })
  await check(minCount)
  let [fits, tooMany] = [minCount, order.count + 1]
  while (tooMany - fits > 1) {
    // the whole order first: it fits nearly always
    const next = tooMany > order.count ? order.count : Math.floor((fits + tooMany) / 2)
    try {
      await check(next)
      fits = next
    } catch (error) {
      if (!isCloudError(error, 'quotaExceeded')) throw error
      tooMany = next
    }
  }
  return fits
}

/** One server of an order: its ports, its row, its workload and its first log line. */
async function createOne(tx: Ctx, deps: ComputeDeps, order: Order, at: number): Promise<string> {
  const { flavor, image, projectId } = order
  const id = randomUUID()
  const named = { id, hostname: hostnameAt(order, id, at) }
  const ports = await makePorts(tx, deps, named, order.nics, order.groupIds)
  const guest = guestOf(order, id, at, ports)
  await insertServer(tx, rowOf(tx, deps, order, guest))
  if (order.wish.tags !== undefined) await setTags(tx, id, order.wish.tags)
  if (order.hints.group !== undefined) await addServerGroupMember(tx, order.hints.group, id)
  await deps.workload.create(tx, {
    id,
    projectId,
    ownerKind: 'compute.server',
    name: guest.name,
    image: { imageId: image.id, key: image.key },
    limits: limitsOfFlavor(flavor),
    diskGiB: flavor.diskGiB,
    nics: ports.map((port, index) => ({ portId: port.id, index })),
    process: processOf(guest, image, ports, order.files),
    power: 'running',
  })
  await logAction(tx, {
    serverId: id,
    projectId,
    host: deps.hostName,
    action: 'create',
    generation: FIRST_GENERATION,
  })
  return id
}

const numbered = (order: Order, name: string, at: number): string =>
  order.count === 1 ? name : `${name}-${at + 1}`

const hostnameAt = (order: Order, id: string, at: number): string =>
  order.wish.hostname === undefined
    ? hostnameOf(numbered(order, order.wish.name, at), id)
    : numbered(order, order.wish.hostname, at)

function guestOf(order: Order, id: string, at: number, ports: readonly PortInfo[]): Guest {
  const { wish } = order
  const name = numbered(order, wish.name, at)
  return {
    id,
    name,
    hostname: hostnameAt(order, id, at),
    projectId: order.projectId,
    ...order.key,
    metadata: wish.metadata ?? {},
    launchIndex: at,
    reservationId: order.reservationId,
    zone: order.hostZone,
    vendorData: order.vendorData,
    imageId: order.image.id,
    flavorName: order.flavor.name,
    userData: wish.user_data ?? null,
    nicTags: tagsOfNics(order.nics, ports),
    configDrive:
      wish.config_drive !== undefined && wish.config_drive !== '' && toBoolean(wish.config_drive),
  }
}

function rowOf(tx: Ctx, deps: ComputeDeps, order: Order, guest: Guest): Insertable<ServerTable> {
  const { wish } = order
  const certs = wish.trusted_image_certificates ?? null
  const now = tx.now().toISOString()
  return {
    ...untouched,
    ...flavorColumns(order.flavor),
    id: guest.id,
    project_id: guest.projectId,
    user_id: whoOf(tx).userId,
    name: guest.name,
    hostname: guest.hostname,
    description: order.description,
    image_id: guest.imageId,
    key_name: guest.keyName,
    public_key: guest.publicKey,
    metadata: toJson(guest.metadata),
    hints: toJson(order.hints),
    nic_tags: toJson(guest.nicTags),
    trusted_certs: certs === null ? null : toJson(certs),
    zone: order.zone,
    config_drive: guest.configDrive ? 1 : 0,
    user_data: guest.userData,
    access_ipv4: wish.accessIPv4 ?? '',
    access_ipv6: canonicalIp(wish.accessIPv6 ?? ''),
    disk_config: wish['OS-DCF:diskConfig'] ?? 'MANUAL',
    host: deps.hostName,
    launch_index: guest.launchIndex,
    reservation_id: guest.reservationId,
    created_at: now,
    updated_at: now,
  }
}
