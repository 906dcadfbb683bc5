import type { Readable } from 'node:stream'
import type { ExecSession } from '../../../../ports/container-streams.ts'

/** So much of a command's output is kept; the rest is read and dropped, so that it can end. */
const MOST_BYTES = 4 * 1024 * 1024

/** A command's output, both streams as they came, and how it ended. Aborting `signal` kills it. */
export async function outputOf(
  session: ExecSession,
  signal: AbortSignal,
): Promise<{ readonly output: string; readonly exitCode: number }> {
  const close = (): void => session.close()
  signal.addEventListener('abort', close, { once: true })
  const chunks: Buffer[] = []
  let size = 0
  const keep = (chunk: Buffer): void => {
    if (size < MOST_BYTES) chunks.push(chunk.subarray(0, MOST_BYTES - size))
    size += chunk.length
  }
  try {
    await Promise.all([drained(session.stdout, keep), drained(session.stderr, keep)])
    const exitCode = await session.exited
    signal.throwIfAborted()
    return { output: Buffer.concat(chunks).toString(), exitCode }
  } finally {
    signal.removeEventListener('abort', close)
    session.close()
  }
}

async function drained(stream: Readable, keep: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Buffer>) keep(chunk)
}
