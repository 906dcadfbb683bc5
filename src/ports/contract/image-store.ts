import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageStore } from '../image-store.ts'

/** What every image store keeps to. */
export interface ImageStoreUnderTest {
  readonly store: ImageStore
  cleanUp(): Promise<void>
}

const MIB = 1024 * 1024

export function imageStoreContract(name: string, make: () => Promise<ImageStoreUnderTest>): void {
  describe(`image store: ${name}`, () => {
    let made: ImageStoreUnderTest
    const store = (): ImageStore => made.store
    beforeAll(async () => {
      made = await make()
    })
    afterAll(async () => await made.cleanUp())
    storingContract(store)
    failureContract(store)
    rangeContract(store)
  })
}

/** Bytes that differ from place to place, so that a lost or doubled block shows. */
function sample(bytes: number): Buffer {
  const block = createHash('sha512').update(String(bytes)).digest()
  const whole = Buffer.alloc(bytes, block)
  for (let at = 0; at + 4 <= bytes; at += 4096) whole.writeUInt32LE(at, at)
  return whole
}

/** Copies, for a store may free what it was given. */
function inChunks(content: Buffer, chunkBytes: number): Readable {
  const chunks = Array.from({ length: Math.ceil(content.length / chunkBytes) }, (_, index) =>
    Buffer.copyBytesFrom(content, index * chunkBytes, chunkBytes),
  )
  return Readable.from(chunks)
}

async function all(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const hex = (algorithm: string, content: Buffer): string =>
  createHash(algorithm).update(content).digest('hex')

async function kindOf(failing: Promise<unknown>): Promise<string> {
  const error: unknown = await failing.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return isCloudError(error) ? error.kind : String(error)
}

function storingContract(store: () => ImageStore): void {
  it.each([0, 1, 65_536, MIB, 2 * MIB, 3 * MIB, 7 * MIB + 13, 20 * MIB])(
    'stores %i bytes and digests them',
    async (bytes) => {
      const id = randomUUID()
      const content = sample(bytes)
      expect(await store().write(id, inChunks(content, 100_000))).toEqual({
        sizeBytes: bytes,
        md5: hex('md5', content),
        sha512: hex('sha512', content),
      })
      expect(await store().size(id)).toBe(bytes)
      expect(await store().list()).toContain(id)
      expect((await all(await store().read(id))).equals(content)).toBe(true)
      await store().remove(id)
      await store().remove(id)
      expect(await store().size(id)).toBeUndefined()
      expect(await store().list()).not.toContain(id)
    },
  )

  it('leaves alone what a chunk is only a part of', async () => {
    const id = randomUUID()
    const content = sample(MIB)
    await store().write(id, Readable.from([content.subarray(0, 400_000), content.subarray(1)]))
    expect(content.equals(sample(MIB))).toBe(true)
    await store().remove(id)
  })

  it('keeps streams apart that come at once', async () => {
    const contents = [9, 10, 11].map((size) => sample(size * MIB))
    const blobs = await Promise.all(
      contents.map(async (content) => await store().write(randomUUID(), inChunks(content, 65_536))),
    )
    expect(blobs.map(({ md5, sha512 }) => [md5, sha512])).toEqual(
      contents.map((one) => [hex('md5', one), hex('sha512', one)]),
    )
    for (const id of await store().list()) await store().remove(id)
  })
}

function failureContract(store: () => ImageStore): void {
  it('writes an id once', async () => {
    const id = randomUUID()
    await store().write(id, Readable.from([Buffer.from('first')]))
    expect(await kindOf(store().write(id, Readable.from([Buffer.from('second')])))).toBe('conflict')
    expect((await all(await store().read(id))).toString()).toBe('first')
    await store().remove(id)
  })

  it('lets one of two writers win', async () => {
    const id = randomUUID()
    const both = ['a', 'b'].map(
      async (text) => await store().write(id, Readable.from([Buffer.from(text)])),
    )
    const results = await Promise.allSettled(both)
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    await store().remove(id)
  })

  it.each([1, 6 * MIB])('refuses what is too large, after %i bytes', async (maxBytes) => {
    const id = randomUUID()
    expect(
      await kindOf(store().write(id, inChunks(sample(maxBytes + 1), 65_536), { maxBytes })),
    ).toBe('tooLarge')
    expect(await store().size(id)).toBeUndefined()
    await store().write(id, inChunks(sample(maxBytes), 65_536), { maxBytes })
    await store().remove(id)
  })

  it.each([1, 6])('leaves nothing of a stream that breaks after %i MiB', async (mebibytes) => {
    const id = randomUUID()
    async function* broken(): AsyncGenerator<Buffer> {
      for (let sent = 0; sent < mebibytes; sent += 1) yield sample(MIB)
      throw new Error('line cut')
    }
    await expect(store().write(id, Readable.from(broken()))).rejects.toThrow('line cut')
    expect(await store().size(id)).toBeUndefined()
    expect(await store().list()).toEqual([])
  })
}

function rangeContract(store: () => ImageStore): void {
  it('reads a part', async () => {
    const id = randomUUID()
    const content = sample(100_000)
    await store().write(id, inChunks(content, 10_000))
    expect(
      (await all(await store().read(id, { start: 10, end: 19 }))).equals(content.subarray(10, 20)),
    ).toBe(true)
    expect(
      (await all(await store().read(id, { start: 99_990, end: 200_000 }))).equals(
        content.subarray(99_990),
      ),
    ).toBe(true)
    expect(await kindOf(store().read(id, { start: 100_000, end: 100_001 }))).toBe(
      'rangeNotSatisfiable',
    )
    expect(await kindOf(store().read(id, { start: 5, end: 4 }))).toBe('rangeNotSatisfiable')
    await store().remove(id)
  })

  it('says that there is nothing to read', async () => {
    expect(await kindOf(store().read(randomUUID()))).toBe('notFound')
  })
}
