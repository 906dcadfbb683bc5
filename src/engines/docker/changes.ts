import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../kernel/log/log.ts'
import type { WorkloadId } from '../../ports/compute.ts'
import { jsonLines } from './client.ts'
import { cloudFilter, workloadOf, type DockerHost } from './names.ts'

/** Ids of workloads whose container or sandbox did something, from the engine's event stream. */
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 5_000

interface Event {
  readonly Actor: { readonly Attributes: Readonly<Record<string, string>> }
}

export interface ChangesOptions {
  readonly log: Logger
  readonly signal: AbortSignal
  /** Called after the engine was away, before anything is told. */
  readonly onReturn: () => Promise<readonly WorkloadId[]>
}

export async function* changes(
  host: DockerHost,
  options: ChangesOptions,
): AsyncGenerator<WorkloadId> {
  const { log, signal } = options
  // From the call on, not from the moment the stream stands: what happens between would be missed.
  let since = secondsNow()
  let waitMs = FIRST_WAIT_MS
  let away = false
  while (!signal.aborted) {
    try {
      const stream = await openEvents(host, since, signal)
      if (away) yield* await options.onReturn()
      away = false
      waitMs = FIRST_WAIT_MS
      for await (const event of jsonLines<Event>(stream)) {
        const id = workloadOf(event.Actor.Attributes['name'] ?? '')
        if (id !== undefined) yield id
      }
    } catch (error) {
      if (signal.aborted) return
      log.warn({ err: error }, 'the event stream of the Docker Engine broke')
    }
    if (signal.aborted) return
    away = true
    host.client.forgetVersion() // it may come back upgraded
    await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
    since = secondsNow()
  }
}

async function openEvents(
  host: DockerHost,
  since: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const filters = cloudFilter(host, {
    type: ['container'],
    event: ['die', 'oom', 'start', 'pause', 'unpause', 'destroy', 'health_status'],
  })
  return await host.client.open('GET', '/events', {
    query: { since, filters },
    timeoutMs: 0,
    signal,
  })
}

function secondsNow(): string {
  return (Date.now() / 1000).toFixed(3)
}
