import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { Stats, WorkloadId } from '../../ports/compute.ts'
import { containerName, type DockerHost } from './names.ts'

/** The part of the engine's statistics that is read here; a container that does not run has empty groups. */
export interface RawStats {
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
  readonly memory_stats: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>>
  }
  readonly pids_stats: { readonly current?: number }
}

export async function readStats(host: DockerHost, id: WorkloadId): Promise<Stats> {
  const raw = await host.client.call<RawStats>('GET', `/containers/${containerName(id)}/stats`, {
    // one-shot: without it the engine takes a second sample, one second later
    query: { stream: false, 'one-shot': true },
  })
  if (raw.memory_stats.usage === undefined)
    throw cloudError('conflict', `Workload ${id} is not running`)
  return normalised(raw)
}

/** Page cache that can be dropped at once is not counted, as `docker stats` does; cgroup v1 and v2 name it differently. */
export function normalised(raw: RawStats): Stats {
  const { usage = 0, limit = 0, stats = {} } = raw.memory_stats
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0
  return {
    cpuNs: raw.cpu_stats.cpu_usage.total_usage,
    memoryBytes: cache < usage ? usage - cache : usage,
    memoryLimitBytes: limit,
    pids: raw.pids_stats.current ?? 0,
  }
}
