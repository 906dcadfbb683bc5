import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Json } from '../../../kernel/testkit/client.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { TestDocker, type TestContainer, type TestDockerNetwork } from './test-docker.ts'

let cloud: TestNetwork
let docker: TestDocker
beforeEach(async () => {
  cloud = await startTestNetwork()
  docker = new TestDocker(cloud.plugin)
})
afterEach(async () => await cloud.close())

const list = async (what: string, query = ''): Promise<Json[]> =>
  (await cloud.ask('demo', 'GET', `/${what}${query}`))[what.replaceAll('-', '_')] as Json[]

const tagOf = (id: string): string => `kuryr.net.uuid.lh:${id.slice(0, 32)}`
const tagged = async (id: string): Promise<Json> =>
  (await list('networks', `?tags=${tagOf(id)}`))[0]
const portOf = async ({ endpoint }: TestContainer): Promise<Json> =>
  (await list('ports', `?device_id=${endpoint}`))[0]
const seenBy = (port: Json) => cloud.engine.segment(port.network_id as string)?.ports.get(port.id)

async function nothingIsLeft(): Promise<void> {
  await cloud.settle()
  const names = async (what: string): Promise<string[]> =>
    (await list(what)).map(({ name }) => name as string).filter((name) => /kuryr|-port$/.test(name))
  expect(await names('networks')).toEqual([])
  expect(await names('subnets')).toEqual([])
  expect(
    (await names('subnetpools')).filter((name) => name !== 'kuryr' && name !== 'kuryr6'),
  ).toEqual([])
  expect(await names('ports')).toEqual([])
  expect((await list('security-groups')).map(({ name }) => name as string)).toEqual(['default'])
  expect(await list('floatingips')).toEqual([])
}

async function tenantNetwork(more: object = {}): Promise<{ network: Json; subnet: Json }> {
  const { network } = await cloud.ask('demo', 'POST', '/networks', { network: { name: 'shop' } })
  const { subnet } = await cloud.ask('demo', 'POST', '/subnets', {
    subnet: { network_id: network.id, ip_version: 4, cidr: '10.5.0.0/24', name: 'aisle', ...more },
  })
  return { network, subnet }
}

describe('docker network create', () => {
  it('makes network, subnet and subnet pool with Kuryr’s names and tags, and takes them away again', async () => {
    const network = await docker.createNetwork({ subnets: ['10.4.0.0/24'], gateway: '10.4.0.9' })
    const made = await tagged(network.id)
    expect(made.name).toBe(`kuryr-net-${network.id.slice(0, 8)}`)
    expect(made.tags).toContain(`kuryr.net.uuid.uh:${network.id.slice(32)}`)
    const [subnet] = await list('subnets', `?network_id=${made.id}`)
    expect(subnet).toMatchObject({
      name: 'kuryr-subnet-10.4.0.0/24',
      gateway_ip: '10.4.0.9',
      enable_dhcp: true,
    })
    const [pool] = await list('subnetpools', '?name=kuryrPool-10.4.0.0/24')
    expect(subnet).toMatchObject({ subnetpool_id: pool.id, tags: [pool.id] })
    expect(pool.tags).toEqual([subnet.id])
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it('takes a prefix of the default pools when none is given, another one each time', async () => {
    const one = await docker.createNetwork({ ipv6: true })
    const other = await docker.createNetwork({ ipv6: true })
    expect([...one.pools, ...other.pools].map(({ cidr, gateway }) => [cidr, gateway])).toEqual([
      ['10.10.0.0/24', '10.10.0.1/24'],
      ['fd6b:7572:7972::/64', 'fd6b:7572:7972::1/64'],
      ['10.10.1.0/24', '10.10.1.1/24'],
      ['fd6b:7572:7972:1::/64', 'fd6b:7572:7972:1::1/64'],
    ])
    expect((await list('subnetpools')).map(({ name }) => name).toSorted()).toEqual([
      'kuryr',
      'kuryr6',
    ])
    await docker.removeNetwork(one)
    await docker.removeNetwork(other)
    await nothingIsLeft()
  })

  it('may have the same prefix twice', async () => {
    const networks = [
      await docker.createNetwork({ subnets: ['10.4.0.0/24'] }),
      await docker.createNetwork({ subnets: ['10.4.0.0/24'] }),
    ]
    const containers: TestContainer[] = []
    for (const network of networks) containers.push(await docker.run(network, { ip: '10.4.0.5' }))
    const ports = await Promise.all(containers.map(portOf))
    expect(new Set(ports.map(({ network_id }) => network_id as string)).size).toBe(2)
    for (const container of containers) await docker.stop(container)
    for (const network of networks) await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it('joins an existing network and leaves it as it was', async () => {
    const { network, subnet } = await tenantNetwork()
    const before = [
      await cloud.ask('demo', 'GET', `/networks/${network.id}`),
      await cloud.ask('demo', 'GET', `/subnets/${subnet.id}`),
    ]
    for (const options of [
      { 'neutron.net.name': 'shop' },
      { 'neutron.net.uuid': network.id as string, 'neutron.subnet.name': 'aisle' },
    ]) {
      const joined = await docker.createNetwork({ ipam: options, options })
      expect(joined.pools[0]).toMatchObject({ cidr: '10.5.0.0/24', gateway: '10.5.0.1/24' })
      expect((await tagged(joined.id)).tags).toContain(
        `kuryr.net.existing:${joined.id.slice(0, 12)}`,
      )
      await docker.removeNetwork(joined)
    }
    const after = [
      await cloud.ask('demo', 'GET', `/networks/${network.id}`),
      await cloud.ask('demo', 'GET', `/subnets/${subnet.id}`),
    ]
    expect(after.map(withoutTimes)).toEqual(before.map(withoutTimes))
  })

  it('finds the existing network by either of -o and --ipam-opt, adding a subnet that is new', async () => {
    const { network } = await tenantNetwork()
    const joined = await docker.createNetwork({
      subnets: ['10.6.0.0/24'],
      options: { 'neutron.net.uuid': network.id as string },
    })
    const names = async (): Promise<string[]> =>
      (await list('subnets', `?network_id=${network.id}`))
        .map(({ name }) => name as string)
        .toSorted()
    expect(await names()).toEqual(['aisle', 'kuryr-subnet-10.6.0.0/24'])
    await docker.removeNetwork(joined)
    expect(await names()).toEqual(['aisle'])
  })

  it.each([
    [
      'an unknown network',
      { options: { 'neutron.net.name': 'nowhere' } },
      'nowhere could not be found',
    ],
    [
      'an option that does not exist',
      { options: { 'neutron.net.nam': 'x' } },
      'no option neutron.net.nam',
    ],
    [
      'a gateway that is not the subnet’s',
      { ipam: { 'neutron.net.name': 'shop' }, gateway: '10.5.0.7' },
      'the gateway of subnet',
    ],
    ['a range outside', { subnets: ['10.4.0.0/24'], ipRange: '10.9.0.0/28' }, 'does not lie in'],
    [
      'another sharing',
      {
        options: { 'neutron.net.name': 'shop', 'neutron.net.shared': 'true' },
        subnets: ['10.5.0.0/24'],
      },
      'is not shared',
    ],
    [
      'two answers to one question',
      { options: { 'neutron.net.name': 'a' }, ipam: { 'neutron.net.name': 'shop' } },
      '--ipam-opt',
    ],
    [
      'an unknown project',
      { options: { 'stackyard.project': 'nobody' }, subnets: ['10.4.0.0/24'] },
      'no project nobody',
    ],
  ])('refuses %s, and leaves nothing', async (_, wish, reason) => {
    await tenantNetwork()
    await expect(docker.createNetwork(wish)).rejects.toThrow(reason)
    await nothingIsLeft()
  })

  it('sets addresses aside and keeps to a range', async () => {
    const network = await docker.createNetwork({
      subnets: ['10.4.0.0/24'],
      ipRange: '10.4.0.64/30',
      aux: { printer: '10.4.0.65/24' },
    })
    const one = await docker.run(network)
    expect(one.addresses).toEqual(['10.4.0.64/24'])
    const rest = [await docker.run(network), await docker.run(network)]
    expect(rest.flatMap(({ addresses }) => addresses)).toEqual(['10.4.0.66/24', '10.4.0.67/24'])
    await expect(docker.run(network)).rejects.toThrow('No more IP addresses')
    await expect(docker.run(network, { ip: '10.4.0.65' })).rejects.toThrow('set aside')
    for (const container of [one, ...rest]) await docker.stop(container)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it('works with Docker’s own addresses', async () => {
    const network = await docker.createNetwork({
      ipamOfDocker: [{ Pool: '172.30.0.0/16', Gateway: '172.30.0.1/16' }],
    })
    const container = await docker.run(network, { ip: '172.30.0.2/16' })
    expect((await portOf(container)).fixed_ips[0].ip_address).toBe('172.30.0.2')
    await docker.stop(container)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })
})

describe('docker run --network', () => {
  let network: TestDockerNetwork
  beforeEach(async () => {
    network = await docker.createNetwork({ subnets: ['10.4.0.0/24'] })
  })

  it('gives a port that says whose it is, and a link that Docker moves', async () => {
    const container = await docker.run(network)
    const port = await portOf(container)
    expect(port).toMatchObject({
      name: `${container.endpoint}-port`,
      device_owner: 'compute:kuryr',
      mac_address: container.mac,
      status: 'ACTIVE',
      tags: [
        'compute:kuryr',
        tagOf(container.endpoint),
        `kuryr.net.uuid.uh:${container.endpoint.slice(32)}`,
      ].toSorted(),
    })
    const at = seenBy(port)?.at
    expect(at).toMatchObject({ netns: container.sandbox, handedOver: true })
    expect(container.joined).toEqual({
      InterfaceName: { SrcName: at?.ifname, DstPrefix: 'eth' },
      Gateway: '10.4.0.1',
      StaticRoutes: [{ Destination: '169.254.169.254/32', RouteType: 1 }],
      DisableGatewayService: true,
    })
    await docker.stop(container)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it('has both families in one port, and host routes of both types', async () => {
    const dual = await docker.createNetwork({ subnets: ['10.7.0.0/24', 'fd00:7::/64'] })
    const { id } = await tagged(dual.id)
    const subnets = await list('subnets', `?network_id=${id}`)
    const four = subnets.find(({ ip_version }) => ip_version === 4)
    await cloud.ask('demo', 'PUT', `/subnets/${four?.id}`, {
      subnet: {
        host_routes: [
          { destination: '192.168.77.0/24', nexthop: '10.7.0.254' },
          { destination: '192.168.78.0/24', nexthop: '0.0.0.0' },
        ],
      },
    })
    const container = await docker.run(dual)
    const ports = await list('ports', `?device_id=${container.endpoint}`)
    expect(ports).toHaveLength(1)
    expect(ports[0].fixed_ips).toHaveLength(2)
    expect(container.joined).toMatchObject({
      Gateway: '10.7.0.1',
      GatewayIPv6: 'fd00:7::1',
      StaticRoutes: [
        { Destination: '169.254.169.254/32', RouteType: 1 },
        { Destination: '192.168.77.0/24', RouteType: 0, NextHop: '10.7.0.254' },
        { Destination: '192.168.78.0/24', RouteType: 1 },
      ],
    })
    await docker.stop(container)
    await docker.removeNetwork(dual)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it('takes an existing port by its address, and gives it back as it was', async () => {
    const { id } = await tagged(network.id)
    const { port } = await cloud.ask('demo', 'POST', '/ports', {
      port: { network_id: id, name: 'mine', fixed_ips: [{ ip_address: '10.4.0.77' }] },
    })
    await cloud.ask('demo', 'PUT', `/ports/${port.id}/tags/keep`, undefined, 201)
    const before = await cloud.ask('demo', 'GET', `/ports/${port.id}`)
    const container = await docker.run(network, { ip: '10.4.0.77' })
    expect(container.mac).toBe(port.mac_address)
    expect((await portOf(container)).tags).toContain('kuryr.port.existing')
    await docker.stop(container)
    const after = await cloud.ask('demo', 'GET', `/ports/${port.id}`)
    expect(withoutTimes(after)).toEqual(withoutTimes(before))
  })

  it('gives an existing port back without a group and a QoS policy that were deleted meanwhile', async () => {
    const { id } = await tagged(network.id)
    const group = async (name: string): Promise<Json> =>
      (await cloud.ask('demo', 'POST', '/security-groups', { security_group: { name } }))
        .security_group
    const [gone, kept] = [await group('gone'), await group('kept')]
    const { policy } = await cloud.ask('admin', 'POST', '/qos/policies', {
      policy: { name: 'slow', shared: true },
    })
    const wish = { network_id: id, fixed_ips: [{ ip_address: '10.4.0.78' }] }
    const { port } = await cloud.ask('demo', 'POST', '/ports', {
      port: { ...wish, security_groups: [gone.id, kept.id], qos_policy_id: policy.id },
    })
    const options = { 'stackyard.sg': 'default', 'stackyard.qos': '2000' }
    const container = await docker.run(network, { ip: '10.4.0.78', options })
    await cloud.ask('demo', 'DELETE', `/security-groups/${gone.id}`)
    await cloud.ask('admin', 'DELETE', `/qos/policies/${policy.id}`)
    await docker.stop(container)
    const after = (await cloud.ask('demo', 'GET', `/ports/${port.id}`)).port
    expect(after).toMatchObject({
      security_groups: [kept.id],
      qos_policy_id: null,
      device_id: '',
      device_owner: '',
    })
  })

  it('has an address of its own only', async () => {
    const container = await docker.run(network, { ip: '10.4.0.9' })
    expect(container.addresses).toEqual(['10.4.0.9/24'])
    await expect(docker.run(network, { ip: '10.4.0.9' })).rejects.toThrow('in use')
    await expect(docker.run(network, { ip: '10.4.0.1' })).rejects.toThrow('gateway')
    await expect(docker.run(network, { ip: '10.9.0.1' })).rejects.toThrow('no address of')
  })

  it('opens exposed ports by a group of their own, and published ones on the host', async () => {
    const container = await docker.run(network, {
      expose: [80, 81, 82, 443].map((Port) => ({ Proto: 6, Port })),
      publish: [{ Port: 80, HostPort: 8080 }],
    })
    const port = await portOf(container)
    const [group] = await list('security-groups', `?name=${port.id}-exposed_ports`)
    expect(port.security_groups).toContain(group.id)
    const ranges = (group.security_group_rules as Json[])
      .filter(({ direction }) => direction === 'ingress')
      .map((rule) => `${rule.protocol} ${rule.port_range_min}-${rule.port_range_max}`)
    expect(ranges.toSorted()).toEqual(['tcp 443-443', 'tcp 80-82'])
    expect(port.tags).toContain('stackyard.published:0.0.0.0:8080->80/tcp')
    expect(seenBy(port)?.spec.published).toHaveLength(1)
    await docker.stop(container)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it('takes security groups, a QoS policy, a name and a floating IP by options of the endpoint', async () => {
    const { security_group: group } = await cloud.ask('demo', 'POST', '/security-groups', {
      security_group: { name: 'web' },
    })
    const container = await docker.run(network, {
      options: { 'stackyard.sg': 'web', 'stackyard.qos': '2000', 'stackyard.dns': 'till' },
    })
    const port = await portOf(container)
    expect(port).toMatchObject({ security_groups: [group.id], dns_name: 'till' })
    const { policy } = await cloud.ask('admin', 'GET', `/qos/policies/${port.qos_policy_id}`)
    expect((policy.rules as Json[]).map(({ max_kbps }) => max_kbps as number)).toEqual([2000, 2000])
    await docker.stop(container)
    expect((await cloud.ask('admin', 'GET', '/qos/policies')).policies).toEqual([])
    await expect(docker.run(network, { options: { 'stackyard.sg': 'none' } })).rejects.toThrow(
      'none could not be found',
    )
    await expect(docker.run(network, { options: { 'stackyard.sgs': 'x' } })).rejects.toThrow(
      'no option stackyard.sgs',
    )
  })

  it('does not put a container into two networks with the same prefix', async () => {
    const twin = await docker.createNetwork({ subnets: ['10.4.0.0/25'] })
    const container = await docker.run(network)
    await expect(docker.run(twin, { sandbox: container.sandbox })).rejects.toThrow('overlaps')
    const beside = await docker.createNetwork({ subnets: ['10.3.0.0/24'] })
    const { joined } = await docker.run(beside, { sandbox: container.sandbox })
    // a second way to the metadata service would be an error to Docker
    expect(joined['StaticRoutes']).toEqual([])
  })

  it('starts without a gateway where there is none or the network is internal', async () => {
    const inside = await docker.createNetwork({ subnets: ['10.8.0.0/24'], internal: true })
    const container = await docker.run(inside)
    expect(container.joined['Gateway']).toBeUndefined()
    expect(container.joined['DisableGatewayService']).toBe(true)
    const { network: plain } = await tenantNetwork({ gateway_ip: null })
    const without = await docker.createNetwork({ ipam: { 'neutron.net.uuid': plain.id as string } })
    const exposing = await docker.run(without, { expose: [{ Proto: 6, Port: 80 }] })
    expect(exposing.joined['Gateway']).toBeUndefined()
    const port = await portOf(exposing)
    const [group] = await list('security-groups', `?name=${port.id}-exposed_ports`)
    expect(port.security_groups).toContain(group.id)
  })

  it('changes nothing when calls come twice', async () => {
    docker.times = 2
    const twice = await docker.createNetwork({ subnets: ['10.9.0.0/24'] })
    const container = await docker.run(twice, {
      expose: [{ Proto: 17, Port: 53 }],
      publish: [{ Port: 80, HostPort: 8081 }],
    })
    expect(await list('ports', `?device_id=${container.endpoint}`)).toHaveLength(1)
    expect(await list('subnetpools', '?name=kuryrPool-10.9.0.0/24')).toHaveLength(1)
    await docker.stop(container)
    await docker.removeNetwork(twice)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })

  it.each(['ensureNetwork', 'plug', 'updatePort', 'ensureSecurityGroup'] as const)(
    'leaves nothing when %s fails on the host',
    async (step) => {
      const one = await docker.run(network)
      cloud.engine.failOn.set(step, 1)
      const other = await docker
        .run(network, { publish: [{ Port: 80, HostPort: 8082 }], expose: [{ Proto: 6, Port: 80 }] })
        .catch((error: unknown) => error)
      cloud.engine.failOn.clear()
      const containers = other instanceof Error ? [one] : [one, other as TestContainer]
      for (const container of containers) await docker.stop(container)
      await docker.removeNetwork(network)
      await nothingIsLeft()
    },
  )

  it('ends what Docker forgot: a container, its address, a network', async () => {
    const container = await docker.run(network)
    await sweep()
    expect((await portOf(container)).status).toBe('ACTIVE')
    docker.vanish(container)
    await sweep(2)
    expect(await list('ports', `?device_id=${container.endpoint}`)).toEqual([])
    docker.forget(network)
    await sweep(2)
    await nothingIsLeft()
  })

  it('leaves alone what another Docker Engine has', async () => {
    docker.forget(network)
    const container = await docker.run(network)
    await sweep(3)
    expect((await portOf(container)).status).toBe('ACTIVE')
  })

  it('makes a lost link anew inside the container', async () => {
    const container = await docker.run(network)
    const port = await portOf(container)
    cloud.engine.vanish(port.id as string)
    await cloud.ask('demo', 'PUT', `/ports/${port.id}`, { port: { description: 'look again' } })
    await cloud.settle()
    await expect.poll(() => seenBy(port)?.at).toEqual({ netns: container.sandbox, ifname: 'eth0' })
    await docker.stop(container)
    await docker.removeNetwork(network)
    await nothingIsLeft()
  })
})

async function sweep(times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    await nudge(cloud.ctx(), 'network.docker-plugin', 'all')
    await cloud.settle()
  }
}

/** Objects with one key, as the API answers them. */
function withoutTimes(answer: Json): Json {
  const [object] = Object.values<Json>(answer)
  const { updated_at: _, revision_number: __, ...rest } = object
  return rest
}
