import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startRestApp, type RestApp } from '../rest-testkit.ts'

let app: RestApp
beforeAll(async () => {
  app = await startRestApp()
})
afterAll(async () => {
  await app.close()
})

const at = (person: 'admin' | 'demo' | 'other', version: string) =>
  app.as(person).with({ 'openstack-api-version': `compute ${version}` })
const path = '/compute/v2.1/flavors'
const small = { name: 'small', id: 'small', ram: 64, vcpus: 1, disk: 0 }

describe('flavors', () => {
  it('come with a new cloud, under the customary ids', async () => {
    const { body } = await app.as('demo').get(path)
    expect(body.flavors.map((flavor: { id: string }) => flavor.id)).toEqual([
      '1',
      '2',
      '3',
      '4',
      '42',
      '5',
      '84',
    ])
  })

  it('have the shape of the version asked for', async () => {
    expect((await at('demo', '2.1').get(`${path}/1`)).body.flavor).toMatchObject({
      swap: '',
      ram: 512,
      rxtx_factor: 1,
    })
    expect((await at('demo', '2.55').get(`${path}/1`)).body.flavor).toMatchObject({
      description: null,
    })
    expect((await at('demo', '2.75').get(`${path}/1`)).body.flavor).toMatchObject({
      swap: 0,
      extra_specs: {},
    })
  })

  it('are paged, sorted and filtered', async () => {
    const first = (await app.as('demo').get(`${path}?limit=3&sort_key=memory_mb&sort_dir=desc`))
      .body
    expect(first.flavors.map((flavor: { name: string }) => flavor.name)).toEqual([
      'm1.xlarge',
      'm1.large',
      'm1.medium',
    ])
    const next = await fetch(first.flavors_links[0].href, { headers: { 'x-auth-token': 'demo' } })
    expect(((await next.json()) as { flavors: { name: string }[] }).flavors[0]?.name).toBe(
      'm1.small',
    )
    expect((await app.as('demo').get(`${path}?minRam=9000`)).body.flavors).toHaveLength(1)
  })

  it.each([
    'limit=-1',
    'marker=nobody',
    'sort_key=colour',
    'minRam=lots',
    'sort_dir=up&sort_key=name',
  ])('refuse ?%s', async (query) => {
    expect((await app.as('demo').get(`${path}?${query}`)).status).toBe(400)
  })

  it('are made by admins only, once for each id and name', async () => {
    expect((await app.as('demo').post(path, { flavor: small })).status).toBe(403)
    expect((await app.as('admin').post(path, { flavor: small })).status).toBe(200)
    expect(
      (await app.as('admin').post(path, { flavor: { ...small, id: 'other' } })).body
        .conflictingRequest.message,
    ).toMatch(/name small/)
    expect(
      (await app.as('admin').post(path, { flavor: { ...small, name: 'other' } })).body
        .conflictingRequest.message,
    ).toMatch(/ID small/)
    expect((await app.as('admin').delete(`${path}/small`)).status).toBe(202)
  })

  it.each([
    { ...small, ram: 0 },
    { ...small, vcpus: '0' },
    { ...small, disk: 2 ** 31 },
    { ...small, name: ' ' },
    { ...small, name: 'a\u0000' },
    { ...small, name: 'n'.repeat(256) },
    { ...small, id: 'a/b' },
    { ...small, description: 'too early' },
    { ...small, rxtx_factor: 0 },
    { ...small, rxtx_factor: '0' },
    { ...small, more: 1 },
  ])('refuse %j', async (flavor) => {
    expect((await app.as('admin').post(path, { flavor })).status).toBe(400)
  })

  it('that are private are seen by the projects that have access', async () => {
    await app
      .as('admin')
      .post(path, { flavor: { ...small, 'os-flavor-access:is_public': 'False' } })
    expect((await app.as('demo').get(`${path}/small`)).status).toBe(404)
    const grant = { addTenantAccess: { tenant: projectIdOf('demo') } }
    expect((await app.as('admin').post(`${path}/small/action`, grant)).body.flavor_access).toEqual([
      { flavor_id: 'small', tenant_id: projectIdOf('demo') },
    ])
    expect((await app.as('admin').post(`${path}/small/action`, grant)).status).toBe(409)
    expect((await app.as('demo').get(`${path}/small`)).status).toBe(200)
    expect((await app.as('other').get(`${path}/small`)).status).toBe(404)
    expect((await app.as('demo').get(`${path}?is_public=none`)).body.flavors).toHaveLength(8)
    expect((await app.as('admin').get(`${path}?is_public=false`)).body.flavors).toHaveLength(1)
    expect(
      (
        await app
          .as('admin')
          .post(`${path}/small/action`, { addTenantAccess: { tenant: 'nobody' } })
      ).status,
    ).toBe(400)
    await app.as('admin').delete(`${path}/small`)
  })

  it('carry extra specs, checked from 2.86 on', async () => {
    const specs = `${path}/1/os-extra_specs`
    expect(
      (
        await at('admin', '2.85').post(specs, {
          extra_specs: { 'hw:cpu_policy': 'mine', 'my:own': 1 },
        })
      ).body.extra_specs,
    ).toEqual({ 'hw:cpu_policy': 'mine', 'my:own': '1' })
    expect(
      (await at('admin', '2.86').post(specs, { extra_specs: { 'hw:cpu_policy': 'mine' } })).status,
    ).toBe(400)
    expect(
      (await at('admin', '2.86').post(specs, { extra_specs: { 'hw:nothing': '1' } })).status,
    ).toBe(400)
    expect((await at('admin', '2.86').put(`${specs}/my:own`, { 'my:own': 'free' })).status).toBe(
      200,
    )
    expect((await app.as('admin').put(`${specs}/a`, { b: '1' })).status).toBe(400)
    expect((await app.as('demo').get(`${specs}/__proto__`)).status).toBe(404)
    expect((await app.as('admin').delete(`${specs}/my:own`)).status).toBe(200)
    expect((await app.as('admin').delete(`${specs}/my:own`)).status).toBe(404)
  })

  it('refuse unknown query keys from 2.75 on', async () => {
    expect((await at('demo', '2.74').get(`${path}?colour=red`)).status).toBe(200)
    expect((await at('demo', '2.75').get(`${path}?colour=red`)).status).toBe(400)
  })
})
