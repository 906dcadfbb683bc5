import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
let network: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  network = (await cloud.ask('demo', 'POST', '/networks', { network: { name: 'n' } })).network.id
  await cloud.ask('demo', 'POST', '/subnets', {
    subnet: { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' },
  })
})
afterAll(async () => await cloud.close())

const makePort = async (wish: object, status?: number) =>
  await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network, ...wish } }, status)

describe('names of ports', () => {
  it('are told with the addresses they belong to', async () => {
    const { port } = await makePort({ dns_name: 'Web', fixed_ips: [{ ip_address: '10.0.0.5' }] })
    expect(port).toMatchObject({
      dns_name: 'web',
      dns_domain: '',
      dns_assignment: [{ hostname: 'web', ip_address: '10.0.0.5', fqdn: 'web.openstacklocal.' }],
    })
    const renamed = await cloud.ask('demo', 'PUT', `/ports/${port.id}`, {
      port: { dns_name: 'db', dns_domain: 'example.org.' },
    })
    expect(renamed.port.dns_assignment).toEqual([
      { hostname: 'db', ip_address: '10.0.0.5', fqdn: 'db.example.org.' },
    ])
    const { ports } = await cloud.ask('demo', 'GET', '/ports?dns_name=db')
    expect(ports.map((each: { id: string }) => each.id)).toEqual([port.id])
  })

  it('are made of the address where none was given', async () => {
    const { port } = await makePort({ fixed_ips: [{ ip_address: '10.0.0.7' }] })
    expect([port.dns_name, port.dns_assignment]).toEqual([
      '',
      [
        {
          hostname: 'host-10-0-0-7',
          ip_address: '10.0.0.7',
          fqdn: 'host-10-0-0-7.openstacklocal.',
        },
      ],
    ])
  })

  it.each([
    ['-web', 'hyphen'],
    ['web.', undefined],
    ['a..b', 'empty component'],
    ['with space', 'alphanumeric'],
    ['a'.repeat(64), '1-63 characters'],
    ['web.123', 'all numeric'],
    [Array.from({ length: 5 }, () => 'a'.repeat(48)).join('.'), 'longer than 255'],
  ])('must be names: %s', async (dns_name, reason) => {
    const answer = await makePort({ dns_name }, reason === undefined ? 201 : 400)
    if (reason !== undefined) expect(answer.NeutronError.message).toContain(reason)
  })

  it('follow the domain of the network, which is whole', async () => {
    const bad = await cloud.ask(
      'demo',
      'POST',
      '/networks',
      { network: { dns_domain: 'tenant.example' } },
      400,
    )
    expect(bad.NeutronError.message).toContain('must end with a dot')
    const { network: made } = await cloud.ask('demo', 'POST', '/networks', {
      network: { dns_domain: 'tenant.example.' },
    })
    expect(made.dns_domain).toBe('tenant.example.')
    await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: made.id, ip_version: 4, cidr: '10.0.0.0/24' },
    })
    const { port } = await makePort({ network_id: made.id, dns_name: 'web' })
    expect(port.dns_assignment[0].fqdn).toBe('web.tenant.example.')
  })
})

it('a floating IP keeps the name and domain it is made with, both or none', async () => {
  const { network: outside } = await cloud.ask('admin', 'POST', '/networks', {
    network: { 'router:external': true },
  })
  await cloud.ask('admin', 'POST', '/subnets', {
    subnet: { network_id: outside.id, ip_version: 4, cidr: '203.0.113.0/24' },
  })
  const make = async (wish: object, status?: number) =>
    await cloud.ask(
      'demo',
      'POST',
      '/floatingips',
      { floatingip: { floating_network_id: outside.id, ...wish } },
      status,
    )
  const { floatingip } = await make({ dns_name: 'www', dns_domain: 'example.org.' })
  expect(floatingip).toMatchObject({ dns_name: 'www', dns_domain: 'example.org.' })
  expect((await make({ dns_name: 'www' }, 400)).NeutronError.message).toContain('together')
  expect((await make({})).floatingip.dns_name).toBe('')
})

it('a port taken by a device has its name until it is released', async () => {
  const { port } = await makePort({})
  const ctx = cloud.ctxOf(port.project_id)
  const device = { deviceId: 'server-1', deviceOwner: 'compute:nova', dnsName: 'Srv' }
  const claimed = await cloud.service.face.claimPort(ctx, port.id, device)
  expect([claimed.dnsName, claimed.dnsDomain]).toEqual(['srv', 'openstacklocal'])
  await cloud.service.face.releasePort(ctx, port.id)
  expect((await cloud.service.face.findPort(ctx, port.id))?.dnsName).toBe('')
})
