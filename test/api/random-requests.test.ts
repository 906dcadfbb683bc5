import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Route } from '../../src/kernel/http/route.ts'
import type { ServiceDefinition } from '../../src/kernel/http/service.ts'
import { TestClient } from '../../src/kernel/testkit/client.ts'
import { startTestCloud, type TestCloud } from '../support/kit.ts'
import { almost } from '../support/random-json.ts'
import { ok, type Session } from '../support/session.ts'

/** No request may break the cloud: whatever is sent to whatever route, the answer is below 500 and in the service's fault format. */
const REQUESTS = Number(process.env['STACKYARD_RANDOM_REQUESTS'] ?? 5000)
const AT_ONCE = 25

let test: TestCloud
let admin: Session
let demo: Session
let ids: string[]
/** For writes to identity: a request that removes the asker himself would make all that follow it a 401. */
let spareIds: string[]

beforeAll(async () => {
  test = await startTestCloud()
  admin = await test.as('admin')
  demo = await test.as('demo')
  spareIds = await someSpareIds()
  ids = [...(await someIds()), ...spareIds]
}, 60_000)

afterAll(async () => {
  await test.close()
})

describe('random requests', () => {
  it(`${REQUESTS} of them over all routes are never answered with a 5xx`, async () => {
    const targets = test.cloud.definitions.flatMap((service) =>
      service.routes.filter(safe).map((route) => ({ service, route })),
    )
    expect(targets.length).toBeGreaterThan(200)
    const bad: string[] = []
    let sent = 0
    const statuses = new Map<number, number>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(requestTo(targets), { minLength: AT_ONCE, maxLength: AT_ONCE }),
        async (requests) => {
          await Promise.all(
            requests.map(async (request) => {
              const answer = await send(request)
              sent++
              statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
              if (answer.status >= 500)
                bad.push(
                  `${request.method} ${request.url} ${JSON.stringify(request.body)?.slice(0, 400)} → ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`,
                )
            }),
          )
          expect(bad).toEqual([])
        },
      ),
      { numRuns: Math.ceil(REQUESTS / AT_ONCE), endOnFailure: true },
    )
    expect(sent).toBeGreaterThanOrEqual(REQUESTS)
    // it would prove little if nothing got past the door
    const letIn = [...statuses]
      .filter(([status]) => status < 400)
      .reduce((sum, [, count]) => sum + count, 0)
    expect(letIn).toBeGreaterThan(REQUESTS / 20)
  }, 300_000)
})

interface RandomRequest {
  readonly method: string
  readonly url: string
  readonly body: unknown
  readonly version: string
  readonly token: string | undefined
}

/** Web-download would leave this machine, and a stream of events has no end to wait for. */
function safe(route: Route): boolean {
  return !route.path.endsWith('/import') && route.path !== '/v1/events'
}

function requestTo(
  targets: readonly { readonly service: ServiceDefinition; readonly route: Route }[],
): fc.Arbitrary<RandomRequest> {
  return fc.constantFrom(...targets).chain(({ service, route }) => {
    const known = service.name === 'identity' && route.method !== 'GET' ? spareIds : ids
    const part = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...known) },
      { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 30, unit: 'binary' }) },
    )
    const body =
      route.streamed === true
        ? fc.string()
        : route.action === undefined
          ? almost(route.body, ids)
          : almost(route.body, ids).map((value) => ({ [route.action ?? '']: value }))
    const withBody = ['POST', 'PUT', 'PATCH'].includes(route.method)
    const query = fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      {
        weight: 1,
        arbitrary: fc
          .tuple(
            fc.constantFrom(
              'limit',
              'marker',
              'sort_key',
              'name',
              'id',
              'status',
              'fields',
              'changes-since',
              'tags',
            ),
            fc.string({ maxLength: 12 }),
          )
          .map(([key, value]) => `?${key}=${encodeURIComponent(value)}`),
      },
    )
    return fc.record({
      method: fc.constant(route.method),
      url: fc
        .tuple(fc.array(part, { minLength: 4, maxLength: 4 }), query)
        .map(([parts, tail]) => service.mount + filled(route.path, parts) + tail),
      body: withBody ? body : fc.constant(undefined),
      version: fc.constantFrom(
        service.microversions?.min ?? '',
        service.microversions?.max ?? '',
        route.since ?? '',
      ),
      token: fc.constantFrom(
        ...Array<string>(9).fill(admin.token),
        ...Array<string>(4).fill(demo.token),
        'gAAAAAbad',
        undefined,
      ),
    })
  })
}

function filled(path: string, parts: readonly string[]): string {
  let at = 0
  return path.replaceAll(/:\w+/g, () =>
    encodeURIComponent(parts[at++ % parts.length] ?? 'x').replaceAll('.', '%2E'),
  )
}

async function send(request: RandomRequest): Promise<{ status: number; body: unknown }> {
  const type =
    request.version === '' ? {} : { 'openstack-api-version': `compute ${request.version}` }
  return await new TestClient(test.cloud.url, request.token, type).send(
    request.method,
    request.url,
    request.body,
  )
}

/** Ids of things that exist, so that requests get past the 404. */
async function someIds(): Promise<string[]> {
  const networks = ok(await admin.network.get('/networks')).networks as {
    id: string
    subnets: string[]
  }[]
  const flavors = ok(await admin.compute.get('/flavors')).flavors as { id: string }[]
  const keystone = admin.to('identity', '/v3')
  const users = ok(await keystone.get('/users')).users as { id: string }[]
  const roles = ok(await keystone.get('/roles')).roles as { id: string }[]
  const image = ok(
    await demo.image.post('/images', {
      name: 'some',
      container_format: 'docker',
      disk_format: 'raw',
    }),
  ).id as string
  ok(
    await demo.image
      .with({ 'content-type': 'application/octet-stream' })
      .send('PUT', `/images/${image}/file`, 'a tar'),
  )
  const wish = { name: 'some', imageRef: image, flavorRef: flavors[0]?.id, networks: 'none' }
  const compute = demo.compute.with({ 'openstack-api-version': 'compute 2.37' })
  const server = ok(await compute.post('/servers', { server: wish })).server.id as string
  return [
    ...networks.flatMap(({ id, subnets }) => [id, ...subnets]),
    ...flavors.slice(0, 2).map(({ id }) => id),
    ...users.slice(0, 2).map(({ id }) => id),
    ...roles.slice(0, 2).map(({ id }) => id),
    image,
    server,
    demo.projectId,
    'default',
  ]
}

async function someSpareIds(): Promise<string[]> {
  const keystone = admin.to('identity', '/v3')
  const made = await Promise.all(
    ['user', 'project', 'role', 'group', 'domain'].map(async (kind) => {
      const wish = { [kind]: { name: `spare-${kind}` } }
      return ok(await keystone.post(`/${kind}s`, wish))[kind].id as string // Keystone's answer
    }),
  )
  return made
}
