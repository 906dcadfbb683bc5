import type { FileHandle } from 'node:fs/promises'
import type { DigestSet, StreamDigests } from './digests.ts'

const BLOCK_BYTES = 1024 * 1024
/** Blocks in work at once: more than are held back before threads start, see digests.ts. */
const BLOCKS = 6
/** How much may gather before the disk is set to work, so that the flush at the end finds little left to do. */
const FLUSH_BYTES = 16 * 1024 * 1024

interface Block {
  readonly bytes: Buffer
  /** Its last writing and digesting. */
  busy: Promise<unknown>
}

/**
 * Gathers chunks into blocks; a full block is written and digested while the next one fills. Chunks are given away: their
 * memory is free when `add` resolves.
 */
export class BlockWriter {
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
    release(chunk)
  }

  async finish(): Promise<DigestSet> {
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

/**
 * Gives a chunk's memory back at once. Left to the collector, every 30 MiB of chunks are a reason for it to go through all of
 * the process's memory, which takes as long as the digests. What is part of something larger is not ours alone.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

/** A write may take less than it was given, when the disk is nearly full for one. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten
  }
}
