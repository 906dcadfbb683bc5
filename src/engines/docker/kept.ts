import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerSpec, WorkloadId } from '../../ports/compute.ts'
import { isDockerError } from './client.ts'
import type { VolumeMount } from './container-config.ts'
import { filesFolder } from './guest-files.ts'
import { imageRepository, type DockerHost, type Inspected } from './names.ts'

/**
 * When somebody removed a sandbox under its container, the container can never start again: Docker remembers the sandbox
 * by id. Its file system is kept as an image, and its anonymous volumes by name, and the container is made anew from them.
 * The note of it stands in the workload's folder before the old container goes, so that a crash between loses nothing.
 */
interface Kept {
  readonly revision: number
  readonly image: string
  readonly volumes: readonly VolumeMount[]
}

const notePath = (host: DockerHost, id: WorkloadId): string =>
  join(filesFolder(host, id), 'kept.json')

export async function keepFileSystem(
  host: DockerHost,
  spec: ContainerSpec,
  seen: Inspected,
): Promise<void> {
  const repo = imageRepository(host.cloud)
  const tag = `keep-${spec.id}`
  await host.client.send('POST', '/commit', {
    query: { container: seen.Id, repo, tag, pause: true },
    body: {},
    timeoutMs: 0,
  })
  const volumes = seen.Mounts.flatMap((mount): VolumeMount[] =>
    mount.Type === 'volume' && mount.Name !== undefined
      ? [{ Type: 'volume', Source: mount.Name, Target: mount.Destination }]
      : [],
  )
  const kept: Kept = { revision: spec.revision, image: `${repo}:${tag}`, volumes }
  await writeNote(host, spec.id, kept)
  await host.client.send('DELETE', `/containers/${seen.Id}`, { query: { force: true } })
}

export async function readKept(
  host: DockerHost,
  id: WorkloadId,
  revision: number,
): Promise<Kept | undefined> {
  const kept = await readNote(host, id)
  return kept?.revision === revision ? kept : undefined
}

/** Removes image, volumes and note; the note last, so that an interrupted removal can be repeated. */
export async function forgetKept(host: DockerHost, id: WorkloadId): Promise<void> {
  const kept = await readNote(host, id)
  if (kept === undefined) return
  const paths = [`/images/${kept.image}`, ...kept.volumes.map(({ Source }) => `/volumes/${Source}`)]
  for (const path of paths) {
    await host.client.send('DELETE', path, { query: { force: true } }).catch((error: unknown) => {
      if (!isDockerError(error, 404)) throw error
    })
  }
  await rm(notePath(host, id), { force: true })
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
