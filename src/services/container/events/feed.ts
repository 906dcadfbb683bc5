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
  /** The same in words, with what changes by the clock alone: «Exited(137) 2 seconds ago». */
  readonly detail: string
  /** How its process ended the last time, and how often it was started again. */
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly restarts: number
  readonly health: string | null
}

/** Who changes says so here, who listens hears it: within this process, from now on, nothing is kept. */
export interface ContainerFeed {
  /** False while nobody in the project listens: then there is nothing to find out and to say. */
  hasListeners(projectId: string): boolean
  /** Saying the same of a container again is not heard; another `detail` alone is the same. */
  say(event: ContainerEvent, at: Date): void
  /** Ends with the signal. */
  listen(projectId: string, signal: AbortSignal): AsyncIterable<StreamEvent>
}

export function containerFeed(): ContainerFeed {
  /** By project with listeners, then by container. */
  const said = new Map<string, Map<string, string>>()
  const emitter = new EventEmitter().setMaxListeners(0)
  let count = 0
  return {
    hasListeners: (projectId) => emitter.listenerCount(projectId) > 0,
    say(event, at) {
      const { projectId, uuid } = event
      const words = said.get(projectId)
      const word = JSON.stringify({ ...event, detail: '' })
      if (words === undefined || words.get(uuid) === word) return
      if (event.status === 'Deleted') words.delete(uuid)
      else words.set(uuid, word)
      count += 1
      emitter.emit(projectId, {
        name: 'container',
        id: String(count),
        data: { ...view(event), at: at.toISOString() },
      } satisfies StreamEvent)
    },
    async *listen(projectId, signal) {
      if (!said.has(projectId)) said.set(projectId, new Map())
      try {
        for await (const [event] of on(emitter, projectId, { signal })) yield event as StreamEvent // only `say` emits
      } finally {
        if (emitter.listenerCount(projectId) === 0) said.delete(projectId)
      }
    },
  }
}

/** In the words of a container's own view. */
function view(event: ContainerEvent): Readonly<Record<string, unknown>> {
  return {
    uuid: event.uuid,
    name: event.name,
    status: event.status,
    status_reason: event.reason,
    status_detail: event.detail,
    exit_code: event.exitCode,
    oom_killed: event.oomKilled,
    restart_count: event.restarts,
    health: event.health,
  }
}
