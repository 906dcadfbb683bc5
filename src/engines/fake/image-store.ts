import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageStore, StoredBlob } from '../../ports/image-store.ts'

/** The image store in memory: gone with the process. */
export function createFakeImageStore(): ImageStore {
  const blobs = new Map<string, Buffer>()
  return {
    kind: 'fake',
    write: async (id, content, options) => {
      if (blobs.has(id)) throw taken(id)
      const bytes = await gather(content, options?.maxBytes ?? Infinity)
      if (blobs.has(id)) throw taken(id)
      blobs.set(id, bytes)
      return describe(bytes)
    },
    read: async (id, range) => {
      const bytes = blobs.get(id)
      if (bytes === undefined) throw cloudError('notFound', `No stored content for ${id}`)
      if (range === undefined) return Readable.from([bytes])
      if (range.start < 0 || range.start > range.end || range.start >= bytes.length) {
        throw cloudError(
          'rangeNotSatisfiable',
          `Bytes ${range.start} to ${range.end} are not within the ${bytes.length} bytes of ${id}`,
        )
      }
      return Readable.from([bytes.subarray(range.start, range.end + 1)])
    },
    size: async (id) => blobs.get(id)?.length,
    remove: async (id) => {
      blobs.delete(id)
    },
    list: async () => [...blobs.keys()],
  }
}

async function gather(content: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of content) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > maxBytes)
      throw cloudError(
        'tooLarge',
        `The content is larger than the ${maxBytes} bytes that are allowed`,
      )
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

function describe(bytes: Buffer): StoredBlob {
  const digest = (algorithm: string): string => createHash(algorithm).update(bytes).digest('hex')
  return {
    sizeBytes: bytes.length,
    md5: digest('md5'),
    sha512: digest('sha512'),
  }
}

function taken(id: string): Error {
  return cloudError('conflict', `There is stored content for ${id} already`)
}
