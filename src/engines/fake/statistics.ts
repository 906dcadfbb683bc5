import { setTimeout as sleep } from 'node:timers/promises'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ComputePort, Stats, WorkloadId } from '../../ports/compute.ts'
import type { ContainerStatistics, Usage } from '../../ports/container-statistics.ts'
import type { FakeContainer } from './container.ts'

const CPU_PERCENT = 1
const MIB = 1024 * 1024

/** Every container uses one hundredth of a CPU and a quarter of its memory. */
export function fakeStatistics(
  find: (id: WorkloadId) => FakeContainer | undefined,
): ContainerStatistics & Pick<ComputePort, 'stats'> {
  const stats = async (id: WorkloadId): Promise<Stats> => {
    const container = find(id)
    if (container === undefined)
      throw cloudError('notFound', `There is no container of ${id} on the host`)
    if (container.state !== 'running' && container.state !== 'paused')
      throw cloudError('conflict', `Container ${id} is not running`)
    return statsOf(container)
  }
  const usage = async (id: WorkloadId): Promise<Usage> => ({
    ...(await stats(id)),
    cpuPercent: CPU_PERCENT,
    memoryPercent: 25,
  })
  return {
    stats,
    usage,
    async usageOfAll(ids) {
      const all = await Promise.all(
        ids.map(async (id) => [id, await usage(id).catch(() => undefined)] as const),
      )
      return new Map(all.flatMap(([id, one]) => (one === undefined ? [] : [[id, one] as const])))
    },
    async *streamUsage(id, signal, everyMs = 1_000) {
      while (!signal.aborted) {
        const one = await usage(id).catch(() => undefined)
        if (one === undefined) return
        yield one
        await sleep(everyMs, undefined, { signal }).catch(() => undefined)
      }
    },
  }
}

function statsOf({ limits, startedAt = new Date() }: FakeContainer): Stats {
  const memoryLimitBytes = limits.memoryMiB * MIB
  const seconds = (Date.now() - startedAt.getTime()) / 1000
  return {
    takenAt: new Date().toISOString(),
    cpuNs: 1_000_000 + Math.round(seconds * 1e7),
    systemCpuNs: Math.round(seconds * 64e9),
    onlineCpus: 64,
    memoryBytes: memoryLimitBytes / 4,
    memoryLimitBytes,
    pids: 1,
    network: { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 },
    blockReadBytes: 0,
    blockWriteBytes: 0,
  }
}
