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

const ALL = '/image/v2/metadefs/namespaces'

describe('namespaces', () => {
  it('live from creation to deletion', async () => {
    const admin = bed.as('admin')
    const wish = {
      namespace: 'OS::Test',
      visibility: 'public',
      protected: true,
      display_name: 'Test',
      resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_' }],
      properties: { cpu: { title: 'CPU', type: 'string' } },
      objects: [{ name: 'o', properties: { p: { title: 'P', type: 'integer' } } }],
      tags: [{ name: 't' }],
    }
    const made = await admin.post(ALL, wish)
    expect([made.status, made.body]).toMatchObject([
      201,
      {
        namespace: 'OS::Test',
        owner: projectIdOf('admin'),
        properties: { cpu: { title: 'CPU' } },
        tags: [{ name: 't' }],
      },
    ])
    expect((await admin.post(ALL, wish)).status).toBe(409)
    expect(
      (await bed.as('demo').get(`${ALL}/OS::Test?resource_type=OS::Glance::Image`)).body.properties,
    ).toEqual({ hw_cpu: { title: 'CPU', type: 'string' } })
    expect(
      (await bed.as('demo').get(ALL)).body.namespaces[0].resource_type_associations[0].name,
    ).toBe('OS::Glance::Image')
    expect((await admin.delete(`${ALL}/OS::Test`)).status).toBe(403)
    const renamed = await admin.put(`${ALL}/OS::Test`, {
      namespace: 'OS::Other',
      visibility: 'private',
      protected: false,
    })
    expect(renamed.body).toMatchObject({
      namespace: 'OS::Other',
      visibility: 'private',
      protected: false,
    })
    expect((await bed.as('demo').get(`${ALL}/OS::Other`)).status).toBe(404)
    expect((await admin.get(`${ALL}/OS::Other/objects/o`)).body.properties.p.type).toBe('integer')
    expect((await admin.delete(`${ALL}/OS::Other`)).status).toBe(204)
    expect((await admin.get(`${ALL}/OS::Other`)).status).toBe(404)
  })

  it.each([
    [{}],
    [{ namespace: '' }],
    [{ namespace: 'x'.repeat(81) }],
    [{ namespace: 'a', visibility: 'shared' }],
    [{ namespace: 'a', more: 1 }],
  ])('refuse %j', async (body) => {
    expect((await bed.as('admin').post(ALL, body)).status).toBe(400)
  })

  it('are made by admins', async () => {
    expect((await bed.as('demo').post(ALL, { namespace: 'mine' })).status).toBe(403)
  })
})

describe('what a namespace defines', () => {
  beforeAll(async () => {
    await bed.as('admin').post(ALL, { namespace: 'public', visibility: 'public' })
    await bed.as('admin').post(ALL, { namespace: 'private', visibility: 'private' })
  })

  it.each([
    [
      'objects',
      {
        name: 'x',
        description: 'd',
        required: ['p'],
        properties: { p: { title: 'P', type: 'string' } },
      },
    ],
    [
      'properties',
      { name: 'x', title: 'X', type: 'array', items: { type: 'string' }, enum: ['a'] },
    ],
  ])('%s can be made, shown, changed and removed', async (path, body) => {
    const admin = bed.as('admin')
    const all = `${ALL}/public/${path}`
    expect(await admin.post(all, body)).toMatchObject({ status: 201, body })
    expect((await admin.post(all, body)).status).toBe(409)
    expect((await bed.as('demo').get(`${all}/x`)).body).toMatchObject(body)
    expect((await bed.as('demo').post(all, body)).status).toBe(403)
    expect((await bed.as('demo').post(`${ALL}/private/${path}`, body)).status).toBe(404)
    expect((await admin.put(`${all}/x`, { ...body, name: 'y' })).body.name).toBe('y')
    expect((await admin.get(`${all}/x`)).status).toBe(404)
    expect(JSON.stringify((await bed.as('demo').get(all)).body)).toContain('y')
    expect((await admin.delete(`${all}/y`)).status).toBe(204)
    expect((await admin.delete(`${all}/y`)).status).toBe(404)
    expect((await admin.post(all, { name: 'bad', properties: 7 })).status).toBe(400)
  })

  it('tags come one by one or all at once', async () => {
    const admin = bed.as('admin')
    const all = `${ALL}/public/tags`
    const names = async (): Promise<string[]> =>
      (await bed.as('demo').get(`${all}?sort_key=name&sort_dir=asc`)).body.tags.map(
        (tag: { name: string }) => tag.name,
      )
    expect((await admin.post(`${all}/one`)).status).toBe(201)
    expect((await admin.post(`${all}/${'x'.repeat(81)}`)).status).toBe(400)
    expect(
      (await admin.post(all, { tags: [{ name: 'a' }, { name: 'b' }] })).body.tags,
    ).toHaveLength(2)
    expect(await names()).toEqual(['a', 'b'])
    await admin.with({ 'x-openstack-append': 'True' }).post(all, { tags: [{ name: 'c' }] })
    expect(await names()).toEqual(['a', 'b', 'c'])
    expect((await admin.put(`${all}/a`, { name: 'b' })).status).toBe(409)
    expect((await admin.put(`${all}/a`, { name: 'd' })).body.name).toBe('d')
    expect((await admin.delete(all)).status).toBe(204)
    expect(await names()).toEqual([])
  })

  it('resource types', async () => {
    const admin = bed.as('admin')
    const types = `${ALL}/public/resource_types`
    expect(
      (await bed.as('demo').get('/image/v2/metadefs/resource_types')).body.resource_types[0].name,
    ).toMatch(/^OS::/)
    expect((await admin.post(types, { name: 'My::Type', prefix: 'p_' })).body).toMatchObject({
      name: 'My::Type',
      prefix: 'p_',
    })
    expect((await admin.post(types, { name: 'My::Type' })).status).toBe(409)
    expect((await bed.as('demo').get(types)).body.resource_type_associations).toHaveLength(1)
    expect((await admin.delete(`${types}/My::Type`)).status).toBe(204)
    expect((await admin.delete(`${types}/My::Type`)).status).toBe(404)
  })
})
