import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startImageBed, type ImageBed } from '../testbed.ts'
import { defaultDownloadRules, readUri } from './download.ts'

let bed: ImageBed
let web: Server
let site: string
beforeAll(async () => {
  web = createServer((request, answer) => {
    if (request.url === '/image') return answer.end('from the web')
    if (request.url === '/moved') return answer.writeHead(302, { location: '/image' }).end()
    if (request.url === '/loop') return answer.writeHead(302, { location: '/loop' }).end()
    if (request.url === '/away')
      return answer.writeHead(302, { location: 'ftp://elsewhere/' }).end()
    if (request.url === '/cut')
      return answer.writeHead(200, { 'content-length': 1000 }).write('half', () => answer.destroy())
    return answer.writeHead(404).end()
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const { port } = web.address() as AddressInfo // it listens on TCP
  site = `http://localhost:${port}`
  bed = await startImageBed({ download: { ports: [80, port], refuses: () => false } })
})
afterAll(async () => {
  await bed.close()
  web.close()
})

const of = (id: string): string => `/image/v2/images/${id}`
const start = async (id: string, method: object, more: object = {}) =>
  await bed.as('demo').post(`${of(id)}/import`, { method, ...more })
const show = async (id: string) => (await bed.as('demo').get(of(id))).body

describe('glance-direct', () => {
  it('imports what was staged', async () => {
    const { id } = await bed.create('demo')
    expect((await start(id, { name: 'glance-direct' })).status).toBe(409)
    expect((await bed.upload('demo', id, 'staged', 'stage')).status).toBe(204)
    expect((await show(id)).status).toBe('uploading')
    expect((await bed.as('demo').get(`${of(id)}/file`)).status).toBe(204)
    const started = await start(id, { name: 'glance-direct' }, { all_stores: true })
    expect(started.status).toBe(202)
    await bed.settle()
    expect(await show(id)).toMatchObject({
      status: 'active',
      size: 6,
      stores: 'fake',
      os_glance_importing_to_stores: '',
      os_glance_failed_import: '',
    })
    expect((await bed.as('demo').get(`${of(id)}/file`)).body).toBe('staged')
    const { tasks } = (await bed.as('demo').get(`${of(id)}/tasks`)).body
    expect(tasks).toMatchObject([
      {
        status: 'success',
        request_id: started.headers.get('x-openstack-request-id'),
        input: { import_req: { method: { name: 'glance-direct' } } },
      },
    ])
  })

  it('can be given up by deleting', async () => {
    const before = (await bed.store.list()).length
    const { id } = await bed.create('demo')
    await bed.upload('demo', id, 'staged', 'stage')
    expect((await bed.as('demo').delete(of(id))).status).toBe(204)
    await bed.settle()
    expect(await bed.store.list()).toHaveLength(before)
  })
})

describe('web-download', () => {
  it.each(['/image', '/moved'])('fetches %s', async (path) => {
    const { id } = await bed.create('demo')
    expect(
      (await start(id, { name: 'web-download', uri: site + path }, { stores: ['fake'] })).status,
    ).toBe(202)
    await bed.settle()
    expect((await bed.as('demo').get(`${of(id)}/file`)).body).toBe('from the web')
  })

  it.each([
    ['/missing', /404/],
    ['/loop', /redirects/],
    ['/away', /ftp/],
    ['/cut', /aborted|terminated|prematurely|reset|closed/i],
  ])('says why %s failed, and gives the image back', async (path, reason) => {
    const { id } = await bed.create('demo')
    await start(id, { name: 'web-download', uri: site + path })
    await bed.settle()
    expect(await show(id)).toMatchObject({
      status: 'queued',
      size: null,
      os_glance_failed_import: 'fake',
    })
    const { tasks } = (await bed.as('demo').get(`${of(id)}/tasks`)).body
    expect(tasks).toMatchObject([{ status: 'failure', message: expect.stringMatching(reason) }])
    expect((await bed.as('admin').get(`/image/v2/tasks/${tasks[0].id}`)).body.status).toBe(
      'failure',
    )
    expect((await bed.upload('demo', id, 'now by hand')).status).toBe(204)
  })

  it.each([
    [{ name: 'web-download' }, {}],
    [{ name: 'web-download', uri: 'file:///etc/passwd' }, {}],
    [{ name: 'web-download', uri: 'http://example.org:22/' }, {}],
    [{ name: 'web-download', uri: 'no uri' }, {}],
    [{ name: 'web-download', uri: 'http://example.org/' }, { stores: ['ceph'] }],
    [
      { name: 'web-download', uri: 'http://example.org/' },
      { stores: ['fake'], all_stores: true },
    ],
    [{ name: 'copy-image' }, {}],
    [{}, {}],
  ])('refuses %j %j', async (method, more) => {
    const { id } = await bed.create('demo')
    expect((await start(id, method, more)).status).toBe(400)
    expect((await show(id)).status).toBe('queued')
  })

  it.each([
    'http://127.0.0.1/',
    'http://[::1]/',
    'http://169.254.169.254/latest',
    'http://0x7f.1/',
    'http://[::ffff:127.0.0.1]/',
    'http://0.0.0.0/',
  ])('never goes to %s', (uri) => {
    expect(() => readUri(uri, defaultDownloadRules)).toThrow(/cannot be imported from/)
  })

  it('looks at the address behind a name', async () => {
    const strict = await startImageBed({
      download: { ...defaultDownloadRules, ports: [Number(new URL(site).port)] },
    })
    const { id } = await strict.create('demo')
    await strict
      .as('demo')
      .post(`${of(id)}/import`, { method: { name: 'web-download', uri: `${site}/image` } })
    await strict.settle()
    const { tasks } = (await strict.as('demo').get(`${of(id)}/tasks`)).body
    expect(tasks[0].message).toMatch(/stands for an address/)
    await strict.close()
  })
})

describe('glance-download', () => {
  const copy = async (id: string, source: string, more: object = {}) =>
    await start(id, {
      name: 'glance-download',
      glance_image_id: source,
      glance_region: 'RegionOne',
      ...more,
    })

  it('copies the bytes, the formats and how the image runs', async () => {
    const source = await bed.create('other', {
      visibility: 'community',
      container_format: 'docker',
      hw_cpu_cores: '5',
      speed: '88mph',
    })
    await bed.upload('other', source.id, 'bytes')
    const { id } = await bed.create('demo', { hw_cpu_cores: '1', mine: 'kept' })
    expect((await copy(id, source.id)).status).toBe(202)
    await bed.settle()
    expect(await show(id)).toMatchObject({
      status: 'active',
      container_format: 'docker',
      hw_cpu_cores: '5',
      mine: 'kept',
      size: 5,
    })
    expect(await show(id)).not.toHaveProperty('speed')
    await bed.as('other').delete(of(source.id))
    await bed.settle()
    expect((await bed.as('demo').get(`${of(id)}/file`)).body).toBe('bytes')
  })

  it('fails for what the project may not see, and for other regions', async () => {
    const hidden = await bed.create('other', { visibility: 'private' })
    await bed.upload('other', hidden.id, 'bytes')
    for (const more of [{}, { glance_region: 'Elsewhere' }, { glance_service_interface: 'odd' }]) {
      const { id } = await bed.create('demo')
      expect((await copy(id, hidden.id, more)).status).toBe(202)
      await bed.settle()
      expect((await bed.as('demo').get(`${of(id)}/tasks`)).body.tasks[0].status).toBe('failure')
      expect((await show(id)).status).toBe('queued')
    }
    const { id } = await bed.create('demo')
    expect((await copy(id, 'foo')).body.error.message).toContain(
      'image id does not look like a UUID',
    )
    expect((await start(id, { name: 'glance-download' })).status).toBe(400)
  })
})

describe('tasks', () => {
  it('are for admins, and are not posted', async () => {
    expect((await bed.as('demo').get('/image/v2/tasks')).status).toBe(403)
    const page = await bed.as('admin').get('/image/v2/tasks?limit=1')
    expect(page.body.tasks).toHaveLength(1)
    expect((await bed.as('admin').get(`/image${page.body.next}`)).body.tasks[0].id).not.toBe(
      page.body.tasks[0].id,
    )
    expect(
      (await bed.as('admin').get('/image/v2/tasks?status=failure')).body.tasks.length,
    ).toBeGreaterThan(0)
    expect((await bed.as('demo').post('/image/v2/tasks', {})).status).toBe(403)
    expect((await bed.as('admin').post('/image/v2/tasks', {})).status).toBe(403)
  })
})
