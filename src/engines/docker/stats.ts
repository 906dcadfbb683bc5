import { readFile } from 'node:fs/promises'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { Stats, WorkloadId } from '../../ports/compute.ts'
import { groupStats } from './cgroups.ts'
import { containerName, inspectOwn, type DockerHost } from './names.ts'

/**
 * Counters of one container as the engine tells them. Its network counters are not among them: it has no network of Docker's,
 * so its interfaces are read where its process sees them, in the sandbox's namespace.
 */

/** The part of the engine's statistics that is read here; a container that does not run has empty groups. */
export interface RawStats {
  readonly read: string
  readonly cpu_stats: {
    readonly cpu_usage: { readonly total_usage: number }
    readonly system_cpu_usage?: number
    readonly online_cpus?: number
  }
  readonly memory_stats: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>>
  }
  readonly pids_stats: { readonly current?: number }
  readonly blkio_stats: {
    readonly io_service_bytes_recursive?:
      | readonly { readonly op: string; readonly value: number }[]
      | null
  }
}

export type NetworkCounters = Stats['network']

/** Where the process of each container is, as last seen; it is checked before it is believed. */
export type KnownProcesses = Map<WorkloadId, { readonly pid: number; readonly containerId: string }>

/** From its control groups, in a moment; where those cannot be read, from the engine, which takes a second. */
export async function readStats(
  host: DockerHost,
  id: WorkloadId,
  known: KnownProcesses = new Map(),
): Promise<Stats> {
  return (await fromGroups(id, known)) ?? (await anew(host, id, known))
}

async function fromGroups(id: WorkloadId, known: KnownProcesses): Promise<Stats | undefined> {
  const at = known.get(id)
  const counted = at === undefined ? undefined : await groupStats(at.pid, at.containerId)
  if (at === undefined || counted === undefined) return undefined
  return { ...counted, network: await networkOf(at.pid) }
}

async function anew(host: DockerHost, id: WorkloadId, known: KnownProcesses): Promise<Stats> {
  const seen = await inspectOwn(host, containerName(id))
  known.delete(id)
  if (seen === undefined || seen.State.Pid === 0)
    throw cloudError('conflict', `Container ${id} is not running`)
  known.set(id, { pid: seen.State.Pid, containerId: seen.Id })
  return (await fromGroups(id, known)) ?? (await fromEngine(host, id))
}

async function fromEngine(host: DockerHost, id: WorkloadId): Promise<Stats> {
  const name = containerName(id)
  const [raw, seen] = await Promise.all([
    host.client.call<RawStats>('GET', `/containers/${name}/stats`, {
      // one-shot: without it the engine takes a second sample, one second later
      query: { stream: false, 'one-shot': true },
    }),
    inspectOwn(host, name),
  ])
  if (raw.memory_stats.usage === undefined || seen === undefined)
    throw cloudError('conflict', `Container ${id} is not running`)
  return normalised(raw, await networkOf(seen.State.Pid))
}

/** Page cache that can be dropped at once is not counted, as `docker stats` does; cgroup v1 and v2 name it differently. */
export function normalised(raw: RawStats, network: NetworkCounters): Stats {
  const { usage = 0, limit = 0, stats = {} } = raw.memory_stats
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0
  const moved = (word: string): number =>
    (raw.blkio_stats.io_service_bytes_recursive ?? [])
      .filter(({ op }) => op.toLowerCase() === word)
      .reduce((sum, { value }) => sum + value, 0)
  return {
    takenAt: new Date(raw.read).toISOString(),
    cpuNs: raw.cpu_stats.cpu_usage.total_usage,
    systemCpuNs: raw.cpu_stats.system_cpu_usage ?? 0,
    onlineCpus: raw.cpu_stats.online_cpus ?? 1,
    memoryBytes: cache < usage ? usage - cache : usage,
    memoryLimitBytes: limit,
    pids: raw.pids_stats.current ?? 0,
    network,
    blockReadBytes: moved('read'),
    blockWriteBytes: moved('write'),
  }
}

/** What a process of this host sees as its network; nothing when it ended. */
export async function networkOf(pid: number): Promise<NetworkCounters> {
  const text = pid > 0 ? await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '') : ''
  return networkIn(text)
}

/** The text of `/proc/net/dev`: a name, eight counters of what came (bytes, packets, …) and eight of what went. */
export function networkIn(text: string): NetworkCounters {
  const sum = { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 }
  for (const line of text.split('\n')) {
    const [name, counters] = line.split(':')
    if (counters === undefined || name?.trim() === 'lo') continue
    const [rxBytes = 0, rxPackets = 0, , , , , , , txBytes = 0, txPackets = 0] = counters
      .trim()
      .split(/\s+/)
      .map(Number)
    sum.rxBytes += rxBytes
    sum.txBytes += txBytes
    sum.rxPackets += rxPackets
    sum.txPackets += txPackets
  }
  return sum
}
