import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from './test-network.ts'

let cloud: TestNetwork
let outside: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  await cloud.service.bootstrap(cloud.ctx(), {
    floatingRange: '172.24.4.0/24',
    fixedRange: '10.0.0.0/24',
    demoProjectId: projectIdOf('demo'),
    adminProjectId: projectIdOf('admin'),
  })
  outside = (await cloud.ask('demo', 'GET', '/networks?router:external=True')).networks[0].id
})
afterAll(async () => await cloud.close())

interface Place {
  readonly network: string
  readonly subnet: string
}

async function place(cidr: string): Promise<Place> {
  const network = (await cloud.ask('demo', 'POST', '/networks', { network: {} })).network.id
  const subnet = (
    await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: network, ip_version: 4, cidr },
    })
  ).subnet.id
  return { network, subnet }
}

const router = async (more: object = {}): Promise<string> =>
  (await cloud.ask('demo', 'POST', '/routers', { router: { ...more } })).router.id
const faultOf = async (
  method: string,
  path: string,
  body: object | undefined,
  status: number,
): Promise<string> => (await cloud.ask('demo', method, path, body, status)).NeutronError.type

describe('routers', () => {
  it('join subnets, and let nothing go that is needed', async () => {
    const [a, b] = [await place('10.11.0.0/24'), await place('10.12.0.0/24')]
    const id = await router()
    const joined = await cloud.ask('demo', 'PUT', `/routers/${id}/add_router_interface`, {
      subnet_id: a.subnet,
    })
    expect(joined).toMatchObject({
      id,
      subnet_id: a.subnet,
      subnet_ids: [a.subnet],
      network_id: a.network,
      tenant_id: projectIdOf('demo'),
    })
    const { port } = await cloud.ask('demo', 'POST', '/ports', {
      port: { network_id: b.network, fixed_ips: [{ ip_address: '10.12.0.9' }] },
    })
    await cloud.ask('demo', 'PUT', `/routers/${id}/add_router_interface`, { port_id: port.id })
    await cloud.settle()
    expect(cloud.engine.router(id)?.interfaces.map(({ addresses }) => addresses[0])).toEqual([
      { address: '10.11.0.1', prefix: 24 },
      { address: '10.12.0.9', prefix: 24 },
    ])
    expect((await cloud.ask('demo', 'GET', `/ports/${port.id}`)).port).toMatchObject({
      device_id: id,
      device_owner: 'network:router_interface',
      status: 'ACTIVE',
    })

    expect(
      await faultOf('PUT', `/routers/${id}/add_router_interface`, { subnet_id: a.subnet }, 400),
    ).toBe('BadRequest')
    expect(await faultOf('DELETE', `/routers/${id}`, undefined, 409)).toBe('RouterInUse')
    expect(await faultOf('DELETE', `/ports/${port.id}`, undefined, 409)).toBe('ServicePortInUse')
    expect(await faultOf('DELETE', `/subnets/${a.subnet}`, undefined, 409)).toBe('SubnetInUse')
    expect(
      await faultOf('PUT', `/subnets/${a.subnet}`, { subnet: { gateway_ip: null } }, 409),
    ).toBe('GatewayIpInUse')
    expect(
      await faultOf(
        'PUT',
        `/routers/${id}`,
        { router: { routes: [{ destination: '10.99.0.0/16', nexthop: '10.98.0.1' }] } },
        400,
      ),
    ).toBe('InvalidRoutes')
    await cloud.ask('demo', 'PUT', `/routers/${id}`, {
      router: { routes: [{ destination: '10.99.0.0/16', nexthop: '10.12.0.20' }] },
    })
    expect(
      await faultOf('PUT', `/routers/${id}/remove_router_interface`, { subnet_id: b.subnet }, 409),
    ).toBe('RouterInterfaceInUseByRoute')
    await cloud.ask('demo', 'PUT', `/routers/${id}/remove_extraroutes`, {
      router: { routes: [{ destination: '10.99.0.0/16', nexthop: '10.12.0.20' }] },
    })

    for (const { subnet } of [a, b])
      await cloud.ask('demo', 'PUT', `/routers/${id}/remove_router_interface`, {
        subnet_id: subnet,
      })
    expect(
      await faultOf('PUT', `/routers/${id}/remove_router_interface`, { subnet_id: a.subnet }, 404),
    ).toBe('RouterInterfaceNotFoundForSubnet')
    await cloud.ask('demo', 'DELETE', `/routers/${id}`)
    await cloud.settle()
    expect(cloud.engine.router(id)).toBeUndefined()
  })

  it('refuse what overlaps, and gateways that are none', async () => {
    const [a, b] = [await place('10.13.0.0/24'), await place('10.13.0.0/25')]
    const id = await router()
    await cloud.ask('demo', 'PUT', `/routers/${id}/add_router_interface`, { subnet_id: a.subnet })
    expect(
      await faultOf('PUT', `/routers/${id}/add_router_interface`, { subnet_id: b.subnet }, 400),
    ).toBe('BadRequest')
    expect(
      await faultOf(
        'PUT',
        `/routers/${id}`,
        { router: { external_gateway_info: { network_id: a.network } } },
        400,
      ),
    ).toBe('BadRequest')
    expect(
      await faultOf(
        'PUT',
        `/routers/${id}`,
        { router: { external_gateway_info: { network_id: outside, enable_snat: false } } },
        403,
      ),
    ).toBe('PolicyNotAuthorized')
    const changed = await cloud.ask('admin', 'PUT', `/routers/${id}`, {
      router: { external_gateway_info: { network_id: outside, enable_snat: false } },
    })
    expect(changed.router.external_gateway_info).toMatchObject({
      network_id: outside,
      enable_snat: false,
      external_fixed_ips: [{}],
    })
    await cloud.settle()
    expect(cloud.engine.router(id)?.external).toMatchObject({ networkId: outside, snat: false })
    const none = await cloud.ask('demo', 'PUT', `/routers/${id}`, {
      router: { external_gateway_info: {} },
    })
    expect(none.router.external_gateway_info).toBeNull()
  })
})

describe('floating IPs', () => {
  it('lead to a port, elsewhere, and nowhere', async () => {
    const here = await place('10.14.0.0/24')
    const { port } = await cloud.ask('demo', 'POST', '/ports', {
      port: { network_id: here.network },
    })
    expect(
      await faultOf(
        'POST',
        '/floatingips',
        { floatingip: { floating_network_id: here.network } },
        400,
      ),
    ).toBe('BadRequest')
    expect(
      await faultOf(
        'POST',
        '/floatingips',
        { floatingip: { floating_network_id: outside, port_id: port.id } },
        404,
      ),
    ).toBe('ExternalGatewayForFloatingIPNotFound')
    const id = await router({ external_gateway_info: { network_id: outside } })
    await cloud.ask('demo', 'PUT', `/routers/${id}/add_router_interface`, {
      subnet_id: here.subnet,
    })
    const { floatingip } = await cloud.ask('demo', 'POST', '/floatingips', {
      floatingip: { floating_network_id: outside, port_id: port.id },
    })
    expect(floatingip).toMatchObject({
      status: 'DOWN',
      router_id: id,
      fixed_ip_address: '10.14.0.2',
      port_details: { mac_address: port.mac_address },
    })
    await cloud.settle()
    expect(
      (await cloud.ask('demo', 'GET', `/floatingips/${floatingip.id}`)).floatingip.status,
    ).toBe('ACTIVE')
    expect(cloud.engine.router(id)?.floatingIps).toEqual([
      { id: floatingip.id, floating: floatingip.floating_ip_address, fixed: '10.14.0.2' },
    ])
    expect(
      await faultOf(
        'POST',
        '/floatingips',
        { floatingip: { floating_network_id: outside, port_id: port.id } },
        409,
      ),
    ).toBe('FloatingIPPortAlreadyAssociated')
    expect(
      await faultOf('PUT', `/routers/${id}`, { router: { external_gateway_info: null } }, 409),
    ).toBe('RouterExternalGatewayInUseByFloatingIp')
    expect(
      await faultOf(
        'PUT',
        `/routers/${id}/remove_router_interface`,
        { subnet_id: here.subnet },
        409,
      ),
    ).toBe('RouterInterfaceInUseByFloatingIP')
    await cloud.ask('other', 'GET', `/floatingips/${floatingip.id}`, undefined, 404)
    // an empty change has always meant «lead nowhere»
    const path = `/floatingips/${floatingip.id}`
    const freed = await cloud.ask('demo', 'PUT', path, { floatingip: {} })
    expect(freed.floatingip).toMatchObject({ port_id: null, router_id: null })
    await cloud.ask('demo', 'PUT', path, { floatingip: { port_id: port.id } })

    await cloud.ask('demo', 'DELETE', `/ports/${port.id}`)
    expect(
      (await cloud.ask('demo', 'GET', `/floatingips/${floatingip.id}`)).floatingip,
    ).toMatchObject({ status: 'DOWN', port_id: null, router_id: null })
    await cloud.settle()
    expect(cloud.engine.router(id)?.floatingIps).toEqual([])
    await cloud.ask('demo', 'DELETE', `/floatingips/${floatingip.id}`)
    expect(
      (await cloud.ask('admin', 'GET', '/ports?device_owner=network:floatingip')).ports,
    ).toEqual([])
  })
})
