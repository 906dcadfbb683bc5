import { randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { link, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageStore, StoredBlob } from '../../ports/image-store.ts'
import { DigestThreads, type StreamDigests } from './digests.ts'

/**
 * Blobs as files, one per id, in one folder. A write goes to a name that no id can have, is digested on the way, flushed to
 * the disk, and only then linked to its id: a link, unlike a rename, never replaces what is there.
 */
const PART_PREFIX = '.part-'
const BLOCK_BYTES = 1024 * 1024
/** Blocks in work at once: more than are held back before threads start, see digests.ts. */
const BLOCKS = 6
/** How much may gather before the disk is set to work, so that the flush at the end finds little left to do. */
const FLUSH_BYTES = 16 * 1024 * 1024
const READ_CHUNK_BYTES = 256 * 1024

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
    for await (const chunk of content) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
      sizeBytes += bytes.length
      if (sizeBytes > maxBytes)
        throw cloudError(
          'tooLarge',
          `The content is larger than the ${maxBytes} bytes that are allowed`,
        )
      await blocks.add(bytes)
    }
    const found = await blocks.finish()
    return { sizeBytes, ...found }
  } catch (error) {
    await blocks.abandon()
    throw error
  } finally {
    await file.close()
  }
}

interface Block {
  readonly bytes: Buffer
  /** Its last writing and digesting. */
  busy: Promise<unknown>
}

/** Gathers chunks into blocks; a full block is written and digested while the next one fills. */
class BlockWriter {
  readonly #file: FileHandle
  readonly #digests: StreamDigests
  readonly #blocks: Block[] = []
  #current: Block | undefined
  #filled = 0
  #used = 0
  #position = 0
  #flushing: Promise<void> = Promise.resolve()

  constructor(file: FileHandle, digests: StreamDigests) {
    this.#file = file
    this.#digests = digests
  }

  async add(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const block = (this.#current ??= await this.#nextBlock())
      const copied = chunk.copy(block.bytes, this.#filled, at)
      at += copied
      this.#filled += copied
      if (this.#filled === BLOCK_BYTES) this.#send(block)
    }
  }

  async finish(): Promise<Omit<StoredBlob, 'sizeBytes'>> {
    if (this.#current !== undefined && this.#filled > 0) this.#send(this.#current)
    const [found] = await Promise.all([
      this.#digests.digest(),
      ...this.#blocks.map(({ busy }) => busy),
    ])
    await this.#flushing
    await this.#file.sync()
    return found
  }

  async abandon(): Promise<void> {
    await this.#digests.abandon()
    await Promise.allSettled([this.#flushing, ...this.#blocks.map(({ busy }) => busy)])
  }

  async #nextBlock(): Promise<Block> {
    const index = this.#used % BLOCKS
    this.#used += 1
    const block = (this.#blocks[index] ??= {
      bytes: Buffer.from(new SharedArrayBuffer(BLOCK_BYTES)),
      busy: Promise.resolve(),
    })
    await block.busy
    return block
  }

  #send(block: Block): void {
    const bytes = block.bytes.subarray(0, this.#filled)
    const busy = Promise.all([
      writeAll(this.#file, bytes, this.#position),
      this.#digests.update(bytes),
    ])
    busy.catch(() => undefined) // met when the block is used again, or at the end
    block.busy = busy
    this.#position += this.#filled
    if (this.#position % FLUSH_BYTES === 0) this.#flushEarly()
    this.#filled = 0
    this.#current = undefined
  }

  #flushEarly(): void {
    const before = this.#flushing
    this.#flushing = before.then(async () => await this.#file.datasync())
    this.#flushing.catch(() => undefined) // met at the end
  }
}

/** A write may take less than it was given, when the disk is nearly full for one. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten
  }
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
