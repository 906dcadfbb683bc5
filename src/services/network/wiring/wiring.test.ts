import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { nudge, pendingTasks } from '../../../kernel/tasks/store.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => {
  cloud = await startTestNetwork()
})
afterAll(async () => await cloud.close())

async function network(): Promise<string> {
  const { id } = (await cloud.ask('demo', 'POST', '/networks', { network: {} })).network
  await cloud.ask('demo', 'POST', '/subnets', {
    subnet: { network_id: id, ip_version: 4, cidr: '10.9.0.0/24' },
  })
  return id as string
}

let machines = 0
async function plugged(networkId: string): Promise<{ id: string; device: string }> {
  const { id } = (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: networkId } }))
    .port
  const device = `machine-${machines++}`
  const { face } = cloud.service
  await face.claimPort(cloud.ctxOf(projectIdOf('demo')), id, {
    deviceId: device,
    deviceOwner: 'compute:nova',
  })
  await face.plugPort(cloud.ctx(), id, { netns: `/run/netns/${device}`, ifname: 'eth0' })
  return { id: id as string, device }
}

const status = async (id: string): Promise<string> =>
  (await cloud.ask('demo', 'GET', `/ports/${id}`)).port.status as string

describe('a network that is switched off', () => {
  it('takes its ports and legs down with it, and up again', async () => {
    const net = await network()
    const { id } = await plugged(net)
    const { id: router } = (await cloud.ask('demo', 'POST', '/routers', { router: {} })).router
    const leg = (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: net } })).port.id
    await cloud.ask('demo', 'PUT', `/routers/${router}/add_router_interface`, { port_id: leg })
    for (const [up, word] of [
      [false, 'DOWN'],
      [true, 'ACTIVE'],
    ] as const) {
      await cloud.ask('demo', 'PUT', `/networks/${net}`, { network: { admin_state_up: up } })
      await cloud.settle()
      expect([await status(id), await status(leg)]).toEqual([word, word])
      expect(cloud.engine.segment(net)?.spec.adminUp).toBe(up)
      expect(cloud.engine.segment(net)?.ports.get(id)?.spec.adminUp).toBe(up)
    }
  })
})

describe('sub-ports', () => {
  it('are plugged with their parent, follow it, and go when they are taken out or it goes', async () => {
    const [outer, inner] = [await network(), await network()]
    const sub = (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: inner } })).port.id
    const late = (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: inner } })).port
      .id
    const parent = await plugged(outer)
    const carried = (port_id: string, segmentation_id: number) => ({
      sub_ports: [{ port_id, segmentation_type: 'vlan', segmentation_id }],
    })
    const { trunk } = await cloud.ask('demo', 'POST', '/trunks', {
      trunk: { port_id: parent.id, ...carried(sub, 7) },
    })
    await cloud.ask('demo', 'PUT', `/trunks/${trunk.id}/add_subports`, carried(late, 8))
    await cloud.settle()
    const places = () =>
      [sub, late].map((id) => cloud.engine.segment(inner)?.ports.get(id)?.at.ifname)
    expect(places()).toEqual(['eth0.7', 'eth0.8'])
    await cloud.ask('demo', 'PUT', `/trunks/${trunk.id}/remove_subports`, {
      sub_ports: [{ port_id: late }],
    })
    await cloud.settle()
    expect(places()).toEqual(['eth0.7', undefined])
    for (const [up, word] of [
      [false, 'DOWN'],
      [true, 'ACTIVE'],
    ] as const) {
      await cloud.ask('demo', 'PUT', `/networks/${outer}`, { network: { admin_state_up: up } })
      await cloud.settle()
      expect(await status(sub)).toBe(word)
    }
    await cloud.service.face.unplugPort(cloud.ctx(), parent.id)
    expect(places()).toEqual([undefined, undefined])
    expect(await status(sub)).toBe('DOWN')
    const again = { netns: '/run/netns/again', ifname: 'eth1' }
    await cloud.service.face.plugPort(cloud.ctx(), parent.id, again)
    await cloud.settle()
    expect(places()).toEqual(['eth1.7', undefined])
    expect(await status(sub)).toBe('ACTIVE')
  })
})

describe('inspection', () => {
  const repairs = async (kind: string): Promise<number> =>
    (await cloud.ctx().metrics.repairs.get()).values.find((each) => each.labels.kind === kind)
      ?.value ?? 0

  async function inspect(): Promise<void> {
    await nudge(cloud.ctx(), 'network.inspection', 'all')
    await cloud.settle()
  }

  it('finds nothing to repair where nothing drifted', async () => {
    await plugged(await network())
    await cloud.settle()
    const before = await cloud.ctx().metrics.repairs.get()
    await inspect()
    expect(await cloud.ctx().metrics.repairs.get()).toEqual(before)
  })

  it('repairs what drifted, and counts it by kind', async () => {
    const net = await network()
    const port = await plugged(net)
    const { id: router } = (await cloud.ask('demo', 'POST', '/routers', { router: {} })).router
    await cloud.settle()
    const [group = ''] = cloud.engine.segment(net)?.groups.keys() ?? []
    for (const [kind, id] of [
      ['network', net],
      ['port', port.id],
      ['group', group],
      ['router', router as string],
    ] as const) {
      const before = await repairs(kind)
      cloud.engine.drift.set(id, ['somebody was here'])
      await inspect()
      expect(cloud.engine.drift.has(id)).toBe(false)
      expect(await repairs(kind)).toBe(before + 1)
    }
  })

  it('asks the workload to plug what has lost its link, and counts it when that is done', async () => {
    const net = await network()
    const port = await plugged(net)
    await cloud.settle()
    const before = await repairs('port')
    cloud.engine.vanish(port.id)
    await inspect()
    expect(await pendingTasks(cloud.ctx(), ['workload'])).toContain(`workload ${port.device}`)
    expect(await repairs('port')).toBe(before)
    const at = { netns: `/run/netns/${port.device}`, ifname: 'eth0' }
    await cloud.service.face.plugPort(cloud.ctx(), port.id, at)
    expect(await repairs('port')).toBe(before + 1)
  })
})
