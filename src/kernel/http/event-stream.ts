import { Readable } from 'node:stream'
import type { Ctx } from '../ctx/ctx.ts'
import { reply, type Reply } from './route.ts'

/** One server-sent event: `name` is what a page listens to, `data` is sent as JSON. */
export interface StreamEvent {
  readonly name: string
  readonly id?: string
  readonly data: unknown
}

const HEARTBEAT_MS = 15_000

/**
 * Answers with a stream of server-sent events (WHATWG HTML §9.2) until the source ends, the client goes or the server stops.
 * A comment every 15 seconds keeps proxies from hanging up. `source` gets a signal that ends it.
 */
export function eventStream(
  ctx: Ctx,
  source: (signal: AbortSignal) => AsyncIterable<StreamEvent>,
): Reply {
  const ended = new AbortController()
  const stream = new Readable({
    read: () => undefined,
    destroy: (error, done) => {
      clearInterval(heartbeat)
      ended.abort()
      done(error)
    },
  })
  const heartbeat = setInterval(() => stream.push(':\n\n'), HEARTBEAT_MS)
  for (const signal of [ctx.signal, ctx.stopping])
    signal.addEventListener('abort', () => stream.destroy(), { once: true })
  stream.push(':\n\n') // the answer's head goes out now, not with the first event
  void pump(ctx, stream, source(ended.signal))
  return reply(200, stream, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  })
}

/** A reader that is too slow for the events is cut off: it reconnects, which is cheaper than keeping them for it. */
const MOST_WAITING_BYTES = 1024 * 1024

async function pump(ctx: Ctx, stream: Readable, source: AsyncIterable<StreamEvent>): Promise<void> {
  try {
    for await (const { name, id, data } of source) {
      if (stream.destroyed) return
      const head = `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}`
      stream.push(`${head}data: ${JSON.stringify(data)}\n\n`)
      if (stream.readableLength > MOST_WAITING_BYTES) stream.destroy()
    }
    if (!stream.destroyed) stream.push(null) // an end after a destruction would hide that the answer was cut
  } catch (error) {
    if (!stream.destroyed) ctx.log.warn({ err: error }, 'a stream of events broke')
    stream.destroy()
  }
}
