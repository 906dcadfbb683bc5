import type { Stats, WorkloadId } from './compute.ts'

/** What containers use, as rates: the last counters of each are remembered, so that asking again costs no waiting. */
export interface ContainerStatistics {
  /** `conflict` when it does not run. Who was not asked about lately takes a tenth of a second. */
  usage(id: WorkloadId): Promise<Usage>
  /** Of many at once; those that do not run are left out. */
  usageOfAll(ids: readonly WorkloadId[]): Promise<ReadonlyMap<WorkloadId, Usage>>
  /** One every so often (default 1 s), the first at once; ends when it does not run any more, or when `signal` aborts. */
  streamUsage(id: WorkloadId, signal: AbortSignal, everyMs?: number): AsyncIterable<Usage>
}

export interface Usage extends Stats {
  /** Since the sample before; 100 is one whole CPU. */
  readonly cpuPercent: number
  /** Of its limit. */
  readonly memoryPercent: number
}
