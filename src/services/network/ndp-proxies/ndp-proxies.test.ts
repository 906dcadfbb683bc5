import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => void (cloud = await startTestNetwork()))
afterAll(async () => await cloud.close())

interface Bed {
  readonly outer: string
  readonly inner: string
  readonly subnet: string
  readonly router: string
}

let count = 0

/** An external and an inner network whose IPv6 subnets are in one address scope, with a router between them. */
async function bed(): Promise<Bed> {
  count++
  const { address_scope: scope } = await cloud.ask('demo', 'POST', '/address-scopes', {
    address_scope: { name: 's', ip_version: 6 },
  })
  const { subnetpool: pool } = await cloud.ask('demo', 'POST', '/subnetpools', {
    subnetpool: {
      name: 'p',
      address_scope_id: scope.id,
      prefixes: [`2001:db8:${count}::/48`],
      default_prefixlen: 64,
    },
  })
  const subnetOf = async (network: string): Promise<string> =>
    (
      await cloud.ask('admin', 'POST', '/subnets', {
        subnet: { network_id: network, ip_version: 6, subnetpool_id: pool.id },
      })
    ).subnet.id
  const { network: out } = await cloud.ask('admin', 'POST', '/networks', {
    network: { name: 'out', 'router:external': true },
  })
  const { network: inside } = await cloud.ask('demo', 'POST', '/networks', {
    network: { name: 'in' },
  })
  await subnetOf(out.id)
  const subnet = await subnetOf(inside.id)
  const { router } = await cloud.ask('demo', 'POST', '/routers', {
    router: { enable_ndp_proxy: true, external_gateway_info: { network_id: out.id } },
  })
  expect(router.enable_ndp_proxy).toBe(true)
  await cloud.ask('demo', 'PUT', `/routers/${router.id}/add_router_interface`, {
    subnet_id: subnet,
  })
  return { outer: out.id, inner: inside.id, subnet, router: router.id }
}

const portIn = async (network: string): Promise<{ id: string; address: string }> => {
  const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network } })
  return { id: port.id, address: port.fixed_ips[0]?.ip_address }
}

const proxy = async (router: string, port: string, more: object = {}, status = 201) =>
  (
    await cloud.ask(
      'demo',
      'POST',
      '/ndp_proxies',
      { ndp_proxy: { router_id: router, port_id: port, ...more } },
      status,
    )
  ).ndp_proxy

const held = async (router: string): Promise<unknown> => {
  await cloud.settle()
  return cloud.engine.router(router)?.ndpProxies
}

describe('NDP proxies', () => {
  it('come and go with their port and its addresses, in the engine too', async () => {
    const { inner, router } = await bed()
    const [one, two] = [await portIn(inner), await portIn(inner)]
    const made = await proxy(router, one.id, { name: 'n' })
    expect(made).toMatchObject({ name: 'n', ip_address: one.address, port_id: one.id })
    expect(await held(router)).toEqual([{ id: made.id, address: one.address }])
    await proxy(router, one.id, {}, 409)
    const second = await proxy(router, two.id, { ip_address: two.address })
    await cloud.ask('demo', 'DELETE', `/ports/${one.id}`)
    expect(await held(router)).toEqual([{ id: second.id, address: two.address }])
    await cloud.ask('demo', 'GET', `/ndp_proxies/${made.id}`, undefined, 404)
    await cloud.ask('demo', 'PUT', `/ports/${two.id}`, { port: { fixed_ips: [] } })
    expect(await held(router)).toBeUndefined()
    expect((await cloud.ask('demo', 'GET', '/ndp_proxies')).ndp_proxies).toEqual([])
  })

  it('rest while the router has them switched off', async () => {
    const { inner, router } = await bed()
    const made = await proxy(router, (await portIn(inner)).id)
    const enable = (on: boolean): [string, string, object] => [
      'PUT',
      `/routers/${router}`,
      { router: { enable_ndp_proxy: on } },
    ]
    await cloud.ask('demo', ...enable(false))
    expect(await held(router)).toBeUndefined()
    await cloud.ask('demo', ...enable(true))
    expect(await held(router)).toMatchObject([{ id: made.id }])
  })

  it('hold gateway and interface while they are there', async () => {
    const { inner, router, subnet } = await bed()
    const made = await proxy(router, (await portIn(inner)).id)
    const noGateway = { router: { external_gateway_info: null } }
    const interface_ = { subnet_id: subnet }
    const removal = `/routers/${router}/remove_router_interface`
    await cloud.ask('demo', 'PUT', `/routers/${router}`, noGateway, 409)
    await cloud.ask('demo', 'PUT', removal, interface_, 409)
    await cloud.ask('demo', 'DELETE', `/ndp_proxies/${made.id}`)
    const { router: changed } = await cloud.ask('demo', 'PUT', `/routers/${router}`, noGateway)
    expect(changed.enable_ndp_proxy).toBe(false)
    const again = { router: { enable_ndp_proxy: true } }
    await cloud.ask('demo', 'PUT', `/routers/${router}`, again, 409)
  })

  it('need a port that the router reaches in the scope of its gateway', async () => {
    const { inner, router, outer } = await bed()
    const away = await bed()
    await proxy(router, (await portIn(away.inner)).id, {}, 409)
    const port = await portIn(inner)
    await proxy(router, port.id, { ip_address: '2001:db8:ffff::1' }, 400)
    const { network } = await cloud.ask('demo', 'POST', '/networks', { network: { name: 'x' } })
    const { subnet } = await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: network.id, ip_version: 6, cidr: '2001:db8:aaaa::/64' },
    })
    await cloud.ask('demo', 'PUT', `/routers/${router}/add_router_interface`, {
      subnet_id: subnet.id,
    })
    await proxy(router, (await portIn(network.id)).id, {}, 409)
    const { router: plain } = await cloud.ask('demo', 'POST', '/routers', {
      router: { external_gateway_info: { network_id: outer } },
    })
    await proxy(plain.id, port.id, {}, 409)
  })
})
