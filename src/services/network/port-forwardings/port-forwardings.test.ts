import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { spansOf } from './plan.ts'

let cloud: TestNetwork
let network: string
let subnet: string
let outside: string
let router: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  await cloud.service.bootstrap(cloud.ctx(), {
    floatingRange: '172.24.4.0/24',
    fixedRange: '10.0.0.0/24',
    demoProjectId: projectIdOf('demo'),
    adminProjectId: projectIdOf('admin'),
  })
  const { networks } = await cloud.ask('demo', 'GET', '/networks?sort_key=name')
  network = networks[0].id
  subnet = networks[0].subnets[0]
  outside = networks[1].id
  router = (await cloud.ask('demo', 'GET', '/routers')).routers[0].id
})
afterAll(async () => await cloud.close())

interface Guest {
  readonly id: string
  readonly address: string
}

async function guest(): Promise<Guest> {
  const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network } })
  return { id: port.id, address: port.fixed_ips[0].ip_address }
}

async function floating(more: object = {}): Promise<string> {
  const body = { floatingip: { floating_network_id: outside, ...more } }
  return (await cloud.ask('demo', 'POST', '/floatingips', body)).floatingip.id
}

const wish = (to: Guest, more: object) => ({
  port_forwarding: { internal_port_id: to.id, protocol: 'tcp', ...more },
})
const below = (fip: string): string => `/floatingips/${fip}/port_forwardings`

async function forward(fip: string, to: Guest, more: object) {
  return (await cloud.ask('demo', 'POST', below(fip), wish(to, more))).port_forwarding
}

async function refused(method: string, path: string, body: object | undefined, status: number) {
  return (await cloud.ask('demo', method, path, body, status)).NeutronError.type as string
}

async function wiredForwardings() {
  await cloud.settle()
  return cloud.engine.router(router)?.portForwardings
}

describe('port forwardings', () => {
  it('lead ports of one address to several guests', async () => {
    const [a, b, fip] = [await guest(), await guest(), await floating()]
    const one = await forward(fip, a, {
      internal_port: 80,
      external_port: '8080',
      description: 'd',
    })
    expect(one).toEqual({
      id: one.id,
      internal_port_id: a.id,
      internal_ip_address: a.address,
      internal_port: 80,
      internal_port_range: '80:80',
      external_port: 8080,
      external_port_range: '8080:8080',
      protocol: 'tcp',
      description: 'd',
    })
    const ranges = { internal_port_range: '20:22', external_port_range: '30:32', protocol: 'UDP' }
    const many = await forward(fip, b, ranges)
    const { floatingip } = await cloud.ask('demo', 'GET', `/floatingips/${fip}`)
    expect(floatingip).toMatchObject({ router_id: router, port_id: null, fixed_ip_address: null })
    expect(floatingip.port_forwardings).toHaveLength(2)
    const wired = await wiredForwardings()
    expect(wired).toContainEqual({
      id: many.id,
      protocol: 'udp',
      floating: floatingip.floating_ip_address,
      externalPorts: [30, 32],
      fixed: b.address,
      internalPorts: [20, 22],
    })
    expect((await cloud.ask('demo', 'GET', `/floatingips/${fip}`)).floatingip.status).toBe('ACTIVE')
    const found = await cloud.ask('demo', 'GET', `${below(fip)}?external_port_range=30:32`)
    expect(found.port_forwardings).toEqual([many])
    const changed = { port_forwarding: { internal_port: 81 } }
    await cloud.ask('demo', 'PUT', `${below(fip)}/${one.id}`, changed)
    expect(await wiredForwardings()).toContainEqual(
      expect.objectContaining({ id: one.id, internalPorts: [81, 81], externalPorts: [8080, 8080] }),
    )
    await cloud.ask('demo', 'DELETE', `${below(fip)}/${one.id}`)
    await cloud.ask('demo', 'DELETE', `${below(fip)}/${many.id}`)
    expect(await wiredForwardings()).toBeUndefined()
    const { floatingip: idle } = await cloud.ask('demo', 'GET', `/floatingips/${fip}`)
    expect(idle).toMatchObject({ router_id: null, status: 'DOWN', port_forwardings: [] })
  })

  it('share the limits of their address', async () => {
    const { policy } = await cloud.ask('admin', 'POST', '/qos/policies', {
      policy: { name: 'slow', shared: true },
    })
    await cloud.ask('admin', 'POST', `/qos/policies/${policy.id}/bandwidth_limit_rules`, {
      bandwidth_limit_rule: { max_kbps: 300 },
    })
    const [to, fip] = [await guest(), await floating({ qos_policy_id: policy.id })]
    const { id } = await forward(fip, to, { internal_port: 1, external_port: 2 })
    expect(await wiredForwardings()).toMatchObject([{ id, qos: { egress: { kbps: 300 } } }])
    await cloud.ask('demo', 'DELETE', `${below(fip)}/${id}`)
  })

  it('hold what they need, and go with what they lead to', async () => {
    const [to, fip] = [await guest(), await floating()]
    const { id } = await forward(fip, to, { internal_port: 1, external_port: 2 })
    const path = `/floatingips/${fip}`
    expect(await refused('DELETE', path, undefined, 409)).toBe('FipInUseByPortForwarding')
    const bind = { floatingip: { port_id: (await guest()).id } }
    expect(await refused('PUT', path, bind, 409)).toBe('FipInUseByPortForwarding')
    const own = { floatingip: { floating_network_id: outside, port_id: to.id } }
    expect(await refused('POST', '/floatingips', own, 400)).toBe('PortHasPortForwarding')
    const leg = { subnet_id: subnet }
    const leave = `/routers/${router}/remove_router_interface`
    expect(await refused('PUT', leave, leg, 409)).toBe('RouterInterfaceInUseByFloatingIP')
    await cloud.ask('demo', 'PUT', path, { floatingip: { port_id: null } })
    expect(await wiredForwardings()).toHaveLength(1)
    await cloud.ask('demo', 'DELETE', `/ports/${to.id}`)
    expect(await refused('GET', `${below(fip)}/${id}`, undefined, 404)).toBe(
      'PortForwardingNotFound',
    )
    expect(await wiredForwardings()).toBeUndefined()
    await cloud.ask('demo', 'DELETE', path)
  })

  it('are refused where they would collide', async () => {
    const [to, other, fip] = [await guest(), await guest(), await floating()]
    await forward(fip, to, { internal_port: 1000, external_port_range: '2000:2010' })
    const again = async (at: Guest, more: object, status = 400) =>
      await refused('POST', below(fip), wish(at, more), status)
    expect(await again(other, { internal_port: 1, external_port: 2005 })).toBe('BadRequest')
    expect(await again(to, { internal_port: 1000, external_port: 3000 })).toBe('BadRequest')
    const foreign = { internal_port: 1, external_port: 9, internal_ip_address: '10.9.9.9' }
    expect(await again(other, foreign)).toBe('BadRequest')
    const bound = await guest()
    const whole = await floating({ port_id: bound.id })
    const ports = { internal_port: 5, external_port: 5 }
    expect(await again(bound, ports, 409)).toBe('PortHasBindingFloatingIP')
    expect(await refused('POST', below(whole), wish(other, ports), 409)).toBe(
      'FloatingIPPortAlreadyAssociated',
    )
    await cloud.ask('other', 'GET', below(fip), undefined, 404)
  })

  it('need a router to the outside', async () => {
    const { network: lone } = await cloud.ask('demo', 'POST', '/networks', { network: {} })
    await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: lone.id, ip_version: 4, cidr: '10.77.0.0/24' },
    })
    const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: lone.id } })
    const body = wish({ id: port.id, address: '' }, { internal_port: 1, external_port: 1 })
    expect(await refused('POST', below(await floating()), body, 404)).toBe(
      'ExternalGatewayForFloatingIPNotFound',
    )
  })
})

describe('ports of a forwarding', () => {
  it.each([
    ['none', {}],
    ['one side only', { external_port: 1 }],
    ['no port', { external_port: 0, internal_port: 1 }],
    ['too high a port', { external_port: 1, internal_port: 65_536 }],
    ['a range backwards', { external_port_range: '5:4', internal_port: 1 }],
    ['unequal ranges', { external_port_range: '1:3', internal_port_range: '1:2' }],
    ['two answers', { external_port: 1, external_port_range: '2:3', internal_port: 1 }],
  ])('are refused: %s', (_what, asked) => {
    expect(() => spansOf(asked)).toThrow()
  })

  it('keep what is not asked to change', () => {
    const had = { external_first: 1, external_last: 3, internal_first: 5, internal_last: 7 }
    expect(spansOf({ internal_port: '9' }, had)).toEqual({
      ...had,
      internal_first: 9,
      internal_last: 9,
    })
  })
})
