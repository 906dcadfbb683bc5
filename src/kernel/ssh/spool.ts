import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'

const MOST_BYTES = 4 * 1024 ** 3
const CHUNK_BYTES = 256 * 1024

/** A copy of one file while it is open: read and written at any place. Gone when it is closed. */
export class Spool {
  readonly #folder: string
  readonly #file: FileHandle
  readonly #mode: number
  #size = 0
  /** Writes go to the end, wherever the client says. */
  appends = false

  private constructor(folder: string, file: FileHandle, mode: number) {
    this.#folder = folder
    this.#file = file
    this.#mode = mode
  }

  static async open(mode: number): Promise<Spool> {
    const folder = await mkdtemp(join(tmpdir(), 'stackyard-sftp-'))
    return new Spool(folder, await open(join(folder, 'content'), 'w+', 0o600), mode)
  }

  get facts(): { readonly size: number; readonly mode: number; readonly modified: number } {
    return { size: this.#size, mode: this.#mode, modified: Math.floor(Date.now() / 1000) }
  }

  async fill(content: Readable): Promise<void> {
    for await (const chunk of content as AsyncIterable<Buffer>) await this.write(this.#size, chunk)
  }

  async read(at: number, size: number): Promise<Buffer> {
    const buffer = Buffer.alloc(Math.min(size, CHUNK_BYTES))
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at)
    return buffer.subarray(0, bytesRead)
  }

  async write(at: number, data: Buffer): Promise<void> {
    const place = this.appends ? this.#size : at
    if (place + data.length > MOST_BYTES)
      throw new Error(`a file of more than ${MOST_BYTES} bytes cannot be copied this way`)
    await this.#file.write(data, 0, data.length, place)
    this.#size = Math.max(this.#size, place + data.length)
  }

  /** From its beginning; ends with the size that `facts` tells. */
  content(): Readable {
    return Readable.from(this.#chunks(), { objectMode: false })
  }

  /** May be repeated. */
  async close(): Promise<void> {
    await this.#file.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < this.#size;) {
      const chunk = await this.read(at, CHUNK_BYTES)
      if (chunk.length === 0) return
      at += chunk.length
      yield chunk
    }
  }
}
