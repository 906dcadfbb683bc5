import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from './test-network.ts'

let cloud: TestNetwork
beforeAll(async () => {
  cloud = await startTestNetwork()
  await cloud.service.bootstrap(cloud.ctx(), {
    floatingRange: '172.24.4.0/24',
    fixedRange: '10.0.0.0/24',
    demoProjectId: projectIdOf('demo'),
    adminProjectId: projectIdOf('admin'),
  })
  await cloud.settle()
})
afterAll(async () => await cloud.close())

const network = async (name: string, more: object = {}): Promise<string> =>
  (await cloud.ask('demo', 'POST', '/networks', { network: { name, ...more } })).network.id
const subnet = async (id: string, cidr: string, more: object = {}): Promise<string> =>
  (
    await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: id, ip_version: cidr.includes(':') ? 6 : 4, cidr, ...more },
    })
  ).subnet.id

describe('what a new cloud has', () => {
  it('is made once, and really there', async () => {
    await cloud.service.bootstrap(cloud.ctx(), {
      floatingRange: '172.24.4.0/24',
      fixedRange: '10.0.0.0/24',
      demoProjectId: projectIdOf('demo'),
      adminProjectId: projectIdOf('admin'),
    })
    const { networks } = await cloud.ask('demo', 'GET', '/networks?sort_key=name&sort_dir=asc')
    expect(networks.map((one: { name: string }) => one.name)).toEqual(['private', 'public'])
    const { routers } = await cloud.ask('demo', 'GET', '/routers')
    expect(routers).toHaveLength(1)
    const [publicNet] = (await cloud.ask('demo', 'GET', '/networks?router:external=True')).networks
    expect(cloud.engine.external(publicNet.id)).toMatchObject({
      subnets: [{ cidr: '172.24.4.0/24', gateway: '172.24.4.1' }],
    })
    const spec = cloud.engine.router(routers[0].id)
    expect(spec?.external).toMatchObject({
      gateways: ['172.24.4.1'],
      snat: true,
      addresses: [{ address: '172.24.4.2', prefix: 24 }],
    })
    expect(spec?.interfaces).toMatchObject([{ addresses: [{ address: '10.0.0.1', prefix: 24 }] }])
    expect(cloud.engine.segment(publicNet.id)).toBeUndefined()
  })
})

describe('networks and subnets', () => {
  it('have no IPv6 where a packet is too small for it', async () => {
    const id = await network('small', { mtu: 1000 })
    const six = { network_id: id, ip_version: 6, cidr: 'fd00:5::/64' }
    const refused = await cloud.ask('demo', 'POST', '/subnets', { subnet: six }, 400)
    expect(refused.NeutronError.message).toContain('at least 1280')
    const wide = await network('wide', { mtu: 1280 })
    await cloud.ask('demo', 'POST', '/subnets', { subnet: { ...six, network_id: wide } })
    await cloud.ask('demo', 'PUT', `/networks/${wide}`, { network: { mtu: 1279 } }, 400)
    for (const each of [id, wide]) await cloud.ask('demo', 'DELETE', `/networks/${each}`)
  })

  it('come, change and go, in the engine too', async () => {
    const id = await network('web', { mtu: 1400 })
    const sub = await subnet(id, '192.168.5.0/24', {
      dns_nameservers: ['1.1.1.1'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '192.168.5.9' }],
    })
    await cloud.settle()
    expect(cloud.engine.segment(id)?.spec).toEqual({
      id,
      mtu: 1400,
      adminUp: true,
      subnets: [{ id: sub, cidr: '192.168.5.0/24', gateway: '192.168.5.1' }],
    })
    const { network: changed } = await cloud.ask('demo', 'PUT', `/networks/${id}`, {
      network: { name: 'www', admin_state_up: false },
    })
    expect(changed).toMatchObject({
      name: 'www',
      admin_state_up: false,
      subnets: [sub],
      status: 'ACTIVE',
      shared: false,
      tenant_id: projectIdOf('demo'),
    })
    expect(changed).not.toHaveProperty('provider:network_type')
    await cloud.ask('demo', 'DELETE', `/networks/${id}`)
    await cloud.ask('demo', 'GET', `/subnets/${sub}`, undefined, 404)
    await cloud.settle()
    expect(cloud.engine.segment(id)).toBeUndefined()
  })

  it('are refused with a reason', async () => {
    const id = await network('strict')
    const bad = async (body: object): Promise<string> =>
      (
        await cloud.ask(
          'demo',
          'POST',
          '/subnets',
          { subnet: { network_id: id, ip_version: 4, ...body } },
          400,
        )
      ).NeutronError.message
    expect(await bad({ cidr: 'x' })).toContain('cidr')
    expect(await bad({})).toContain('subnetpool')
    expect(await bad({ cidr: '10.1.0.0/24', gateway_ip: '10.2.0.1' })).toContain('Gateway')
    expect(await bad({ cidr: '10.1.0.0/24', ipv6_ra_mode: 'slaac' })).toContain('ip_version')
    expect(await bad({ cidr: '10.1.0.0/24', nonsense: 1 })).toContain('nonsense')
    const made = await subnet(id, '10.1.0.7/24') // the host's bits say nothing
    const { subnet: seen } = await cloud.ask('demo', 'GET', `/subnets/${made}`)
    expect(seen).toMatchObject({ cidr: '10.1.0.0/24', gateway_ip: '10.1.0.1' })
    expect(await bad({ cidr: '10.1.0.128/25' })).toContain('overlaps')
    expect(
      (await cloud.ask('demo', 'POST', '/networks', { network: { shared: true } }, 403))
        .NeutronError.type,
    ).toBe('PolicyNotAuthorized')
    expect(
      (await cloud.ask('demo', 'GET', '/networks/nonsense', undefined, 404)).NeutronError,
    ).toEqual({
      type: 'NetworkNotFound',
      message: 'Network nonsense could not be found.',
      detail: '',
    })
    await cloud.ask('demo', 'GET', '/networks?colour=red', undefined, 400)
    await cloud.ask('other', 'GET', `/networks/${id}`, undefined, 404)
    await cloud.ask('reader', 'POST', '/networks', { network: {} }, 403)
  })

  it('are made many at once, or none', async () => {
    const before = (await cloud.ask('demo', 'GET', '/networks')).networks.length
    const { networks } = await cloud.ask('demo', 'POST', '/networks', {
      networks: [{ name: 'a' }, { name: 'b' }],
    })
    expect(networks.map((one: { name: string }) => one.name)).toEqual(['a', 'b'])
    await cloud.ask(
      'demo',
      'POST',
      '/networks',
      { networks: [{ name: 'c' }, { name: 'd', mtu: 9000 }] },
      400,
    )
    expect((await cloud.ask('demo', 'GET', '/networks')).networks).toHaveLength(before + 2)
  })
})

describe('ports', () => {
  it('get addresses round and round, never two the same', async () => {
    const id = await network('narrow')
    await subnet(id, '10.5.0.0/29')
    const ports = await Promise.all(
      [1, 2, 3, 4, 5].map(
        async () => (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: id } })).port,
      ),
    )
    const addresses = ports.map((port) => port.fixed_ips[0].ip_address)
    expect(addresses.toSorted()).toEqual([
      '10.5.0.2',
      '10.5.0.3',
      '10.5.0.4',
      '10.5.0.5',
      '10.5.0.6',
    ])
    const full = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: id } }, 409)
    expect(full.NeutronError.type).toBe('IpAddressGenerationFailure')
    const third = ports.find((port) => port.fixed_ips[0].ip_address === '10.5.0.4')
    await cloud.ask('demo', 'DELETE', `/ports/${third.id}`)
    expect(
      (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: id } })).port.fixed_ips[0]
        .ip_address,
    ).toBe('10.5.0.4')
    expect(
      (
        await cloud.ask(
          'demo',
          'POST',
          '/ports',
          { port: { network_id: id, fixed_ips: [{ ip_address: '10.5.0.4' }] } },
          409,
        )
      ).NeutronError.type,
    ).toBe('IpAddressAlreadyAllocated')
    await cloud.ask('demo', 'DELETE', `/networks/${id}`, undefined, 409)
  })

  it('have IPv4 and IPv6, change, and keep what stays', async () => {
    const id = await network('dual')
    const four = await subnet(id, '10.6.0.0/24')
    await subnet(id, '2001:db8:6::/64', { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' })
    const { port } = await cloud.ask('demo', 'POST', '/ports', {
      port: { network_id: id, mac_address: 'fa:16:3e:00:12:34' },
    })
    expect(port.fixed_ips.map((ip: { ip_address: string }) => ip.ip_address)).toEqual([
      '10.6.0.2',
      '2001:db8:6:0:f816:3eff:fe00:1234',
    ])
    const changed = await cloud.ask('demo', 'PUT', `/ports/${port.id}`, {
      port: { fixed_ips: [{ subnet_id: four }, { ip_address: '10.6.0.77' }] },
    })
    expect(changed.port.fixed_ips.map((ip: { ip_address: string }) => ip.ip_address)).toEqual([
      '10.6.0.2',
      '10.6.0.77',
      '2001:db8:6:0:f816:3eff:fe00:1234',
    ])
    const found = await cloud.ask(
      'demo',
      'GET',
      '/ports?fixed_ips=ip_address_substr%3D.0.77&fields=id',
    )
    expect(found).toEqual({ ports: [{ id: port.id }] })
    expect(
      (
        await cloud.ask(
          'demo',
          'POST',
          '/ports',
          { port: { network_id: id, mac_address: 'FA:16:3E:00:12:34' } },
          409,
        )
      ).NeutronError.type,
    ).toBe('MacAddressInUse')
  })

  it('are members of groups, guarded or not', async () => {
    const id = await network('guarded')
    await subnet(id, '10.7.0.0/24')
    const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: id } })
    expect(port.security_groups).toHaveLength(1)
    expect(
      (
        await cloud.ask(
          'demo',
          'PUT',
          `/ports/${port.id}`,
          { port: { port_security_enabled: false } },
          409,
        )
      ).NeutronError.type,
    ).toBe('PortSecurityPortHasSecurityGroup')
    const bare = await cloud.ask('demo', 'PUT', `/ports/${port.id}`, {
      port: { port_security_enabled: false, security_groups: [] },
    })
    expect(bare.port).toMatchObject({ port_security_enabled: false, security_groups: [] })
    await cloud.ask(
      'demo',
      'PUT',
      `/ports/${port.id}`,
      { port: { security_groups: ['00000000-0000-4000-8000-000000000000'] } },
      404,
    )
  })
})

describe('lists', () => {
  it('are filtered, sorted and paged with links', async () => {
    for (const name of ['p3', 'p1', 'p2']) await network(name, { description: 'paged' })
    const first = await cloud.ask(
      'demo',
      'GET',
      '/networks?description=paged&limit=2&sort_key=name&sort_dir=asc&fields=name',
    )
    expect(first.networks).toEqual([{ name: 'p1' }, { name: 'p2' }])
    const next = first.networks_links.find((link: { rel: string }) => link.rel === 'next').href
    const second = await cloud.as('demo').get(next.replace(cloud.url, ''))
    expect(second.body.networks).toEqual([{ name: 'p3' }])
    const back = second.body.networks_links.find(
      (link: { rel: string }) => link.rel === 'previous',
    ).href
    expect((await cloud.as('demo').get(back.replace(cloud.url, ''))).body.networks).toEqual([
      { name: 'p1' },
      { name: 'p2' },
    ])
    expect(
      (
        await cloud.ask(
          'demo',
          'GET',
          '/networks?name=p1&name=p3&sort_key=name&sort_dir=desc&fields=name',
        )
      ).networks,
    ).toEqual([{ name: 'p3' }, { name: 'p1' }])
    await cloud.ask('demo', 'GET', '/networks?marker=nothing&limit=1', undefined, 400)
    expect(
      (await cloud.ask('demo', 'GET', '/networks?description=paged&limit=0')).networks,
    ).toHaveLength(3)
  })

  it('know tags', async () => {
    const id = await network('tagged')
    await cloud.ask('demo', 'PUT', `/networks/${id}/tags`, { tags: ['red', 'a "b"'] })
    await cloud.ask('demo', 'PUT', `/networks/${id}/tags/blue`, undefined, 201)
    expect((await cloud.ask('demo', 'GET', `/networks/${id}/tags`)).tags).toEqual([
      'a "b"',
      'blue',
      'red',
    ])
    expect((await cloud.ask('demo', 'GET', '/networks?tags=red,blue&fields=id')).networks).toEqual([
      { id },
    ])
    expect((await cloud.ask('demo', 'GET', '/networks?tags=red,green')).networks).toEqual([])
    expect(
      (await cloud.ask('demo', 'GET', '/networks?tags-any=green,blue&fields=id')).networks,
    ).toEqual([{ id }])
    expect((await cloud.ask('demo', 'GET', '/networks?not-tags=red&name=tagged')).networks).toEqual(
      [],
    )
    await cloud.ask('demo', 'DELETE', `/networks/${id}/tags/red`)
    await cloud.ask('demo', 'GET', `/networks/${id}/tags/red`, undefined, 404)
  })

  it('change only the revision asked for', async () => {
    const id = await network('versioned')
    const { network: now } = await cloud.ask('demo', 'GET', `/networks/${id}`)
    const stale = await cloud
      .as('demo')
      .with({ 'if-match': `revision_number=${now.revision_number + 5}` })
      .put(`/network/v2.0/networks/${id}`, { network: { name: 'x' } })
    expect([stale.status, stale.body.NeutronError.type]).toEqual([
      412,
      'RevisionNumberConstraintFailed',
    ])
    const good = await cloud
      .as('demo')
      .with({ 'if-match': `revision_number=${now.revision_number}` })
      .put(`/network/v2.0/networks/${id}`, { network: { name: 'x' } })
    expect([good.status, good.body.network.revision_number]).toEqual([200, now.revision_number + 1])
  })
})
