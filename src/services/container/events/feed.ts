import { EventEmitter, on } from 'node:events'
import type { StreamEvent } from '../../../kernel/http/event-stream.ts'

/** What became of one container. */
export interface ContainerEvent {
  readonly uuid: string
  readonly name: string | null
  readonly projectId: string
  /** A status of Zun's, or `Deleted`, which comes once and is the last. */
  readonly status: string
  readonly reason: string | null
}

/** Who changes says so here, who listens hears it: within this process, from now on, nothing is kept. */
export interface ContainerFeed {
  /** Saying the same of a container again is not heard. */
  say(event: ContainerEvent, at: Date): void
  /** Ends with the signal. */
  listen(projectId: string, signal: AbortSignal): AsyncIterable<StreamEvent>
}

export function containerFeed(): ContainerFeed {
  const said = new Map<string, string>()
  const emitter = new EventEmitter().setMaxListeners(0)
  let count = 0
  return {
    say({ projectId, ...event }, at) {
      const word = JSON.stringify([event.status, event.reason, event.name])
      if (said.get(event.uuid) === word) return
      if (event.status === 'Deleted') said.delete(event.uuid)
      else said.set(event.uuid, word)
      count += 1
      const { uuid, name, status, reason } = event
      emitter.emit(projectId, {
        name: 'container',
        id: String(count),
        data: { uuid, name, status, status_reason: reason, at: at.toISOString() },
      } satisfies StreamEvent)
    },
    async *listen(projectId, signal) {
      for await (const [event] of on(emitter, projectId, { signal })) yield event as StreamEvent // only `say` emits
    },
  }
}
