import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inTx } from '../../kernel/db/db.ts'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from './test-network.ts'

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

const demo = projectIdOf('demo')

async function newPort(device: string, owned = true): Promise<string> {
  const ctx = cloud.ctxOf(demo)
  const port = await cloud.service.face.createPort(ctx, {
    networkId: network,
    name: '',
    deviceId: device,
    deviceOwner: 'compute:nova',
    owned,
  })
  return port.id
}

describe('a port of a workload', () => {
  it('is made in the caller’s transaction', async () => {
    const { face } = cloud.service
    const ctx = cloud.ctxOf(demo)
    await expect(
      inTx(ctx, async (tx) => {
        await face.createPort(tx, {
          networkId: network,
          name: '',
          deviceId: 'lost',
          deviceOwner: 'compute:nova',
          owned: true,
        })
        throw new Error('the server was refused')
      }),
    ).rejects.toThrow('refused')
    expect(await face.portsOf(ctx, ['lost'])).toEqual([])
  })

  it('is plugged before its network was ever looked at, and tells all about itself', async () => {
    const { face } = cloud.service
    const id = await newPort('server-1')
    cloud.engine.vanish(network)
    await face
      .plugPort(cloud.ctx(), id, { netns: '/run/netns/x', ifname: 'eth0' })
      .catch(() => undefined)
    await face.plugPort(cloud.ctx(), id, { netns: '/run/netns/x', ifname: 'eth0' })
    const plugged = cloud.engine.segment(network)?.ports.get(id)
    expect(plugged?.spec).toMatchObject({
      mtu: 1500,
      adminUp: true,
      portSecurity: true,
      addresses: [{ prefix: 24, gateway: '10.0.0.1' }],
    })
    const [info] = await face.portsOf(cloud.ctx(), ['server-1'])
    expect(info).toMatchObject({
      status: 'ACTIVE',
      networkName: 'n',
      deviceId: 'server-1',
      securityGroups: [{ name: 'default' }],
      floatingIps: [],
      fixedIps: [
        {
          address: plugged?.spec.addresses[0]?.address,
          version: 4,
          cidr: '10.0.0.0/24',
          gateway: '10.0.0.1',
          dns: ['169.254.169.254'],
        },
      ],
    })
    expect(await face.pluggedPorts(cloud.ctx(), [id, 'other'])).toEqual([id])
    expect((await face.portAt(cloud.ctx(), network, info?.fixedIps[0]?.address ?? ''))?.id).toBe(id)
    await face.unplugPort(cloud.ctx(), id)
    await face.unplugPort(cloud.ctx(), id)
    expect((await face.findPort(cloud.ctx(), id))?.status).toBe('DOWN')
    await face.releasePort(cloud.ctx(), id)
    await face.releasePort(cloud.ctx(), id)
    expect(await face.findPort(cloud.ctx(), id)).toBeUndefined()
  })

  it('that was there before is given back', async () => {
    const { face } = cloud.service
    const { port } = await cloud.ask('demo', 'POST', '/ports', {
      port: { network_id: network, name: 'mine' },
    })
    await expect(
      face.claimPort(cloud.ctxOf(projectIdOf('other')), port.id, {
        deviceId: 's',
        deviceOwner: 'compute:nova',
      }),
    ).rejects.toThrow('could not be found')
    await face.claimPort(cloud.ctxOf(demo), port.id, { deviceId: 's', deviceOwner: 'compute:nova' })
    await expect(
      face.claimPort(cloud.ctxOf(demo), port.id, { deviceId: 't', deviceOwner: 'compute:nova' }),
    ).rejects.toThrow('already has an attached device')
    await face.releasePort(cloud.ctx(), port.id)
    expect((await cloud.ask('demo', 'GET', `/ports/${port.id}`)).port).toMatchObject({
      device_id: '',
      device_owner: '',
    })
  })

  it('that is deleted while plugged is unplugged', async () => {
    const id = await newPort('server-2')
    await cloud.service.face.plugPort(cloud.ctx(), id, { netns: '/run/netns/y', ifname: 'eth0' })
    await cloud.ask('demo', 'DELETE', `/ports/${id}`)
    await cloud.ask('demo', 'GET', `/ports/${id}`, undefined, 404)
    await cloud.settle()
    expect(cloud.engine.segment(network)?.ports.has(id)).toBe(false)
  })
})

describe('filters', () => {
  it('follow rules and members', async () => {
    const { face } = cloud.service
    const { security_group: group } = await cloud.ask('demo', 'POST', '/security-groups', {
      security_group: { name: 'peers' },
    })
    await cloud.ask('demo', 'POST', '/security-group-rules', {
      security_group_rule: {
        security_group_id: group.id,
        direction: 'ingress',
        protocol: 'tcp',
        remote_group_id: group.id,
      },
    })
    const first = await newPort('f1')
    await face.setPortSecurityGroups(cloud.ctxOf(demo), first, [group.id])
    await face.plugPort(cloud.ctx(), first, { netns: '/run/netns/z', ifname: 'eth0' })
    const membersNow = (): readonly string[] =>
      cloud.engine
        .segment(network)
        ?.groups.get(group.id)
        ?.rules.find(({ direction }) => direction === 'ingress')?.remoteMembers ?? []
    expect(membersNow()).toHaveLength(1)
    const second = await newPort('f2')
    await face.setPortSecurityGroups(cloud.ctxOf(demo), second, [group.id])
    await cloud.settle()
    expect(membersNow()).toHaveLength(2)
    await face.releasePort(cloud.ctx(), second)
    await cloud.settle()
    expect(membersNow()).toHaveLength(1)
    await cloud.ask('demo', 'DELETE', `/security-groups/${group.id}`, undefined, 409)
    await face.setPortSecurityGroups(cloud.ctxOf(demo), first, [])
    await cloud.ask('demo', 'DELETE', `/security-groups/${group.id}`)
    await cloud.settle()
    expect(cloud.engine.segment(network)?.groups.has(group.id)).toBe(false)
    expect(cloud.engine.segment(network)?.ports.get(first)?.spec.securityGroups).toEqual([])
  })
})

describe('the sweep', () => {
  it('brings back what vanished and removes what nobody wants', async () => {
    const { definition } = cloud.service
    await cloud.engine.ensureNetwork({ id: 'orphan', mtu: 1500, subnets: [] })
    await cloud.engine.ensureRouter({
      id: 'orphan',
      adminUp: true,
      interfaces: [],
      floatingIps: [],
      routes: [],
    })
    cloud.engine.vanish(network)
    for (const { kind, sweep, reconcile } of definition.reconcilers) {
      for (const key of (await sweep?.keys(cloud.ctx())) ?? []) await reconcile(cloud.ctx(), key)
      expect(kind).toMatch(/^network\./)
    }
    const held = await cloud.engine.list()
    expect(held.networks).toContain(network)
    expect([...held.networks, ...held.routers]).not.toContain('orphan')
  })

  it('does not wait for its minute when the engine notices a loss', async () => {
    cloud.engine.vanish(network, { noticed: true })
    await expect.poll(async () => (await cloud.engine.list()).networks).toContain(network)
  })
})
