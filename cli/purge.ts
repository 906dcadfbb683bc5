import { readdirSync, readFileSync, rmSync, existsSync } from 'node:fs'
import { join, sep } from 'node:path'
import { run } from '../src/kernel/exec/run.ts'
import { dockerApi, type DockerApi } from './docker-api.ts'
import { bidFarewell, closeDoor } from './docker-door.ts'

/**
 * Removes from the host all that a stopped cloud has made, known by its tag alone, so that it works without a database and
 * after any crash, and touches no other cloud of this host: containers and images, the network, mounts and loop devices.
 */
export interface PurgeTarget {
  readonly data: string
  /** The cloud's four hex digits; undefined when it never got as far as having some. */
  readonly tag: string | undefined
  readonly dockerSocket: string
  /** Name of the driver for Docker's own networks. */
  readonly driver: string
}

export function cloudTag(data: string): string | undefined {
  const file = join(data, 'cloud')
  if (!existsSync(file)) return undefined
  const tag = readFileSync(file, 'utf8').trim()
  return /^[0-9a-f]{4}$/.test(tag) ? tag : undefined
}

export async function purgeDocker(target: PurgeTarget): Promise<string> {
  const { tag } = target
  if (tag === undefined) return 'nothing there'
  const docker = dockerApi(target.dockerSocket)
  const containers = await removeContainers(docker, tag)
  const images = await removeImages(docker, tag)
  const networks = await removeAll(docker, 'networks', `/networks?${byLabel(tag)}`)
  const volumes = await removeVolumes(docker, tag)
  await removeUnusedSandboxImage(docker)
  return `${containers} containers, ${images} images, ${networks + volumes} networks and volumes`
}

export async function purgeNetwork(tag: string | undefined): Promise<void> {
  if (tag === undefined) return
  // Loaded when needed only: every other command starts without the engines.
  const { purgeLinuxNetwork } = await import('../src/engines/linux/purge.ts')
  await purgeLinuxNetwork(tag)
}

/**
 * Networks that `docker network create -d` made of this cloud, which nobody could use or remove any more. Their containers are
 * left without them.
 */
export async function purgeDockerNetworks(target: PurgeTarget): Promise<string> {
  const { data, dockerSocket } = target
  const driver = await bidFarewell(data)
  const docker = dockerApi(dockerSocket)
  const filter = encodeURIComponent(JSON.stringify({ driver: [driver] }))
  const found =
    driver === undefined ? [] : await docker.get<{ Id: string }[]>(`/networks?filters=${filter}`)
  for (const { Id } of found) await removeDockerNetwork(docker, Id)
  await closeDoor(data, target.driver)
  return `${found.length} networks`
}

async function removeDockerNetwork(docker: DockerApi, id: string): Promise<void> {
  const { Containers } = await docker.get<{ Containers: Record<string, unknown> | null }>(
    `/networks/${id}`,
  )
  for (const container of Object.keys(Containers ?? {}))
    await docker.post(`/networks/${id}/disconnect`, { Container: container, Force: true })
  await docker.remove(`/networks/${id}`)
}

/** Mounts and loop devices whose files lie in the data folder. The deepest mounts go first. */
export async function purgeStorage(data: string): Promise<void> {
  const inside = (path: string): boolean => path.startsWith(`${data}${sep}`)
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescapeMount(line.split(' ')[4] ?? ''))
    .filter(inside)
  for (const mount of mounts.toSorted().toReversed()) await run('umount', [mount])
  const loops = readdirSync('/sys/block').filter((name) => name.startsWith('loop'))
  for (const loop of loops) {
    const file = `/sys/block/${loop}/loop/backing_file`
    if (existsSync(file) && inside(readFileSync(file, 'utf8').trim())) {
      await run('losetup', ['-d', `/dev/${loop}`])
    }
  }
}

/** Empties the data folder but for `keep`; the folder itself may be a mount point and stays when something is kept. */
export function removeData(data: string, keep: readonly string[] = []): void {
  if (!existsSync(data)) return
  for (const name of readdirSync(data)) {
    if (!keep.includes(name)) rmSync(join(data, name), { recursive: true, force: true })
  }
  if (keep.length > 0) return
  try {
    rmSync(data, { recursive: true })
  } catch {
    // A mount point cannot be removed; it is empty now.
  }
}

/** Marks the image that the demo builds; a label of its own, for containers inherit their image's labels. */
export const DEMO_LABEL = 'stackyard.demo'

const byLabel = (tag: string, label = 'stackyard.cloud'): string =>
  `filters=${encodeURIComponent(JSON.stringify({ label: [`${label}=${tag}`] }))}`

async function removeContainers(docker: DockerApi, tag: string): Promise<number> {
  const path = `/containers/json?all=1&${byLabel(tag)}`
  const found = await docker.get<{ Id: string; Names: string[] }[]>(path)
  // Sandboxes last: Docker stops a container whose sandbox is gone more slowly.
  const isSandbox = (names: readonly string[]): boolean =>
    names.some((name) => name.endsWith('-net') || name.includes('-pool-'))
  const inOrder = found.toSorted((a, b) => Number(isSandbox(a.Names)) - Number(isSandbox(b.Names)))
  const workers = 4
  const queue = [...inOrder]
  const remove = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await docker.remove(`/containers/${next.Id}?force=1&v=1`)
    }
  }
  await Promise.all(Array.from({ length: workers }, remove))
  return found.length
}

/**
 * Images carry the tag in their repository (`stackyard/<tag>`), the demo's own in a label. Names are removed, and content goes
 * with its last name: the same content may be another cloud's image, too.
 */
async function removeImages(docker: DockerApi, tag: string): Promise<number> {
  const all = await docker.get<DockerImage[]>('/images/json')
  const marked = await docker.get<DockerImage[]>(`/images/json?${byLabel(tag, DEMO_LABEL)}`)
  const ids = new Set(marked.map(({ Id }) => Id))
  const isOurs = (id: string, name: string): boolean =>
    name.startsWith(`stackyard/${tag}:`) || (ids.has(id) && !name.startsWith('stackyard/'))
  const names = all.flatMap(({ Id, RepoTags }) =>
    (RepoTags ?? []).filter((name) => isOurs(Id, name)),
  )
  const nameless = marked.filter(({ RepoTags }) => (RepoTags ?? []).length === 0)
  for (const name of names) await docker.remove(`/images/${encodeURIComponent(name)}?force=1`)
  for (const { Id } of nameless) await docker.remove(`/images/${Id}`)
  return names.length + nameless.length
}

interface DockerImage {
  readonly Id: string
  readonly RepoTags: readonly string[] | null
}

async function removeAll(docker: DockerApi, kind: string, list: string): Promise<number> {
  const found = await docker.get<{ Id: string }[]>(list)
  for (const { Id } of found) await docker.remove(`/${kind}/${Id}`)
  return found.length
}

async function removeVolumes(docker: DockerApi, tag: string): Promise<number> {
  const { Volumes } = await docker.get<{ Volumes: { Name: string }[] | null }>(
    `/volumes?${byLabel(tag)}`,
  )
  for (const { Name } of Volumes ?? []) await docker.remove(`/volumes/${Name}?force=1`)
  return Volumes?.length ?? 0
}

/** The sandbox image is shared by all clouds of a host: Docker refuses (409) while another one uses it. */
async function removeUnusedSandboxImage(docker: DockerApi): Promise<void> {
  const { status, text } = await docker.call('DELETE', '/images/stackyard%2Fsandbox:1')
  if (![200, 404, 409].includes(status)) throw new Error(`Docker said: ${text.trim()}`)
}

/** The kernel writes blanks in mount points as octal. */
function unescapeMount(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  )
}
