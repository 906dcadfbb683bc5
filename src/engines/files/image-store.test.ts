import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { imageStoreContract } from '../../ports/contract/image-store.ts'
import { createFileImageStore } from './image-store.ts'

async function newFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'stackyard-images-'))
}

imageStoreContract('files', async () => {
  const folder = await newFolder()
  return {
    store: createFileImageStore({ folder }),
    cleanUp: async () => await rm(folder, { recursive: true }),
  }
})

describe('images as files', () => {
  it('frees the memory of what it has stored, not leaving that to the collector', async () => {
    const folder = await newFolder()
    const store = createFileImageStore({ folder })
    const chunks = [1, 2, 3].map((digit) => Buffer.alloc(700_000, digit))
    await store.write('image', Readable.from(chunks))
    expect(chunks.map(({ length }) => length)).toEqual([0, 0, 0])
    expect(await store.size('image')).toBe(2_100_000)
    await rm(folder, { recursive: true })
  })

  it('clears away what a killed process left half-written', async () => {
    const folder = await newFolder()
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, '.part-0815'), 'half')
    await writeFile(join(folder, 'whole'), 'all of it')
    const store = createFileImageStore({ folder })
    expect(await readdir(folder)).toEqual(['whole'])
    expect(await store.list()).toEqual(['whole'])
    await rm(folder, { recursive: true })
  })

  it.each(['..', '../x', 'a/b', '', '.part-1', 'a\0b'])(
    'takes no path for an id: %j',
    async (id) => {
      const folder = await newFolder()
      const store = createFileImageStore({ folder })
      await expect(store.write(id, Readable.from([Buffer.from('x')]))).rejects.toThrow(
        'cannot be the id',
      )
      await expect(store.read(id)).rejects.toThrow('cannot be the id')
      await rm(folder, { recursive: true })
    },
  )
})
