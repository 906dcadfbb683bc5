import { must, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError, isCloudError } from '../../../kernel/errors/cloud-error.ts'
import type { GuestFile } from '../../../ports/compute.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { findFlavor } from '../flavors/store.ts'
import { findKeypair } from '../keypairs/store.ts'
import { servicesAllowScheduling } from '../os-services/store.ts'
import { limitOf } from '../quotas/check.ts'
import { findServerGroup } from '../server-groups/store.ts'
import type { AskedFile, Hints, ServerWish } from './create-schema.ts'
import type { FlavorSnapshot } from './schema.ts'
import { findServer, serversOnHost } from './store.ts'

/** A flavor by id or link; 400 because the path of the request is not the flavor's. */
export async function flavorFor(ctx: Ctx, ref: string | number): Promise<FlavorSnapshot> {
  const id = String(ref).split('/').at(-1) ?? ''
  const flavor = await findFlavor(ctx, id)
  if (flavor === undefined || flavor.disabled)
    throw cloudError('badRequest', `Flavor ${id.slice(0, 255)} could not be found.`)
  const { name, vcpus, ramMiB, diskGiB, ephemeralGiB, swapMiB, extraSpecs } = flavor
  return { id: flavor.id, name, vcpus, ramMiB, diskGiB, ephemeralGiB, swapMiB, extraSpecs }
}

/** An image that can become a container with this flavor, and the key the engine knows it by. */
export async function imageFor(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  flavor: FlavorSnapshot,
): Promise<ImageInfo & { readonly key: string }> {
  const image = await deps.image.findImage(ctx, id)
  if (image === undefined)
    throw cloudError(
      'badRequest',
      `Can not find requested image ${id.slice(0, 255)}: there is none, or this project may not see it.`,
    )
  if (image.status !== 'active' || image.key === null)
    throw cloudError('badRequest', `Image ${id} is not active: its status is ${image.status}.`)
  if (image.containerFormat !== 'docker') {
    throw cloudError(
      'badRequest',
      `Image ${id} cannot be run: its container_format is ${image.containerFormat ?? 'not set'} and must be docker. Upload the output of \`docker save\` with --container-format docker --disk-format raw.`,
    )
  }
  if (image.minRamMiB > flavor.ramMiB)
    throw cloudError(
      'badRequest',
      `Flavor's memory is too small for requested image. Flavor has ${flavor.ramMiB} MB, image ${id} needs ${image.minRamMiB} MB.`,
    )
  // a flavor without a disk size has no limit
  if (flavor.diskGiB > 0 && image.minDiskGiB > flavor.diskGiB) {
    throw cloudError(
      'badRequest',
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${flavor.diskGiB} GB, minimum size is ${image.minDiskGiB} GB.`,
    )
  }
  return { ...image, key: image.key }
}

/** The image to boot: `imageRef`, or the block device that says the same in other words. Volumes are refused with the reason. */
export function bootImageId(wish: ServerWish): string {
  const devices = wish.block_device_mapping_v2 ?? []
  const local = devices.filter(
    (device) =>
      device['source_type'] === 'image' && (device['destination_type'] ?? 'local') === 'local',
  )
  const others = devices.filter(
    (device) => !local.includes(device) && device['no_device'] === undefined,
  )
  if (others.length > 0 || (wish.block_device_mapping ?? []).length > 0) {
    throw cloudError(
      'badRequest',
      'Block Device Mapping is Invalid: servers here have one root disk from an image (source_type image, destination_type local). Volumes, snapshots and blank disks need block storage for servers, which this cloud does not offer.',
    )
  }
  const [root] = local
  const fromDevice = typeof root?.['uuid'] === 'string' ? root['uuid'] : undefined
  const fromRef = wish.imageRef === '' ? undefined : wish.imageRef
  if (local.length > 1 || (root !== undefined && Number(root['boot_index'] ?? 0) !== 0)) {
    throw cloudError(
      'badRequest',
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    )
  }
  if (root !== undefined && fromDevice === undefined)
    throw cloudError(
      'badRequest',
      'Block Device Mapping is Invalid: a device with source_type image needs the uuid of the image.',
    )
  const id = fromRef ?? fromDevice
  if (id === undefined)
    throw cloudError('badRequest', 'Invalid imageRef provided: a server needs an image to boot.')
  if (fromDevice !== undefined && fromDevice !== id)
    throw cloudError(
      'badRequest',
      'Block Device Mapping is Invalid: the root device must be of the image in imageRef.',
    )
  return id
}

export async function keypairFor(
  ctx: Ctx,
  name: string | undefined | null,
): Promise<{ readonly keyName: string | null; readonly publicKey: string | null }> {
  if (name === undefined || name === null) return { keyName: null, publicKey: null }
  const keypair = await findKeypair(ctx, ctx.who?.userId ?? '', name)
  if (keypair === undefined)
    throw cloudError(
      'badRequest',
      `Invalid key_name provided: there is no keypair ${name.slice(0, 255)}.`,
    )
  // an x509 certificate is no ssh key: it is shown, not injected
  return { keyName: name, publicKey: keypair.type === 'ssh' ? keypair.publicKey : null }
}

/** Ids of the asked groups, each once; undefined for the network's own default. */
export async function securityGroupsFor(
  ctx: Ctx,
  deps: ComputeDeps,
  asked: ServerWish['security_groups'],
): Promise<readonly string[] | undefined> {
  const names = [
    ...new Set(
      (asked ?? []).flatMap((group) =>
        group.name === undefined || group.name === '' ? [] : [group.name],
      ),
    ),
  ]
  if (names.length === 0 || (names.length === 1 && names[0] === 'default')) return undefined
  const ids: string[] = []
  for (const name of names) {
    try {
      ids.push((await deps.network.resolveSecurityGroup(ctx, name)).id)
    } catch (error) {
      if (!isCloudError(error, 'notFound')) throw error
      throw cloudError(
        'badRequest',
        `Security group ${name} not found for project ${ctx.who?.projectId ?? ''}.`,
      )
    }
  }
  return [...new Set(ids)]
}

/** Files to inject (up to 2.56), within the project's limits. */
export async function filesFor(
  ctx: Ctx,
  projectId: string,
  asked: readonly AskedFile[] | undefined,
): Promise<readonly GuestFile[]> {
  if (asked === undefined || asked.length === 0) return []
  const [count, bytes, pathBytes] = [
    await limitOf(ctx, projectId, 'injected_files'),
    await limitOf(ctx, projectId, 'injected_file_content_bytes'),
    await limitOf(ctx, projectId, 'injected_file_path_bytes'),
  ]
  const over = (value: number, limit: number): boolean => limit >= 0 && value > limit
  if (over(asked.length, count))
    throw cloudError(
      'quotaExceeded',
      `Personality file limit exceeded: ${count} files are allowed.`,
    )
  const files = asked.map((file) => {
    const content = Buffer.from(file.contents, 'base64')
    if (over(content.length, bytes))
      throw cloudError('quotaExceeded', `Personality file content exceeds maximum length ${bytes}.`)
    if (over(Buffer.byteLength(file.path), pathBytes))
      throw cloudError(
        'quotaExceeded',
        `Personality file path exceeds maximum length ${pathBytes}.`,
      )
    return { path: absolute(file.path), content: content.toString('base64'), mode: 0o644 }
  })
  if (new Set(files.map((file) => file.path)).size < files.length)
    throw cloudError('badRequest', 'Invalid personality: a path is given twice.')
  return files
}

/** Below the root, without `.` and `..`: a file must not leave the container. */
function absolute(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.length === 0 || parts.includes('..') || path.endsWith('/'))
    throw cloudError(
      'badRequest',
      `Invalid personality: '${path.slice(0, 100)}' is not a path of a file.`,
    )
  return `/${parts.join('/')}`
}

export async function checkMetadata(
  ctx: Ctx,
  projectId: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const limit = await limitOf(ctx, projectId, 'metadata_items')
  if (limit >= 0 && Object.keys(metadata).length > limit)
    throw cloudError('quotaExceeded', `Maximum number of metadata items exceeds ${limit}`)
}

/** There is one host: what asks for another is refused now, not by a server that ends in ERROR. */
export async function checkPlacement(
  ctx: Ctx,
  deps: ComputeDeps,
  wish: Pick<ServerWish, 'host' | 'hypervisor_hostname'>,
  hints: Hints,
  count: number,
): Promise<void> {
  for (const host of [wish.host, wish.hypervisor_hostname]) {
    if (host === undefined) continue
    must(ctx, 'os_compute_api:servers:create:requested_destination')
    if (host !== deps.hostName)
      throw cloudError('badRequest', `Compute host ${host} could not be found.`)
  }
  if (!(await servicesAllowScheduling(ctx)))
    throw cloudError(
      'badRequest',
      'No valid host was found. The compute service of every host is disabled or forced down.',
    )
  await checkHosts(ctx, deps, hints)
  if (hints.group === undefined) return
  const group = await findServerGroup(ctx, hints.group)
  if (group === undefined)
    throw cloudError('badRequest', `Instance group ${hints.group} could not be found.`)
  if (group.policy !== 'anti-affinity') return
  const here = new Set((await serversOnHost(ctx, deps.hostName)).map((server) => server.id))
  const members = group.members.filter((id) => here.has(id)).length
  if (members + count > (group.maxServersPerHost ?? 1)) {
    throw cloudError(
      'badRequest',
      `No valid host was found. The anti-affinity policy of group ${group.name} needs another host, and there is one only.`,
    )
  }
}

async function checkHosts(ctx: Ctx, deps: ComputeDeps, hints: Hints): Promise<void> {
  const list = (value: string | readonly string[] | undefined): readonly string[] =>
    value === undefined ? [] : typeof value === 'string' ? [value] : value
  for (const id of list(hints.different_host)) {
    if ((await findServer(ctx, id))?.host === deps.hostName)
      throw cloudError(
        'badRequest',
        `No valid host was found. Server ${id} is on the only host there is.`,
      )
  }
  for (const id of list(hints.same_host)) {
    if ((await findServer(ctx, id)) === undefined)
      throw cloudError(
        'badRequest',
        `No valid host was found. The hint same_host names server ${id}, which does not exist.`,
      )
  }
}
