import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerSpec, WorkloadId } from '../../ports/compute.ts'
import { isDockerError } from './client.ts'
import type { NamedVolume } from './container-config.ts'
import { filesFolder } from './guest-files.ts'
import { imageRepository, type DockerHost, type Inspected } from './names.ts'

/**
 * A container made anew with the file system of the one before. It is needed when somebody removed a sandbox under its
 * container (Docker remembers the sandbox by id: such a container can never start again), and when another process is to
 * run on the same files (rescue). The file system is kept as an image, the anonymous volumes by name.
 *
 * The note of it stands in the workload's folder. It names every image before that is made, and names the new one as the
 * current one before the old container goes: whenever the process is killed, the files are in a container or in a noted
 * image, and nothing is made that a later removal does not find.
 */
interface Kept {
  readonly revision: number
  /** What the container is made from; null while the first is being made. */
  readonly image: string | null
  /** Every image there may be, the current one included. */
  readonly images: readonly string[]
  readonly volumes: readonly NamedVolume[]
}

const notePath = (host: DockerHost, id: WorkloadId): string =>
  join(filesFolder(host, id), 'kept.json')

/** Keeps what the container `seen` has written, for the container of `spec`; the container is gone then. */
export async function keepFileSystem(
  host: DockerHost,
  spec: ContainerSpec,
  seen: Inspected,
): Promise<void> {
  const before = await readNote(host, spec.id)
  const repo = imageRepository(host.cloud)
  const tag = `keep-${spec.id}-${randomBytes(4).toString('hex')}`
  const image = `${repo}:${tag}`
  const volumes = volumesOf(seen)
  const images = [...(before?.images ?? []), image]
  const planned = { revision: spec.revision, image: null, ...before, images, volumes }
  await writeNote(host, spec.id, planned)
  await host.client.send('POST', '/commit', {
    query: { container: seen.Id, repo, tag, pause: true },
    body: await processOfImage(host, seen),
    timeoutMs: 0,
  })
  await writeNote(host, spec.id, { revision: spec.revision, image, images, volumes })
  await removeAll(host, [`/containers/${seen.Id}`])
  await removeAll(host, before?.images.map(imagePath) ?? [])
  await writeNote(host, spec.id, { revision: spec.revision, image, images: [image], volumes })
}

/**
 * A commit would note the process of the container as the image's own; the one that was its image's is written instead, so
 * that a container of these files runs what it would run of the first image: that, unless its wish names another process.
 */
async function processOfImage(host: DockerHost, { Image }: Inspected): Promise<object> {
  const { Config } = await host.client.call<{
    readonly Config: { readonly Entrypoint: string[] | null; readonly Cmd: string[] | null } | null
  }>('GET', `/images/${Image}/json`)
  return { Entrypoint: Config?.Entrypoint ?? [], Cmd: Config?.Cmd ?? [] }
}

function volumesOf({ Mounts }: Inspected): readonly NamedVolume[] {
  return Mounts.flatMap((mount): NamedVolume[] =>
    mount.Type === 'volume' && mount.Name !== undefined
      ? [{ Type: 'volume', Source: mount.Name, Target: mount.Destination }]
      : [],
  )
}

/** What was kept for the container of `spec`. What is of another revision and not to be carried over goes. */
export async function readKept(
  host: DockerHost,
  spec: ContainerSpec,
): Promise<{ readonly image: string; readonly volumes: readonly NamedVolume[] } | undefined> {
  const kept = await readNote(host, spec.id)
  if (kept === undefined) return undefined
  const { image, volumes } = kept
  if (image !== null && (kept.revision === spec.revision || spec.keepFiles === true))
    return { image, volumes }
  await forgetKept(host, spec.id)
  return undefined
}

/** Removes images, volumes and note; the note last, so that an interrupted removal can be repeated. */
export async function forgetKept(host: DockerHost, id: WorkloadId): Promise<void> {
  const kept = await readNote(host, id)
  if (kept === undefined) return
  const volumes = kept.volumes.map(({ Source }) => `/volumes/${Source}`)
  await removeAll(host, [...kept.images.map(imagePath), ...volumes])
  await rm(notePath(host, id), { force: true })
}

const imagePath = (image: string): string => `/images/${image}`

/** An image that others are made of only loses its name: Docker removes it together with the last of them. */
async function removeAll(host: DockerHost, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await host.client.send('DELETE', path, { query: { force: true } }).catch((error: unknown) => {
      if (!isDockerError(error, 404)) throw error
    })
  }
}

async function readNote(host: DockerHost, id: WorkloadId): Promise<Kept | undefined> {
  const text = await readFile(notePath(host, id), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Kept) // written by `writeNote` only
}

async function writeNote(host: DockerHost, id: WorkloadId, kept: Kept): Promise<void> {
  await mkdir(filesFolder(host, id), { recursive: true, mode: 0o700 })
  const path = notePath(host, id)
  await writeFile(`${path}.new`, JSON.stringify(kept), { flush: true })
  await rename(`${path}.new`, path)
}
