import { mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { run } from '../../kernel/exec/run.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ContainerSpec, VolumeMount, WorkloadId } from '../../ports/compute.ts'
import { filesFolder, type BindMount } from './guest-files.ts'
import { checkId, type DockerHost } from './names.ts'

/**
 * Volumes with a size of their own: a sparse file `<folder>/<owner>/volumes/<name>.img` with an ext4 on it, mounted at
 * `<folder>/<owner>/volumes/<name>` and bound into containers from there. Mounts are gone after a start of the host, so each
 * container's folder has a note of those it needs, which is looked at before every start.
 */
const MIB = 1024 * 1024
const SMALLEST_MIB = 8

interface Place {
  readonly file: string
  readonly at: string
}

const volumesFolder = (host: DockerHost, id: WorkloadId): string =>
  join(filesFolder(host, id), 'volumes')
const notePath = (host: DockerHost, id: WorkloadId): string =>
  join(filesFolder(host, id), 'mounts.json')

/** Makes and mounts what the container needs. */
export async function ensureVolumes(
  host: DockerHost,
  spec: ContainerSpec,
): Promise<readonly BindMount[]> {
  const volumes = spec.volumes ?? []
  if (volumes.length === 0) {
    await rm(notePath(host, spec.id), { force: true })
    return []
  }
  checkPaths(spec)
  const places = volumes.map((volume) => placeOf(host, spec.id, volume))
  await writeFile(notePath(host, spec.id), JSON.stringify(places), { flush: true })
  const mounts: BindMount[] = []
  for (const [index, volume] of volumes.entries()) {
    const place = places[index]
    if (place === undefined) continue
    await oneAtATime(place.file, async () => {
      await makeFile(place.file, volume)
      await mount(place)
    })
    const { path, readOnly = false } = volume
    mounts.push({ Type: 'bind', Source: place.at, Target: normalize(path), ReadOnly: readOnly })
  }
  return mounts
}

/** Before a start: mounts again what the container was made with. */
export async function mountVolumes(host: DockerHost, id: WorkloadId): Promise<void> {
  const note = await readFile(notePath(host, id), 'utf8').catch(() => undefined)
  if (note === undefined) return
  for (const place of JSON.parse(note) as Place[])
    // written by `ensureVolumes` only
    await oneAtATime(place.file, async () => await mount(place))
}

/** Takes the workload's own volumes away; fails while another container uses one. The kernel lets go of the loop device by itself. */
export async function removeVolumes(host: DockerHost, id: WorkloadId): Promise<void> {
  const folder = volumesFolder(host, id)
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith('.img')) continue
    const at = join(folder, name.slice(0, -'.img'.length))
    while (await isMounted(at)) await run('umount', [at])
  }
  await rm(folder, { recursive: true, force: true })
}

function placeOf(host: DockerHost, id: WorkloadId, { name, ownerId }: VolumeMount): Place {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw cloudError('badRequest', `'${name}' cannot be the name of a volume`)
  const at = join(volumesFolder(host, checkId(ownerId ?? id)), name)
  return { file: `${at}.img`, at }
}

function checkPaths({ volumes = [], files }: ContainerSpec): void {
  const taken = new Set(files.map(({ path }) => normalize(path)))
  for (const { path, sizeMiB } of volumes) {
    const plain = normalize(path).replace(/(.)\/$/, '$1')
    const wrong =
      !path.startsWith('/') ||
      plain === '/' ||
      path.split('/').includes('..') ||
      /\p{Cc}/u.test(path)
    if (wrong || /^\/(proc|sys|dev)(\/|$)/.test(plain))
      throw cloudError('badRequest', `Cannot mount a volume at '${path}'`)
    if (taken.has(plain))
      throw cloudError('badRequest', `Two things are to be mounted at '${path}'`)
    taken.add(plain)
    if (sizeMiB < SMALLEST_MIB)
      throw cloudError('badRequest', `A volume has ${SMALLEST_MIB} MiB at least`)
  }
}

/** Under its own name only when it has a file system: a crash in between leaves nothing that would be taken for a volume. */
async function makeFile(file: string, { sizeMiB }: VolumeMount): Promise<void> {
  if ((await stat(file).catch(() => undefined)) !== undefined) return
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(`${file}.new`, 'w', 0o600)
  try {
    await handle.truncate(sizeMiB * MIB)
  } finally {
    await handle.close()
  }
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'nodiscard', `${file}.new`])
  await rename(`${file}.new`, file)
}

async function mount({ file, at }: Place): Promise<void> {
  await mkdir(at, { recursive: true, mode: 0o700 })
  if (await isMounted(at)) return
  await run('mount', ['-t', 'ext4', '-o', 'loop,nodev,discard', file, at])
  await rm(join(at, 'lost+found'), { recursive: true, force: true })
}

async function isMounted(at: string): Promise<boolean> {
  const [here, above] = await Promise.all(
    [at, dirname(at)].map(async (path) => await stat(path).catch(() => undefined)),
  )
  return here !== undefined && above !== undefined && here.dev !== above.dev
}

/** Two containers of a capsule may be made at once with the same volume. */
const underWay = new Map<string, Promise<void>>()

async function oneAtATime(file: string, work: () => Promise<void>): Promise<void> {
  const mine = (underWay.get(file) ?? Promise.resolve()).catch(() => undefined).then(work)
  underWay.set(file, mine)
  try {
    await mine
  } finally {
    if (underWay.get(file) === mine) underWay.delete(file)
  }
}
