import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startImageBed, type ImageBed } from '../testbed.ts'

let bed: ImageBed
beforeAll(async () => {
  bed = await startImageBed()
})
afterAll(async () => {
  await bed.close()
})

const IMAGES = '/image/v2/images'

describe('creating', () => {
  it('answers with every attribute and nothing else', async () => {
    const answer = await bed
      .as('demo')
      .post(IMAGES, { name: 'a', tags: ['y', 'x', 'x'], os_distro: 'alpine' })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe(`${bed.url}${IMAGES}/${answer.body.id}`)
    expect(answer.headers.get('openstack-image-import-methods')).toBe(
      'glance-direct,web-download,glance-download',
    )
    expect(answer.body).toEqual({
      id: answer.body.id,
      name: 'a',
      status: 'queued',
      visibility: 'shared',
      owner: projectIdOf('demo'),
      protected: false,
      os_hidden: false,
      container_format: null,
      disk_format: null,
      min_disk: 0,
      min_ram: 0,
      size: null,
      virtual_size: null,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      tags: ['x', 'y'],
      os_distro: 'alpine',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      updated_at: answer.body.created_at,
      self: `/v2/images/${answer.body.id}`,
      file: `/v2/images/${answer.body.id}/file`,
      schema: '/v2/schemas/image',
    })
  })

  it('takes an id once', async () => {
    const id = randomUUID()
    expect((await bed.create('demo', { id })).id).toBe(id)
    expect((await bed.as('other').post(IMAGES, { id })).status).toBe(409)
  })

  it.each([
    [{ name: 'x'.repeat(256) }, 400],
    [{ container_format: 'wrong' }, 400],
    [{ disk_format: 7 }, 400],
    [{ min_ram: -1 }, 400],
    [{ min_disk: 2 ** 40 }, 400],
    [{ id: 'not-a-uuid' }, 400],
    [{ custom: 5 }, 400],
    [{ custom: 'a\0b' }, 400],
    [{ ['x'.repeat(256)]: 'y' }, 400],
    [{ ramdisk_id: 'no uuid' }, 400],
    [{ tags: ['x'.repeat(256)] }, 400],
    [[], 400],
    ['{', 400],
    [{ os_glance_foo: 'bar' }, 403],
    [{ status: 'active' }, 403],
    [{ locations: [] }, 403],
    [{ visibility: 'public' }, 403],
    [{ owner: 'somebody' }, 403],
    [Object.fromEntries(Array.from({ length: 129 }, (_, at) => [`p${at}`, 'v'])), 413],
  ])('refuses %j with %i', async (body, status) => {
    const answer = await bed.as('demo').post(IMAGES, body)
    expect([answer.status, answer.body.error?.message]).toEqual([status, expect.any(String)])
  })

  it('is for members; only admins publish and give away', async () => {
    expect((await bed.as('reader').post(IMAGES, {})).status).toBe(403)
    expect((await bed.create('admin', { visibility: 'public', owner: 'somebody' })).owner).toBe(
      'somebody',
    )
    expect((await bed.create('demo', { visibility: 'community' })).visibility).toBe('community')
  })

  it('counts', async () => {
    const small = await startImageBed({ quota: { images: 1 } })
    await small.create('demo')
    expect((await small.as('demo').post(IMAGES, {})).status).toBe(413)
    await small.close()
  })
})

describe('seeing and changing others', () => {
  it.each([
    ['private', 404, 404],
    ['shared', 404, 404],
    ['community', 200, 403],
    ['public', 200, 403],
  ])('a %s image: %i to look, %i to touch', async (visibility, look, touch) => {
    const { id } = await bed.create('admin', { visibility })
    expect((await bed.as('demo').get(`${IMAGES}/${id}`)).status).toBe(look)
    expect(
      (await bed.patch('demo', id, [{ op: 'replace', path: '/name', value: 'mine' }])).status,
    ).toBe(touch)
    expect((await bed.as('demo').delete(`${IMAGES}/${id}`)).status).toBe(touch)
    expect((await bed.as('demo').put(`${IMAGES}/${id}/tags/t`)).status).toBe(touch)
  })

  it('a reader may look at what his project has, and no more', async () => {
    const { id } = await bed.create('demo')
    expect((await bed.as('reader').get(`${IMAGES}/${id}`)).status).toBe(200)
    expect((await bed.as('reader').delete(`${IMAGES}/${id}`)).status).toBe(403)
    expect((await bed.as('reader').get(`${IMAGES}/${id}/file`)).status).toBe(403)
  })

  it('nothing is found under odd ids', async () => {
    for (const id of ['nonsense', '%00', '..', 'a'.repeat(2000), '%F0%9F%98%80']) {
      expect((await bed.as('demo').get(`${IMAGES}/${id}`)).status).toBeGreaterThanOrEqual(400)
      expect((await bed.as('demo').get(`${IMAGES}/${id}`)).status).toBeLessThan(500)
    }
    expect((await bed.as('demo').get(`${IMAGES}/`)).status).toBe(404)
    expect((await bed.as('demo').delete(`${IMAGES}/`)).status).toBe(404)
    expect((await bed.as('demo').delete(IMAGES)).status).toBe(405)
  })
})

describe('patching', () => {
  it('adds, replaces and removes', async () => {
    const { id } = await bed.create('demo', { colour: 'red' })
    const answer = await bed.patch('demo', id, [
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'add', path: '/a~1b', value: 'slash' },
      { op: 'remove', path: '/colour' },
      { op: 'replace', path: '/tags', value: ['one', 'one'] },
      { op: 'add', path: '/min_ram', value: 64 },
      { op: 'replace', path: '/protected', value: true },
    ])
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      name: 'new',
      'a/b': 'slash',
      tags: ['one'],
      min_ram: 64,
      protected: true,
    })
    expect(answer.body).not.toHaveProperty('colour')
    expect((await bed.as('demo').delete(`${IMAGES}/${id}`)).status).toBe(403)
  })

  it('understands the older language', async () => {
    const { id } = await bed.create('demo')
    const old = bed
      .as('demo')
      .with({ 'content-type': 'application/openstack-images-v2.0-json-patch' })
    const answer = await old.patch(`${IMAGES}/${id}`, [
      { replace: '/name', value: 'old' },
      { add: '/k', value: 'v' },
    ])
    expect(answer.body).toMatchObject({ name: 'old', k: 'v' })
    expect(
      (await old.patch(`${IMAGES}/${id}`, [{ replace: '/name', add: '/name', value: 'x' }])).status,
    ).toBe(400)
  })

  it.each([
    [[{ op: 'replace', path: '/id', value: 'x' }], 403],
    [[{ op: 'add', path: '/os_glance_foo', value: 'x' }], 403],
    [[{ op: 'add', path: '/deleted', value: 'x' }], 403],
    [[{ op: 'add', path: '/locations/-', value: {} }], 403],
    [[{ op: 'remove', path: '/name' }], 403],
    [[{ op: 'replace', path: '/owner', value: 'x' }], 403],
    [[{ op: 'replace', path: '/visibility', value: 'public' }], 403],
    [[{ op: 'replace', path: '/nothing', value: 'x' }], 409],
    [[{ op: 'remove', path: '/nothing' }], 409],
    [[{ op: 'move', path: '/name', from: '/x' }], 400],
    [[{ op: 'add', path: '/name' }], 400],
    [[{ op: 'add', path: 'name', value: 'x' }], 400],
    [[{ op: 'add', path: '/', value: 'x' }], 400],
    [[{ op: 'add', path: '/a/b', value: 'x' }], 400],
    [[{ op: 'add', path: '/a~2', value: 'x' }], 400],
    [[{ op: 'add', path: '/custom', value: 1 }], 400],
    [[{ op: 'replace', path: '/visibility', value: 'nobody' }], 400],
    [[{ op: 'replace', path: '/name', value: ['x'] }], 400],
    [[7], 400],
    [{}, 400],
  ])('refuses %j with %i', async (operations, status) => {
    const { id } = await bed.create('demo')
    expect((await bed.patch('demo', id, operations)).status).toBe(status)
  })

  it('wants its own media type', async () => {
    const { id } = await bed.create('demo')
    const answer = await bed.as('demo').patch(`${IMAGES}/${id}`, [])
    expect([answer.status, answer.headers.get('accept-patch')]).toEqual([
      415,
      expect.stringContaining('json-patch'),
    ])
  })

  it('keeps the formats of an image that has data', async () => {
    const { id } = await bed.create('demo')
    await bed.upload('demo', id, 'bytes')
    expect(
      (await bed.patch('demo', id, [{ op: 'replace', path: '/disk_format', value: 'qcow2' }]))
        .status,
    ).toBe(403)
    expect(
      (
        await bed.patch('admin', id, [
          { op: 'replace', path: '/owner', value: projectIdOf('other') },
        ])
      ).status,
    ).toBe(200)
    expect((await bed.as('demo').get(`${IMAGES}/${id}`)).status).toBe(404)
  })
})

describe('tags and status', () => {
  it('adds and removes a tag', async () => {
    const { id } = await bed.create('demo')
    expect((await bed.as('demo').put(`${IMAGES}/${id}/tags/t%2F1`)).status).toBe(204)
    expect((await bed.as('demo').get(`${IMAGES}/${id}`)).body.tags).toEqual(['t/1'])
    expect((await bed.as('demo').delete(`${IMAGES}/${id}/tags/t%2F1`)).status).toBe(204)
    expect((await bed.as('demo').delete(`${IMAGES}/${id}/tags/t%2F1`)).status).toBe(404)
    expect((await bed.as('demo').put(`${IMAGES}/${id}/tags/${'x'.repeat(256)}`)).status).toBe(400)
  })

  it('deactivates and reactivates', async () => {
    const { id } = await bed.create('demo')
    const act = async (verb: string): Promise<number> =>
      (await bed.as('demo').post(`${IMAGES}/${id}/actions/${verb}`)).status
    expect(await act('deactivate')).toBe(403)
    await bed.upload('demo', id, 'bytes')
    expect(await act('deactivate')).toBe(204)
    expect((await bed.as('demo').get(`${IMAGES}/${id}/file`)).status).toBe(403)
    expect((await bed.as('admin').get(`${IMAGES}/${id}/file`)).status).toBe(200)
    expect(await act('reactivate')).toBe(204)
    expect((await bed.as('demo').get(`${IMAGES}/${id}/file`)).body).toBe('bytes')
  })

  it('says its versions and schemas', async () => {
    const list = await bed.as('demo').get('/image/')
    expect([list.status, list.body.versions[0].status]).toEqual([300, 'CURRENT'])
    expect((await bed.as('demo').get('/image/versions')).status).toBe(200)
    expect((await bed.as('demo').get('/image/v2/schemas/image')).body.name).toBe('image')
    expect(
      (await bed.as('demo').get('/image/v2/info/usage')).body.usage.image_count_total.usage,
    ).toBeGreaterThan(0)
  })
})
