import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => void (cloud = await startTestNetwork()))
afterAll(async () => await cloud.close())

const make = async (path: string, kind: string, wish: object): Promise<string> =>
  (await cloud.ask('admin', 'POST', path, { [kind]: wish }))[kind].id

const scopeOf = async (): Promise<string> =>
  await make('/address-scopes', 'address_scope', { name: 's', ip_version: 4, shared: true })

const poolIn = async (scope: string | null, prefix: string): Promise<string> =>
  await make('/subnetpools', 'subnetpool', {
    name: 'p',
    prefixes: [prefix],
    default_prefixlen: 24,
    address_scope_id: scope,
  })

const subnetIn = async (network: string, pool: string): Promise<string> =>
  await make('/subnets', 'subnet', { network_id: network, ip_version: 4, subnetpool_id: pool })

describe('address scopes', () => {
  it('leave untranslated what is in the scope of the external network', async () => {
    const scope = await scopeOf()
    const [outer, same, strange] = [
      await poolIn(scope, '10.30.0.0/16'),
      await poolIn(scope, '10.31.0.0/16'),
      await poolIn(null, '10.32.0.0/16'),
    ]
    const out = await make('/networks', 'network', { name: 'out', 'router:external': true })
    await subnetIn(out, outer)
    const router = await make('/routers', 'router', {
      name: 'r',
      external_gateway_info: { network_id: out },
    })
    for (const pool of [same, strange]) {
      const inner = await make('/networks', 'network', { name: 'in' })
      await cloud.ask('admin', 'PUT', `/routers/${router}/add_router_interface`, {
        subnet_id: await subnetIn(inner, pool),
      })
    }
    const routed = async (): Promise<unknown> => {
      await cloud.settle()
      return cloud.engine.router(router)?.external?.routed
    }
    expect(await routed()).toEqual(['10.31.0.0/24'])
    const into = async (scopeId: string | null): Promise<void> =>
      void (await cloud.ask('admin', 'PUT', `/subnetpools/${strange}`, {
        subnetpool: { address_scope_id: scopeId },
      }))
    await into(scope)
    expect(await routed()).toEqual(['10.31.0.0/24', '10.32.0.0/24'])
    await into(await scopeOf())
    expect(await routed()).toEqual(['10.31.0.0/24'])
  })
})

describe('lists', () => {
  it('are sorted by whether who asks may use what is shared', async () => {
    await make('/address-scopes', 'address_scope', { name: 'last', ip_version: 6, shared: true })
    await make('/address-scopes', 'address_scope', { name: 'first', ip_version: 6 })
    const { address_scopes: scopes } = await cloud.ask(
      'admin',
      'GET',
      '/address-scopes?ip_version=6&sort_key=shared&sort_dir=asc',
    )
    expect(scopes.map((scope: { name: string }) => scope.name)).toEqual(['first', 'last'])
    const zoned = await make('/networks', 'network', {
      name: 'z',
      availability_zone_hints: ['nova'],
    })
    const found =
      '/networks?availability_zone_hints=nova&sort_key=availability_zone_hints&fields=id'
    expect((await cloud.ask('admin', 'GET', found)).networks).toEqual([{ id: zoned }])
  })

  it('of address counts come in pages too, with the fields asked for', async () => {
    const { network_ip_availabilities: all } = await cloud.ask(
      'admin',
      'GET',
      '/network-ip-availabilities?fields=network_id',
    )
    const first = await cloud.ask('admin', 'GET', '/network-ip-availabilities?limit=1')
    expect(first.network_ip_availabilities).toHaveLength(1)
    const next = new URL(first.network_ip_availabilities_links[0].href)
    expect(next.searchParams.get('marker')).toBe(all[0].network_id)
    expect(Object.keys(all[0])).toEqual(['network_id'])
  })
})
