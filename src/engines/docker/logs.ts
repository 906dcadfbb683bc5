import { Readable } from 'node:stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { WorkloadId } from '../../ports/compute.ts'
import type { LogWish } from '../../ports/container-streams.ts'
import { containerName, type DockerHost, type Inspected } from './names.ts'

/**
 * Output of a container. Without a terminal the engine sends frames: one byte for the stream (1 = stdout, 2 = stderr),
 * three of nothing, four of length (big endian), then the content. With a terminal it sends the bytes as they were.
 */
const HEADER_BYTES = 8

export async function readLogs(
  host: DockerHost,
  id: WorkloadId,
  tailLines?: number,
): Promise<string> {
  const wish = tailLines === undefined ? {} : { tail: tailLines }
  const chunks: Buffer[] = []
  for await (const chunk of await followLogs(host, id, wish))
    if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

export async function followLogs(
  host: DockerHost,
  id: WorkloadId,
  wish: LogWish,
  signal?: AbortSignal,
): Promise<Readable> {
  const path = `/containers/${containerName(id)}`
  const found = await host.client.find<Inspected>(`${path}/json`)
  if (found === undefined)
    throw cloudError('notFound', `There is no container of ${id} on the host`)
  const stream = await host.client.open('GET', `${path}/logs`, {
    query: {
      stdout: wish.stdout ?? true,
      stderr: wish.stderr ?? true,
      tail: wish.tail ?? 'all',
      since: wish.since,
      until: wish.until,
      timestamps: wish.timestamps ?? false,
      follow: wish.follow ?? false,
    },
    timeoutMs: 0,
    ...(signal === undefined ? {} : { signal }),
  })
  return Readable.from(contents(stream, found.Config.Tty, signal), { objectMode: false })
}

/** Ends, rather than fails, when nobody listens any more. */
async function* contents(
  stream: AsyncIterable<Buffer>,
  tty: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const parts: Buffer[] = []
  const frames = new FrameReader((_stream, content) => parts.push(content))
  try {
    for await (const chunk of stream) {
      if (tty) parts.push(chunk)
      else frames.take(chunk)
      for (const part of parts.splice(0)) if (part.length > 0) yield part
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
  }
}

/** Takes frames in pieces of any size; what is there of a content is passed on at once. */
export class FrameReader {
  readonly #give: (stream: number, content: Buffer) => void
  #header = Buffer.alloc(0)
  #stream = 0
  #left = 0

  constructor(give: (stream: number, content: Buffer) => void) {
    this.#give = give
  }

  take(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#left === 0) rest = this.#readHeader(rest)
      else {
        const part = rest.subarray(0, this.#left)
        this.#left -= part.length
        rest = rest.subarray(part.length)
        this.#give(this.#stream, part)
      }
    }
  }

  #readHeader(chunk: Buffer): Buffer {
    const missing = HEADER_BYTES - this.#header.length
    this.#header = Buffer.concat([this.#header, chunk.subarray(0, missing)])
    if (this.#header.length === HEADER_BYTES) {
      this.#stream = this.#header.readUInt8(0)
      this.#left = this.#header.readUInt32BE(4)
      this.#header = Buffer.alloc(0)
    }
    return chunk.subarray(missing)
  }
}

/** The contents of all frames in order; a last frame that is cut off gives what there is of it. */
export function withoutFrames(raw: Buffer): Buffer {
  const parts: Buffer[] = []
  new FrameReader((_stream, content) => parts.push(content)).take(raw)
  return Buffer.concat(parts)
}
