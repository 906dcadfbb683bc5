import { randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { link, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageStore, StoredBlob } from '../../ports/image-store.ts'
import { BlockWriter } from './block-writer.ts'
import { DigestThreads, type StreamDigests } from './digests.ts'

/**
 * Blobs as files, one per id, in one folder. A write goes to a name that no id can have, is digested on the way, flushed to
 * the disk, and only then linked to its id: a link, unlike a rename, never replaces what is there.
 */
const PART_PREFIX = '.part-'
const READ_CHUNK_BYTES = 256 * 1024
/** May wait for a block to be free before the sender has to wait. */
const WAITING_BYTES = 1024 * 1024

export function createFileImageStore(config: { readonly folder: string }): ImageStore {
  const { folder } = config
  const threads = new DigestThreads()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Nobody else writes here, so a part without a writer is what a killed process left.
  for (const name of readdirSync(folder))
    if (name.startsWith(PART_PREFIX)) rmSync(join(folder, name))

  return {
    kind: 'files',
    write: async (id, content, options) => {
      const path = pathOf(folder, id)
      if ((await sizeOf(path)) !== undefined) throw taken(id)
      const part = join(folder, `${PART_PREFIX}${randomUUID()}`)
      try {
        const blob = await writePart(part, content, threads.begin(), options?.maxBytes ?? Infinity)
        await linkTo(part, path, id)
        return blob
      } finally {
        content.destroy()
        await rm(part, { force: true })
        await syncFolder(folder)
      }
    },
    read: async (id, range) => await readBlob(pathOf(folder, id), id, range),
    size: async (id) => await sizeOf(pathOf(folder, id)),
    remove: async (id) => {
      await rm(pathOf(folder, id), { force: true })
      await syncFolder(folder)
    },
    list: async () => (await readdir(folder)).filter((name) => !name.startsWith('.')),
  }
}

async function writePart(
  part: string,
  content: Readable,
  digests: StreamDigests,
  maxBytes: number,
): Promise<StoredBlob> {
  const file = await open(part, 'wx', 0o600)
  const blocks = new BlockWriter(file, digests)
  try {
    let sizeBytes = 0
    const take = async (chunk: Buffer): Promise<void> => {
      sizeBytes += chunk.length
      if (sizeBytes > maxBytes)
        throw cloudError(
          'tooLarge',
          `The content is larger than the ${maxBytes} bytes that are allowed`,
        )
      await blocks.add(chunk)
    }
    // Not `for await`: that copies into one all chunks that wait.
    await pipeline(content, chunkSink(take))
    const found = await blocks.finish()
    return { sizeBytes, ...found }
  } catch (error) {
    await blocks.abandon()
    throw error
  } finally {
    await file.close()
  }
}

function chunkSink(take: (chunk: Buffer) => Promise<void>): Writable {
  return new Writable({
    highWaterMark: WAITING_BYTES,
    write: (chunk: Buffer, _, done) => void take(chunk).then(() => done(), done),
  })
}

async function readBlob(
  path: string,
  id: string,
  range?: { readonly start: number; readonly end: number },
): Promise<Readable> {
  const size = await sizeOf(path)
  if (size === undefined) throw cloudError('notFound', `No stored content for ${id}`)
  if (range !== undefined && (range.start < 0 || range.start > range.end || range.start >= size)) {
    throw cloudError(
      'rangeNotSatisfiable',
      `Bytes ${range.start} to ${range.end} are not within the ${size} bytes of ${id}`,
    )
  }
  const file = await open(path).catch((cause: unknown) => {
    throw cloudError('notFound', `No stored content for ${id}`, { cause })
  })
  return createReadStream(path, { fd: file, highWaterMark: READ_CHUNK_BYTES, ...range })
}

async function linkTo(part: string, path: string, id: string): Promise<void> {
  await link(part, path).catch((cause: unknown) => {
    throw hasCode(cause, 'EEXIST') ? taken(id) : new Error(`cannot store ${id}`, { cause })
  })
}

/** Names reach the disk only with their folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function pathOf(folder: string, id: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/.test(id))
    throw cloudError('badRequest', `'${id}' cannot be the id of stored content`)
  return join(folder, id)
}

function taken(id: string): Error {
  return cloudError('conflict', `There is stored content for ${id} already`)
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
