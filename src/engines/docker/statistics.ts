import { setTimeout as sleep } from 'node:timers/promises'
import { isCloudError } from '../../kernel/errors/cloud-error.ts'
import type { Stats, WorkloadId } from '../../ports/compute.ts'
import type { Usage } from '../../ports/container-statistics.ts'
import type { DockerHost } from './names.ts'
import { readStats, type KnownProcesses } from './stats.ts'

/** Two samples nearer than this say nothing about a rate; a sample older than that is no «just now». */
const APART_MS = 100
const FRESH_MS = 30_000
const FORGET_MS = 120_000
const EVERY_MS = 1_000
const AT_ONCE = 8

interface Sample {
  readonly stats: Stats
  readonly atMs: number
  readonly usage?: Usage
}

/** Rates from counters: the last sample of each container is kept, so that only the first question waits for a second one. */
export class Statistics {
  readonly #host: DockerHost
  readonly #last = new Map<WorkloadId, Sample>()
  readonly #known: KnownProcesses = new Map()

  constructor(host: DockerHost) {
    this.#host = host
  }

  async stats(id: WorkloadId): Promise<Stats> {
    return await readStats(this.#host, id, this.#known)
  }

  async usage(id: WorkloadId): Promise<Usage> {
    this.#forgetOld()
    const before = this.#last.get(id)
    const now = performance.now()
    const age = before === undefined ? Infinity : now - before.atMs
    if (before?.usage !== undefined && age < APART_MS) return before.usage
    if (age > FRESH_MS) {
      this.#last.set(id, { stats: await this.stats(id), atMs: performance.now() })
      await sleep(APART_MS)
    } else if (age < APART_MS) await sleep(APART_MS - age)
    return await this.#next(id)
  }

  async usageOfAll(ids: readonly WorkloadId[]): Promise<ReadonlyMap<WorkloadId, Usage>> {
    const wanted = [...new Set(ids)]
    await this.#begin(wanted)
    return await this.#usages(wanted)
  }

  /** A first sample of those that have none, and one wait for all of them. */
  async #begin(ids: readonly WorkloadId[]): Promise<void> {
    const now = performance.now()
    const unknown = ids.filter((id) => now - (this.#last.get(id)?.atMs ?? -Infinity) > FRESH_MS)
    if (unknown.length === 0) return
    await eachAtOnce(unknown, async (id) => {
      const stats = await this.stats(id).catch(unlessGone)
      if (stats !== undefined) this.#last.set(id, { stats, atMs: performance.now() })
      else this.#last.delete(id)
    })
    await sleep(APART_MS)
  }

  async #usages(wanted: readonly WorkloadId[]): Promise<ReadonlyMap<WorkloadId, Usage>> {
    const found = new Map<WorkloadId, Usage>()
    await eachAtOnce(wanted, async (id) => {
      const usage = this.#last.has(id) ? await this.usage(id).catch(unlessGone) : undefined
      if (usage !== undefined) found.set(id, usage)
    })
    return found
  }

  async *stream(id: WorkloadId, signal: AbortSignal, everyMs = EVERY_MS): AsyncGenerator<Usage> {
    while (!signal.aborted) {
      const usage = await this.usage(id).catch(unlessGone)
      if (usage === undefined) return
      yield usage
      await sleep(Math.max(APART_MS, everyMs), undefined, { signal }).catch(() => undefined)
    }
  }

  async #next(id: WorkloadId): Promise<Usage> {
    const stats = await this.stats(id)
    const atMs = performance.now()
    const before = this.#last.get(id)
    const usage = usageOf(stats, before, atMs)
    this.#last.set(id, { stats, atMs, usage })
    return usage
  }

  #forgetOld(): void {
    const oldest = performance.now() - FORGET_MS
    for (const [id, { atMs }] of this.#last) {
      if (atMs >= oldest) continue
      this.#last.delete(id)
      this.#known.delete(id)
    }
  }
}

/** Who does not run has no figures; anything else is an error. */
function unlessGone(error: unknown): undefined {
  if (isCloudError(error, 'conflict') || isCloudError(error, 'notFound')) return undefined
  throw error
}

async function eachAtOnce(
  ids: readonly WorkloadId[],
  work: (id: WorkloadId) => Promise<void>,
): Promise<void> {
  const waiting = [...ids]
  const worker = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await work(id)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** A counter that went back belongs to a process that was started anew meanwhile. */
export function usageOf(
  stats: Stats,
  before: { readonly stats: Stats; readonly atMs: number } | undefined,
  atMs: number,
): Usage {
  const passedNs = before === undefined ? 0 : (atMs - before.atMs) * 1e6
  const used = before === undefined ? 0 : Math.max(0, stats.cpuNs - before.stats.cpuNs)
  const percent = (part: number, whole: number): number =>
    whole > 0 ? Math.round((part / whole) * 10_000) / 100 : 0
  return {
    ...stats,
    cpuPercent: percent(used, passedNs),
    memoryPercent: percent(stats.memoryBytes, stats.memoryLimitBytes),
  }
}
