import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFakeImageStore } from '../../../engines/fake/image-store.ts'
import { createApp } from '../../../kernel/app/app.ts'
import { openSqlite } from '../../../kernel/db/sqlite.ts'
import { createLog } from '../../../kernel/log/log.ts'
import { updateImage } from '../images/store.ts'
import { createImage } from '../index.ts'
import { startImageBed, type ImageBed } from '../testbed.ts'
import { readRange } from './range.ts'

let bed: ImageBed
beforeAll(async () => {
  bed = await startImageBed({ quota: { bytes: 4_000_000 } })
})
afterAll(async () => {
  await bed.close()
})

const fileOf = (id: string): string => `/image/v2/images/${id}/file`
const show = async (id: string) => (await bed.as('demo').get(`/image/v2/images/${id}`)).body

describe('uploading', () => {
  it('makes the image active, with its digests', async () => {
    const { id } = await bed.create('demo')
    expect((await bed.as('demo').get(fileOf(id))).status).toBe(204)
    expect((await bed.upload('demo', id, 'content')).status).toBe(204)
    expect(await show(id)).toMatchObject({
      status: 'active',
      size: 7,
      virtual_size: 7,
      stores: 'fake',
      os_hash_algo: 'sha512',
      checksum: createHash('md5').update('content').digest('hex'),
      os_hash_value: createHash('sha512').update('content').digest('hex'),
    })
    expect((await bed.upload('demo', id, 'again')).status).toBe(409)
    const info = await bed.image.face.findImage(bed.ctx(), id)
    expect(info?.key).toBe(`sha512:${createHash('sha512').update('content').digest('hex')}`)
  })

  it('keeps the key of an image whose SHA-256 the engine knows it by', async () => {
    const { id } = await bed.create('demo')
    await bed.upload('demo', id, 'old')
    const old = { sha256: createHash('sha256').update('old').digest('hex') }
    await updateImage(bed.ctx(), id, old, { status: ['active'] })
    expect((await bed.image.face.findImage(bed.ctx(), id))?.key).toBe(`sha256:${old.sha256}`)
  })

  it('wants octets, formats and a store that is there', async () => {
    const { id } = await bed.create('demo', { container_format: null })
    expect((await bed.as('demo').put(fileOf(id), { json: 1 })).status).toBe(415)
    expect((await bed.upload('demo', id, 'x')).status).toBe(400)
    const octets = bed
      .as('demo')
      .with({ 'content-type': 'application/octet-stream', 'x-image-meta-store': 'ceph' })
    expect((await octets.put(fileOf(id), 'x')).status).toBe(400)
    expect((await bed.upload('demo', 'nothing', 'x')).status).toBe(404)
  })

  it('stops at the quota, says so, and leaves the image queued', async () => {
    const { id } = await bed.create('demo')
    expect((await bed.upload('demo', id, new Uint8Array(5_000_000))).status).toBe(413)
    const streamed = await fetch(bed.url + fileOf(id), {
      method: 'PUT',
      headers: { 'x-auth-token': 'demo', 'content-type': 'application/octet-stream' },
      duplex: 'half',
      body: Readable.toWeb(Readable.from(Array.from({ length: 80 }, () => Buffer.alloc(65_536)))),
    })
    expect(streamed.status).toBe(413)
    expect((await show(id)).status).toBe('queued')
    await bed.settle()
    expect((await bed.upload('demo', id, 'fits')).status).toBe(204)
  })

  it('leaves no half image when the sender goes away', async () => {
    const { id } = await bed.create('demo')
    await new Promise<void>((resolve) => {
      const sent = request(bed.url + fileOf(id), {
        method: 'PUT',
        headers: {
          'x-auth-token': 'demo',
          'content-type': 'application/octet-stream',
          'content-length': 100_000,
        },
      })
      sent.once('error', () => resolve())
      sent.write(Buffer.alloc(50_000), () => setTimeout(() => sent.destroy(new Error('gone')), 20))
    })
    await expect.poll(async () => (await show(id)).status).toBe('queued')
    const { size, checksum } = await show(id)
    expect([size, checksum]).toEqual([null, null])
  })

  it('removes the bytes of deleted images, and of images deleted while they came in', async () => {
    const { id } = await bed.create('demo')
    await bed.upload('demo', id, 'bytes')
    const before = (await bed.store.list()).length
    expect((await bed.as('demo').delete(`/image/v2/images/${id}`)).status).toBe(204)
    await bed.settle()
    expect((await bed.store.list()).length).toBe(before - 1)

    const late = await bed.create('demo')
    async function* slowly(): AsyncGenerator<Buffer> {
      yield Buffer.from('begin')
      await bed.as('demo').delete(`/image/v2/images/${late.id}`)
      yield Buffer.from('end')
    }
    await expect(
      bed.image.face.fillImage(bed.ctx(), late.id, Readable.from(slowly())),
    ).rejects.toThrow(/deleted during/)
    await bed.settle()
    expect((await bed.store.list()).length).toBe(before - 1)
  })
})

describe('downloading', () => {
  it('gives the whole or a part', async () => {
    const { id } = await bed.create('demo')
    await bed.upload('demo', id, '0123456789')
    const whole = await bed.as('demo').get(fileOf(id))
    expect([whole.status, whole.body, whole.headers.get('content-md5')]).toEqual([
      200,
      '0123456789',
      createHash('md5').update('0123456789').digest('hex'),
    ])
    const part = await bed.as('demo').with({ range: 'bytes=2-4' }).get(fileOf(id))
    expect([part.status, part.body, part.headers.get('content-range')]).toEqual([
      206,
      '234',
      'bytes 2-4/10',
    ])
    const none = await bed.as('demo').with({ range: 'bytes=10-' }).get(fileOf(id))
    expect([none.status, none.headers.get('content-range')]).toEqual([416, 'bytes */10'])
    const head = await bed.as('demo').send('HEAD', fileOf(id))
    expect([head.status, head.headers.get('content-length'), head.bytes.length]).toEqual([
      200,
      '10',
      0,
    ])
  })

  it('goes on working for empty images', async () => {
    const { id } = await bed.create('demo')
    await bed.upload('demo', id, '')
    expect((await bed.as('demo').get(fileOf(id))).bytes).toHaveLength(0)
    expect((await show(id)).size).toBe(0)
  })

  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=5-', { start: 5, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-30', { start: 0, end: 9 }],
    ['bytes=3-99', { start: 3, end: 9 }],
  ])('reads the range %s', (header, range) => {
    expect(readRange(header, 10)).toEqual(range)
  })

  it.each([
    'bytes=',
    'bytes=-',
    'bytes=4-3',
    'bytes=-0',
    'bytes=1-2,4-5',
    'lines=1-2',
    'bytes=x-y',
  ])('refuses the range %s', (header) => {
    expect(() => readRange(header, 10)).toThrow(/range/)
  })
})

describe('a killed process', () => {
  it('leaves images queued and no bytes at the next start', async () => {
    const store = createFakeImageStore()
    const db = openSqlite(':memory:')
    const config = {
      db,
      log: createLog('silent'),
      authenticate: async () => await Promise.resolve(undefined),
    }
    const before = createImage({ store })
    const first = await createApp({ ...config, services: [before.definition] })
    const wish = {
      projectId: 'p',
      name: 'n',
      containerFormat: 'docker',
      diskFormat: 'raw',
      minDiskGiB: 0,
      minRamMiB: 0,
      properties: {},
    }
    const id = await before.face.reserveImage(first.ctx(), wish)
    void before.face.fillImage(first.ctx(), id, new Readable({ read: () => undefined }))
    await expect
      .poll(async () => (await before.face.findImage(first.ctx(), id))?.status)
      .toBe('saving')
    await store.write('orphan', Readable.from(['x']))

    const after = createImage({ store })
    const second = await createApp({ ...config, services: [after.definition] })
    await second.runner.start()
    await second.runner.idle()
    expect((await after.face.findImage(second.ctx(), id))?.status).toBe('queued')
    expect(await store.list()).toEqual([])
    await second.close()
  })
})
