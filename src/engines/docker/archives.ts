import type { Readable } from 'node:stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { WorkloadId } from '../../ports/compute.ts'
import type { PathStat, ProcessList } from '../../ports/container-archives.ts'
import { isDockerError } from './client.ts'
import { refusal } from './exec.ts'
import { containerName, type DockerHost } from './names.ts'

const STAT_HEADER = 'x-docker-container-path-stat'
/** Bits of Go's `os.FileMode`. */
const GO = { folder: 0x8000_0000, link: 0x0800_0000, other: 0x0728_0000 } as const
const GO_SET = { setuid: 0x0080_0000, setgid: 0x0040_0000, sticky: 0x0010_0000 } as const

export async function getArchive(
  host: DockerHost,
  id: WorkloadId,
  path: string,
): Promise<{ stat: PathStat; tar: Readable }> {
  try {
    const tar = await host.client.open('GET', archivePath(id), { query: { path }, timeoutMs: 0 })
    return { stat: statOf(tar.headers[STAT_HEADER]), tar }
  } catch (error) {
    throw archiveRefusal(id, path, error)
  }
}

export async function statPath(host: DockerHost, id: WorkloadId, path: string): Promise<PathStat> {
  try {
    const answer = await host.client.open('HEAD', archivePath(id), { query: { path } })
    answer.resume()
    return statOf(answer.headers[STAT_HEADER])
  } catch (error) {
    throw archiveRefusal(id, path, error)
  }
}

export async function putArchive(
  host: DockerHost,
  id: WorkloadId,
  path: string,
  tar: Readable,
): Promise<void> {
  try {
    const query = { path, noOverwriteDirNonDir: true }
    await host.client.send('PUT', archivePath(id), { query, upload: tar, timeoutMs: 0 })
  } catch (error) {
    // what comes from the user cannot be unpacked: the engine calls that an error of its own
    const unpacking =
      isDockerError(error, 500) &&
      /tar|archive|unpigz|gzip|EOF|not a directory/i.test(error.message)
    if (unpacking) throw cloudError('badRequest', error.message, { cause: error })
    throw archiveRefusal(id, path, error)
  } finally {
    tar.destroy()
  }
}

export async function top(
  host: DockerHost,
  id: WorkloadId,
  psArgs: string | undefined,
): Promise<ProcessList> {
  if (psArgs !== undefined && (psArgs.length > 200 || /\p{Cc}/u.test(psArgs)))
    throw cloudError('badRequest', 'These are no options of ps')
  try {
    const { Titles, Processes } = await host.client.call<{
      readonly Titles: string[]
      readonly Processes: string[][] | null
    }>('GET', `/containers/${containerName(id)}/top`, {
      query: { ps_args: psArgs === '' ? undefined : psArgs },
    })
    return { titles: Titles, processes: Processes ?? [] }
  } catch (error) {
    if (isDockerError(error, 500) && /\bps\b|PID/.test(error.message))
      throw cloudError('badRequest', error.message, { cause: error })
    throw refusal(id, error)
  }
}

const archivePath = (id: WorkloadId): string => `/containers/${containerName(id)}/archive`

function archiveRefusal(id: WorkloadId, path: string, error: unknown): unknown {
  if (!isDockerError(error)) return error
  const { message, status } = error
  if (status === 404)
    return cloudError('notFound', `There is no '${path}' in container ${id}`, { cause: error })
  if (status === 400) return cloudError('badRequest', message, { cause: error })
  if (status === 403 || /read-only|permission denied/i.test(message))
    return cloudError('forbidden', message, { cause: error })
  return status === 409 ? cloudError('conflict', message, { cause: error }) : error
}

function statOf(header: string | string[] | undefined): PathStat {
  // the engine's own words: trusted as in `DockerClient.call`
  const said = JSON.parse(Buffer.from(String(header), 'base64').toString()) as {
    name: string
    size: number
    mode: number
    mtime: string
    linkTarget: string
  }
  const has = (bits: number): boolean => (said.mode & bits) !== 0
  const kind = has(GO.folder) ? 'folder' : has(GO.link) ? 'link' : has(GO.other) ? 'other' : 'file'
  const set =
    (has(GO_SET.setuid) ? 0o4000 : 0) +
    (has(GO_SET.setgid) ? 0o2000 : 0) +
    (has(GO_SET.sticky) ? 0o1000 : 0)
  return {
    name: said.name,
    kind,
    size: said.size,
    mode: (said.mode & 0o777) + set,
    engineMode: said.mode,
    mtime: new Date(said.mtime).toISOString(),
    linkTarget: said.linkTarget,
  }
}
