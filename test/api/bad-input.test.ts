import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../../src/kernel/testkit/client.ts'
import { startTestCloud, type TestCloud } from '../support/kit.ts'
import { ok, type Session } from '../support/session.ts'

/** Wrong input of every named kind, sent to every service: a 4xx in that service's own words, with a reason to act on. */
let cloud: TestCloud
let admin: Session
let demo: Session
let flavor: string
let image: string

beforeAll(async () => {
  cloud = await startTestCloud()
  admin = await cloud.as('admin')
  demo = await cloud.as('demo')
  flavor = ok(await demo.compute.get('/flavors')).flavors[0].id as string // Nova's answer
  image = ok(
    await admin.image.post('/images', {
      name: 'someone else’s',
      disk_format: 'raw',
      container_format: 'docker',
    }),
  ).id as string // Glance's answer
})

afterAll(async () => {
  await cloud.close()
})

/** A service through its own faults: where the reason stands. */
interface Service {
  readonly name: string
  readonly collection: string
  client(): TestClient
  reason(body: Answer['body']): unknown
  /** Good but for what a case changes. */
  body(name: unknown, more?: Readonly<Record<string, unknown>>): unknown
  /** Without what must be there. */
  readonly incomplete: unknown
  /** With a key that nobody knows; where the original keeps unknown keys, with one it cannot keep. */
  readonly unknownKey: unknown
}

const services: readonly Service[] = [
  {
    name: 'identity',
    collection: '/projects',
    client: () => admin.to('identity', '/v3'),
    reason: (body) => body.error?.message,
    body: (name, more) => ({ project: { name, ...more } }),
    incomplete: { project: { description: 'no name' } },
    unknownKey: { projects: { name: 'plural' } },
  },
  {
    name: 'image',
    collection: '/images',
    client: () => demo.image,
    reason: (body) => body.error?.message,
    body: (name, more) => ({ name, disk_format: 'raw', container_format: 'docker', ...more }),
    incomplete: [],
    unknownKey: { name: 'odd', colour: { red: 1 } },
  },
  {
    name: 'network',
    collection: '/networks',
    client: () => demo.network,
    reason: (body) => body.NeutronError?.message,
    body: (name, more) => ({ network: { name, ...more } }),
    incomplete: {},
    unknownKey: { network: { name: 'odd', colour: 'red' } },
  },
  {
    name: 'compute',
    collection: '/servers',
    client: () => demo.compute,
    reason: (body) => (Object.values(body)[0] as { message?: string } | undefined)?.message, // Nova's only member is the fault
    body: (name, more) => ({
      server: { name, imageRef: image, flavorRef: flavor, networks: 'none', ...more },
    }),
    incomplete: { server: { name: 'nothing else' } },
    unknownKey: { server: { name: 'odd', imageRef: '', flavorRef: '1', colour: 'red' } },
  },
]

describe.each(services)('$name refuses', (service) => {
  const refused = (answer: Answer, ...statuses: readonly number[]): void => {
    expect(statuses, JSON.stringify(answer.body).slice(0, 300)).toContain(answer.status)
    expect(service.reason(answer.body)).toEqual(expect.stringMatching(/\w{3,}.*\w{3,}/s))
  }

  it.each([
    ['a number', 42],
    ['a list', ['a']],
    ['a map', { a: 1 }],
    ['null', null],
    ['true', true],
  ])('a name that is %s', async (what, name) => {
    const answer = await service.client().post(service.collection, service.body(name))
    // an image needs no name
    if (service.name === 'image' && what === 'null') expect(answer.status).toBe(201)
    else refused(answer, 400)
  })

  it('a missing field', async () => {
    refused(await service.client().post(service.collection, service.incomplete), 400)
  })

  it('an unknown key', async () => {
    refused(await service.client().post(service.collection, service.unknownKey), 400)
  })

  it.each([
    ['text', '"text"'],
    ['a number', '7'],
    ['null', 'null'],
    ['a list', '[]'],
  ])('a body that is %s', async (_what, body) => {
    refused(await service.client().send('POST', service.collection, body), 400)
  })

  it('no body at all', async () => {
    refused(await service.client().send('POST', service.collection), 400)
  })

  it.each(['{', '{"a": }', '{"a": 1} more', '\u0000', "{'a': 1}"])(
    'broken JSON: %j',
    async (body) => {
      refused(await service.client().send('POST', service.collection, body), 400)
    },
  )

  it('bytes that are not UTF-8', async () => {
    refused(
      await service
        .client()
        .send('POST', service.collection, Buffer.from([0x22, 0xff, 0xfe, 0x22])),
      400,
    )
  })

  it('another media type', async () => {
    const client = service.client().with({ 'content-type': 'application/xml' })
    refused(await client.send('POST', service.collection, '<name/>'), 400, 415)
  })

  it('a body of many megabytes, whatever stands in it', async () => {
    refused(
      await service.client().send('POST', service.collection, `{}${' '.repeat(12 * 1024 * 1024)}`),
      413,
    )
  })

  it('a name of ten megabytes, and one of a thousand letters', async () => {
    refused(
      await service.client().post(service.collection, service.body('x'.repeat(10 * 1024 * 1024))),
      413,
    )
    refused(await service.client().post(service.collection, service.body('x'.repeat(1000))), 400)
  })

  it('a wrong token, an altered one and none', async () => {
    const { token } = demo
    const altered = `${token.slice(0, -6)}${token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`
    const client = service.client()
    for (const wrong of ['wrong', altered, '']) {
      refused(await client.with({ 'x-auth-token': wrong }).get(service.collection), 401)
    }
  })

  it('ids that do not exist or are no ids', async () => {
    const client = service.client()
    for (const id of [
      '00000000-0000-4000-8000-000000000000',
      'no-such-id',
      '%00',
      '..%2f..%2fetc',
      'ü'.repeat(40),
    ]) {
      refused(await client.get(`${service.collection}/${id}`), 404, 400)
      refused(await client.delete(`${service.collection}/${id}`), 404, 400)
    }
  })

  it('methods and paths that it does not have', async () => {
    refused(await service.client().send('PATCH', service.collection, '{}'), 405)
    refused(await service.client().get('/no-such-collection'), 404)
  })
})

describe('another project’s things', () => {
  it('are not there', async () => {
    const network = ok(await admin.network.post('/networks', { network: { name: 'hidden' } }))
      .network.id as string // Neutron's answer
    const server = ok(await adminServer()).server.id as string // Nova's answer
    const answers = [
      await demo.image.get(`/images/${image}`),
      await demo.image.delete(`/images/${image}`),
      await demo.network.get(`/networks/${network}`),
      await demo.network.put(`/networks/${network}`, { network: { name: 'mine' } }),
      await demo.network.delete(`/networks/${network}`),
      await demo.compute.get(`/servers/${server}`),
      await demo.compute.delete(`/servers/${server}`),
      await demo.compute.post(`/servers/${server}/action`, { 'os-stop': null }),
      await demo.network.post('/ports', { port: { network_id: network } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404))
    expect(answers.map(({ bytes }) => bytes.length > 20)).not.toContain(false)
    // a body that names what one may not see is wrong, not missing
    const answer = await demo.compute.post('/servers', {
      server: { name: 'thief', imageRef: image, flavorRef: flavor, networks: 'none' },
    })
    expect(answer.status).toBe(400)
  })

  it('cannot be had by naming the other project', async () => {
    const project = { tenant_id: admin.projectId, project_id: admin.projectId, name: 'planted' }
    // 400, not 403: Neutron looks at the project before it asks its policy
    expect((await demo.network.post('/networks', { network: project })).status).toBe(400)
    expect(
      (await demo.image.post('/images', { name: 'planted', owner: admin.projectId })).status,
    ).toBe(403)
    expect((await demo.compute.get('/servers?all_tenants=1')).status).toBe(403)
    expect((await demo.to('identity', '/v3').get(`/projects/${admin.projectId}`)).status).toBeOneOf(
      [403, 404],
    )
    expect((await demo.to('identity', '/v3').get('/users')).status).toBe(403)
  })

  async function adminServer(): Promise<Answer> {
    const bytes = admin.image.with({ 'content-type': 'application/octet-stream' })
    ok(await bytes.send('PUT', `/images/${image}/file`, 'a tar'))
    const compute = admin.compute.with({ 'openstack-api-version': 'compute 2.37' })
    return await compute.post('/servers', {
      server: { name: 'hidden', imageRef: image, flavorRef: flavor, networks: 'none' },
    })
  }
})

describe('quotas', () => {
  it('of servers: 403 with what was asked, used and allowed', async () => {
    ok(await admin.compute.put(`/os-quota-sets/${demo.projectId}`, { quota_set: { instances: 0 } }))
    const mine = ok(
      await demo.image.post('/images', {
        name: 'mine',
        disk_format: 'raw',
        container_format: 'docker',
      }),
    ).id as string // Glance's answer
    ok(
      await demo.image
        .with({ 'content-type': 'application/octet-stream' })
        .send('PUT', `/images/${mine}/file`, 'a tar'),
    )
    const compute = demo.compute.with({ 'openstack-api-version': 'compute 2.37' })
    const answer = await compute.post('/servers', {
      server: { name: 'one too many', imageRef: mine, flavorRef: flavor, networks: 'none' },
    })
    expect(answer.status).toBe(403)
    expect(answer.body.forbidden.message).toMatch(
      /Quota exceeded for instances: Requested 1, but already used 0 of 0/,
    )
  })

  it('of networks: 409 OverQuota', async () => {
    const { networks } = ok(await demo.network.get(`/networks?project_id=${demo.projectId}`))
    ok(
      await admin.network.put(`/quotas/${demo.projectId}`, { quota: { network: networks.length } }),
    )
    const answer = await demo.network.post('/networks', { network: { name: 'one too many' } })
    expect(answer.status).toBe(409)
    expect(answer.body.NeutronError).toMatchObject({
      type: 'OverQuota',
      message: expect.stringContaining('network'),
    })
  })

  it('of keypairs: 403', async () => {
    ok(await admin.compute.put(`/os-quota-sets/${demo.projectId}`, { quota_set: { key_pairs: 0 } }))
    const answer = await demo.compute.post('/os-keypairs', { keypair: { name: 'one-too-many' } })
    expect(answer.status).toBe(403)
    expect(answer.body.forbidden.message).toMatch(/quota/i)
  })

  it('of an image’s properties: 413', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`p${at}`, 'v']))
    const answer = await demo.image.post('/images', { name: 'crowded', ...many })
    expect(answer.status).toBe(413)
    expect(answer.body.error.message).toMatch(/128/)
  })
})
