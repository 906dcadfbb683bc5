import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => void (cloud = await startTestNetwork()))
afterAll(async () => await cloud.close())

const flavor = async (more: object = {}, status = 201): Promise<string> =>
  (
    await cloud.ask(
      'admin',
      'POST',
      '/flavors',
      { flavor: { name: 'small', service_type: 'L3_ROUTER_NAT', ...more } },
      status,
    )
  ).flavor?.id

const profile = async (more: object = {}, status = 201): Promise<string> =>
  (
    await cloud.ask(
      'admin',
      'POST',
      '/service_profiles',
      { service_profile: { driver: 'stackyard', ...more } },
      status,
    )
  ).service_profile?.id

const router = async (flavorId: string, status = 201): Promise<string> =>
  (
    await cloud.ask(
      'demo',
      'POST',
      '/routers',
      { router: { name: 'r', flavor_id: flavorId } },
      status,
    )
  ).router?.id

describe('flavors', () => {
  it('stand before profiles that nobody takes away while they are bound', async () => {
    const [id, behind] = [await flavor(), await profile()]
    const bindings = `/flavors/${id}/service_profiles`
    await cloud.ask('admin', 'POST', bindings, { service_profile: { id: behind } })
    await cloud.ask('admin', 'POST', bindings, { service_profile: { id: behind } }, 409)
    expect((await cloud.ask('demo', 'GET', `/flavors/${id}`)).flavor).toEqual({
      id,
      name: 'small',
      description: '',
      service_type: 'L3_ROUTER_NAT',
      enabled: true,
      service_profiles: [behind],
    })
    const { next_providers: next } = await cloud.ask(
      'admin',
      'GET',
      `/flavors/${id}/next_providers`,
    )
    expect(next).toEqual([{ driver: 'stackyard', metainfo: '', provider: 'stackyard' }])
    await cloud.ask('admin', 'DELETE', `/service_profiles/${behind}`, undefined, 409)
    await cloud.ask('admin', 'DELETE', `${bindings}/${behind}`)
    await cloud.ask('admin', 'DELETE', `${bindings}/${behind}`, undefined, 404)
    await cloud.ask('admin', 'DELETE', `/service_profiles/${behind}`)
    await cloud.ask('admin', 'DELETE', `/flavors/${id}`)
  })

  it('are made by admins of what there is', async () => {
    await flavor({ service_type: 'LOADBALANCERV2' }, 400)
    await profile({ driver: '' }, 400)
    await profile({ driver: 'somewhere.DvrDriver' }, 404)
    await cloud.ask('demo', 'POST', '/flavors', { flavor: { service_type: 'FLAVORS' } }, 403)
    await cloud.ask('demo', 'GET', '/service_profiles', undefined, 403)
  })

  it('make routers, and stay while one of them is there', async () => {
    const id = await flavor({ service_profiles: [await profile({ driver: '', metainfo: '{}' })] })
    const made = await router(id)
    expect((await cloud.ask('demo', 'GET', `/routers?flavor_id=${id}`)).routers).toMatchObject([
      { id: made, flavor_id: id },
    ])
    await cloud.ask('admin', 'DELETE', `/flavors/${id}`, undefined, 409)
    await cloud.ask('admin', 'PUT', `/flavors/${id}`, { flavor: { enabled: false } })
    await router(id, 409)
    await router(await flavor(), 400)
    await router(await flavor({ service_type: 'QOS' }), 400)
    await router('5a1bd2f0-8f4e-4f2f-9b0e-2f6f0c5f7d11', 404)
    await cloud.ask('demo', 'DELETE', `/routers/${made}`)
    await cloud.ask('admin', 'DELETE', `/flavors/${id}`)
  })
})
