import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { restPolicies, restRoutes } from './rest.ts'
import { startRestApp, type RestApp } from './rest-testkit.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
})
afterAll(async () => {
  await app.close()
})

const root = '/compute/v2.1'

describe('every route', () => {
  it('names a rule that is declared', () => {
    const known = new Set(Object.keys(restPolicies))
    expect(
      restRoutes(app.deps)
        .filter(({ policy }) => policy === null || !known.has(policy))
        .map(({ method, path }) => `${method} ${path}`),
    ).toEqual([])
  })

  it('answers odd requests with a reason, never with a failure', async () => {
    const routes = restRoutes(app.deps)
    const word = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        '\0',
        '1',
        'default',
        projectIdOf('demo'),
        '..%2f',
        '__proto__',
        'x'.repeat(300),
        '99999999999999999999',
        '🙂',
      ),
    )
    const request = fc.record({
      route: fc.constantFrom(...routes),
      words: fc.array(word, { minLength: 3, maxLength: 3 }),
      query: fc.dictionary(
        fc.constantFrom(
          'limit',
          'marker',
          'sort_key',
          'start',
          'end',
          'user_id',
          'zone',
          'offset',
          'is_public',
          'minRam',
          'detailed',
          'changes-since',
          'with_servers',
        ),
        word,
        { maxKeys: 2 },
      ),
      version: fc.constantFrom('2.1', '2.10', '2.35', '2.40', '2.53', '2.64', '2.75', '2.96'),
      body: fc.oneof(
        fc.jsonValue({ maxDepth: 3 }),
        fc.dictionary(
          fc.constantFrom(
            'flavor',
            'keypair',
            'quota_set',
            'aggregate',
            'server_group',
            'security_group_rule',
            'host',
            'events',
          ),
          fc.jsonValue({ maxDepth: 2 }),
        ),
      ),
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ route, words, query, version, body }) => {
        let at = 0
        const path = route.path.replaceAll(
          /:\w+/g,
          () => encodeURIComponent(words[at++] ?? 'x') || 'x',
        )
        const url = `/compute${path}?${new URLSearchParams(query).toString()}`
        const sent =
          route.method === 'GET' || route.method === 'DELETE'
            ? undefined
            : route.action === undefined
              ? body
              : { [route.action]: body }
        const { status } = await app
          .as('admin')
          .with({ 'openstack-api-version': `compute ${version}` })
          .send(route.method, url, sent)
        expect(status < 500, `${route.method} ${url} ${JSON.stringify(sent)} → ${status}`).toBe(
          true,
        )
      }),
      { numRuns: 600 },
    )
  })

  it('that Nova has removed says so', async () => {
    expect((await app.as('demo').get(`${root}/os-cells`)).body.computeFault.code).toBe(410)
    expect((await app.as('demo').get(`${root}/os-volumes`)).status).toBe(404)
    expect((await app.as('demo').delete(`${root}/os-security-groups/`)).status).toBe(404)
  })
})

describe('the windows on other services', () => {
  it('close after 2.35', async () => {
    for (const path of [
      'os-networks',
      'os-tenant-networks',
      'os-floating-ips',
      'os-floating-ip-pools',
      'os-security-groups',
      'images',
      'images/detail',
    ]) {
      expect([path, (await app.as('demo').get(`${root}/${path}`)).status]).toEqual([path, 200])
      expect([
        path,
        (
          await app
            .as('demo')
            .with({ 'openstack-api-version': 'compute 2.36' })
            .get(`${root}/${path}`)
        ).status,
      ]).toEqual([path, 404])
    }
  })

  it("speak of rules in Nova's words", async () => {
    const rule = {
      parent_group_id: '99999999-0000-4000-8000-000000000002',
      ip_protocol: 'icmp',
      from_port: -1,
      to_port: -1,
    }
    expect(
      (await app.as('demo').post(`${root}/os-security-group-rules`, { security_group_rule: rule }))
        .body.security_group_rule,
    ).toMatchObject({ ...rule, ip_range: { cidr: '0.0.0.0/0' }, group: {} })
    expect(
      (
        await app.as('demo').post(`${root}/os-security-group-rules`, {
          security_group_rule: { ...rule, ip_protocol: 'tcp', from_port: 9, to_port: 8 },
        })
      ).status,
    ).toBe(400)
    expect(
      (
        await app
          .as('demo')
          .delete(`${root}/os-security-groups/99999999-0000-4000-8000-000000000001`)
      ).status,
    ).toBe(400)
  })

  it('let only the owner change an image', async () => {
    const image = `${root}/images/d0000000-0000-4000-8000-000000000001`
    expect(
      (await app.as('demo').post(`${image}/metadata`, { metadata: { a: '1' } })).body.metadata,
    ).toEqual({ os_distro: 'busybox', a: '1' })
    expect((await app.as('demo').delete(`${image}/metadata/os_distro`)).status).toBe(204)
    expect((await app.as('demo').get(image)).body.image).toMatchObject({
      metadata: { a: '1' },
      status: 'ACTIVE',
      progress: 100,
    })
    expect((await app.as('other').delete(image)).status).toBe(403)
    expect((await app.as('demo').get(`${root}/images?type=snapshot`)).body.images).toHaveLength(1)
  })
})

describe('events of other services', () => {
  it('are taken for servers that exist', async () => {
    const events = [
      { name: 'network-changed', server_uuid: 'd0000000-0000-4000-8000-00000000000a' },
    ]
    expect(
      (await app.as('admin').post(`${root}/os-server-external-events`, { events })).status,
    ).toBe(404)
    expect(
      (await app.as('demo').post(`${root}/os-server-external-events`, { events })).status,
    ).toBe(403)
    expect(
      (
        await app.as('admin').post(`${root}/os-server-external-events`, {
          events: [{ ...events[0], name: 'power-update' }],
        })
      ).status,
    ).toBe(400)
  })
})
