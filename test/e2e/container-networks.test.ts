import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { tryRun } from '../../src/kernel/exec/run.ts'
import type { Json, TestClient } from '../../src/kernel/testkit/client.ts'
import { ContainerCloud } from '../support/container-cloud.ts'
import { ok, Session, until } from '../support/session.ts'

/**
 * How containers meet networks, on the real engine: the tests of Zun's Tempest plugin about it, under their own names, both at the
 * last version of its older class and at our latest.
 */
let cloud: ContainerCloud
let admin: Session
/** What a test made of the network service, to be deleted behind its containers, last made first. */
const made: { readonly client: TestClient; readonly path: string }[] = []

beforeAll(async () => {
  cloud = await ContainerCloud.start()
  admin = await Session.login(cloud.process.credentials('admin'))
}, 120_000)

afterEach(async () => {
  await cloud.removeAll()
  for (const { client, path } of made.splice(0).toReversed()) ok(await client.delete(path))
})

afterAll(async () => await cloud.close(), 120_000)

async function create(
  kind: string,
  body: Readonly<Record<string, unknown>>,
  session = cloud.session,
): Promise<Json> {
  const client = session.network
  const thing = ok(await client.post(`/${kind}s`, { [kind.replaceAll('-', '_')]: body }))[
    kind.replaceAll('-', '_')
  ]
  made.push({ client, path: `/${kind}s/${thing.id}` })
  return thing
}

async function subnetOf(network: Json, more: Json = {}, session = cloud.session): Promise<Json> {
  const body = { network_id: network.id, ip_version: 4, cidr: '10.1.0.0/24', ...more }
  return await create('subnet', body, session)
}

async function portOf(shown: Json): Promise<Json> {
  const [[{ port }]] = Object.values<Json>(shown.addresses)
  return ok(await cloud.session.network.get(`/ports/${port}`)).port
}

describe.each(['1.19', '1.40'])('at %s', (version) => {
  async function runOne(wish: Readonly<Record<string, unknown>>): Promise<Json> {
    return await cloud.reach(await cloud.run(wish, cloud.at(version)), 'Running')
  }

  /** One network, one address in its subnet, and the process has it. */
  async function expectInside(shown: Json, network: Json, subnet: Json): Promise<void> {
    expect(Object.keys(shown.addresses)).toEqual([network.id])
    const [{ addr, subnet_id: within }] = shown.addresses[network.id]
    expect([within, addr]).toEqual([subnet.id, expect.stringMatching(/^10\.1\.0\./)])
    expect((await cloud.execute(shown.uuid, 'ip addr')).output).toContain(`${addr}/24`)
  }

  it('test_run_container_with_network', async () => {
    const network = await create('network', { name: 'test_net' })
    const subnet = await subnetOf(network)
    await expectInside(await runOne({ nets: [{ network: network.id }] }), network, subnet)
  })

  it('test_run_container_with_no_gateway_subnet', async () => {
    const network = await create('network', {})
    const subnet = await subnetOf(network, { gateway_ip: null })
    const shown = await runOne({ nets: [{ network: network.id }] })
    await expectInside(shown, network, subnet)
    expect((await cloud.execute(shown.uuid, 'ip route')).output).not.toContain('default')
  })

  it('test_run_container_with_shared_network', async () => {
    const network = await create('network', { name: 'test_net', shared: true }, admin)
    const subnet = await subnetOf(network, {}, admin)
    await expectInside(await runOne({ nets: [{ network: network.id }] }), network, subnet)
  })

  it('test_run_container_with_port', async () => {
    const network = await create('network', {})
    const subnet = await subnetOf(network)
    const port = await create('port', { network_id: network.id })
    const look = async (): Promise<Json> => ok(await admin.network.get(`/ports/${port.id}`)).port
    const unbound = { device_owner: '', device_id: '', 'binding:vif_type': 'unbound' }
    expect(await look()).toMatchObject({ ...unbound, 'binding:host_id': '' })
    const shown = await runOne({ nets: [{ port: port.id }] })
    await expectInside(shown, network, subnet)
    expect(shown.addresses[network.id]).toMatchObject([
      { addr: port.fixed_ips[0].ip_address, port: port.id, preserve_on_delete: true },
    ])
    const bound = await look()
    expect(bound).toMatchObject({ device_id: shown.uuid, status: 'ACTIVE' })
    for (const field of ['device_owner', 'binding:host_id']) expect(bound[field]).not.toBe('')
    expect(bound['binding:vif_type']).not.toBe('unbound')
    await cloud.remove(shown.uuid)
    expect(await look()).toMatchObject({ ...unbound, 'binding:host_id': '' })
  })

  it('test_run_container_with_security_groups', async () => {
    const group = await create('security-group', { name: 'test_sg' })
    const shown = await runOne({ security_groups: ['test_sg'] })
    expect(shown.security_groups).toEqual([group.id])
    expect((await portOf(shown)).security_groups).toEqual([group.id])
  })

  it('test_detach_and_attach_network_to_container', async () => {
    const shown = await runOne({})
    const [network] = Object.keys(shown.addresses)
    const turn = async (verb: string): Promise<Json> => {
      ok(await cloud.at(version).post(`/containers/${shown.uuid}/network_${verb}`, { network }))
      return await cloud.reach(shown.uuid, 'Running')
    }
    expect((await turn('detach')).addresses).toEqual({})
    expect((await cloud.execute(shown.uuid, 'ip link')).output).not.toContain('eth')
    const [{ addr }] = (await turn('attach')).addresses[network ?? '']
    expect((await cloud.execute(shown.uuid, 'ip addr')).output).toContain(`${addr}/`)
  })
})

it('test_container_network', async () => {
  const { networks } = ok(await admin.network.get('/networks?name=public'))
  const external = networks[0].id
  const router = await create('router', { external_gateway_info: { network_id: external } })
  const network = await create('network', {})
  const subnet = await subnetOf(network)
  const onRouter = async (verb: string) =>
    ok(
      await cloud.session.network.put(`/routers/${router.id}/${verb}_router_interface`, {
        subnet_id: subnet.id,
      }),
    )
  await onRouter('add')
  const group = await create('security-group', { name: 'pings' })
  const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'icmp' }
  ok(await cloud.session.network.post('/security-group-rules', { security_group_rule: rule }))
  const wish = { nets: [{ network: network.id }], security_groups: ['pings'] }
  const first = await cloud.reach(await cloud.run(wish), 'Running')
  const second = await cloud.reach(await cloud.run(wish), 'Running')

  const outside = await create('floatingip', {
    floating_network_id: external,
    port_id: (await portOf(first)).id,
  })
  const answers = async (wanted: boolean): Promise<void> => {
    const ping = ['-c1', '-W1', outside.floating_ip_address]
    await until(
      async () => (await tryRun('ping', ping)).code === 0,
      (answered) => answered === wanted,
      { what: `${outside.floating_ip_address} to answer: ${wanted}` },
    )
  }
  const lead = async (port: string | null): Promise<void> => {
    const change = { floatingip: { port_id: port } }
    ok(await cloud.session.network.put(`/floatingips/${outside.id}`, change))
  }
  await answers(true)
  // its neighbours: the router inside, another container, and the gateway outside
  const [[{ addr: neighbour }]] = Object.values<Json>(second.addresses)
  const { gateway_ip: beyond } = ok(
    await admin.network.get(`/subnets?network_id=${external}&ip_version=4`),
  ).subnets[0]
  for (const address of [subnet.gateway_ip, neighbour, beyond])
    await until(
      async () => (await cloud.execute(first.uuid, `ping -c1 -w1 ${address}`)).exit_code as number, // of ping
      (code) => code === 0,
      { what: `${address} to answer the container` },
    )
  await lead(null)
  await answers(false)
  await lead((await portOf(second)).id)
  await answers(true)
  await lead(null)
  await onRouter('remove')
})
