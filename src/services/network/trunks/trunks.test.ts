import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { planSubports } from './plan.ts'

let cloud: TestNetwork
let network: string
let narrow: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  network = (await cloud.ask('demo', 'POST', '/networks', { network: {} })).network.id
  narrow = (await cloud.ask('demo', 'POST', '/networks', { network: { mtu: 1400 } })).network.id
})
afterAll(async () => await cloud.close())

const port = async (where = network): Promise<string> =>
  (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: where } })).port.id

const vlan = (id: string, segmentation_id: number | string) => ({
  port_id: id,
  segmentation_type: 'vlan',
  segmentation_id,
})

async function trunk(
  sub_ports: object[] = [],
  more: object = {},
): Promise<{ id: string; port_id: string }> {
  const body = { trunk: { port_id: await port(), sub_ports, ...more } }
  return (await cloud.ask('demo', 'POST', '/trunks', body)).trunk
}

const fault = async (method: string, path: string, body: object | undefined, status: number) =>
  (await cloud.ask('demo', method, path, body, status)).NeutronError.type as string

describe('trunks', () => {
  it('carry sub-ports, which come and go', async () => {
    const [a, b] = [await port(), await port(narrow)]
    const { id, port_id } = await trunk([vlan(a, '7')])
    const answer = await cloud.ask('demo', 'PUT', `/trunks/${id}/add_subports`, {
      sub_ports: [vlan(b, 8)],
    })
    expect(answer).toMatchObject({ id, status: 'DOWN', sub_ports: [vlan(a, 7), vlan(b, 8)] })
    expect(answer.revision_number).toBeGreaterThan(1)
    const { port: parent } = await cloud.ask('demo', 'GET', `/ports/${port_id}`)
    expect(parent.trunk_details).toMatchObject({
      trunk_id: id,
      sub_ports: [vlan(a, 7), vlan(b, 8)],
    })
    expect((await cloud.ask('demo', 'GET', `/ports/${a}`)).port).toMatchObject({
      device_owner: 'trunk:subport',
      device_id: id,
    })
    const removed = { sub_ports: [{ port_id: a }] }
    await cloud.ask('demo', 'PUT', `/trunks/${id}/remove_subports`, removed)
    expect(await cloud.ask('demo', 'GET', `/trunks/${id}/get_subports`)).toEqual({
      sub_ports: [vlan(b, 8)],
    })
    const freed = (await cloud.ask('demo', 'GET', `/ports/${a}`)).port
    expect(freed).toMatchObject({ device_owner: '', device_id: '' })
    await cloud.ask('demo', 'DELETE', `/trunks/${id}`)
    expect((await cloud.ask('demo', 'GET', `/ports/${b}`)).port.device_owner).toBe('')
    await cloud.ask('demo', 'DELETE', `/ports/${port_id}`)
  })

  it('hold their ports', async () => {
    const sub = await port()
    const { id, port_id } = await trunk([vlan(sub, 2)])
    expect(await fault('DELETE', `/ports/${port_id}`, undefined, 409)).toBe(
      'PortInUseAsTrunkParent',
    )
    expect(await fault('DELETE', `/ports/${sub}`, undefined, 409)).toBe('PortInUseAsSubPort')
    const again = { trunk: { port_id } }
    expect(await fault('POST', '/trunks', again, 409)).toBe('TrunkPortInUse')
    const add = `/trunks/${id}/add_subports`
    const refused = async (subport: object, status = 409) =>
      await fault('PUT', add, { sub_ports: [subport] }, status)
    expect(await refused(vlan(sub, 3))).toBe('TrunkPortInUse')
    expect(await refused(vlan(port_id, 3))).toBe('ParentPortInUse')
    expect(await refused(vlan(await port(), 2))).toBe('DuplicateSubPort')
    expect(await refused(vlan('00000000-0000-4000-8000-000000000000', 3), 404)).toBe('PortNotFound')
    const inherit = { port_id: await port(), segmentation_type: 'inherit' }
    expect(await refused(inherit, 400)).toBe('InvalidInput')
    const stranger = { sub_ports: [{ port_id: await port() }] }
    expect(await fault('PUT', `/trunks/${id}/remove_subports`, stranger, 404)).toBe(
      'SubPortNotFound',
    )
  })

  it('carry no wider packets than their own link', async () => {
    const parent = await port(narrow)
    const body = { trunk: { port_id: parent, sub_ports: [vlan(await port(), 5)] } }
    expect(await fault('POST', '/trunks', body, 409)).toBe('SubPortMtuGreaterThanTrunkPortMtu')
  })

  it('stay as they are while disabled', async () => {
    const { id } = await trunk([], { admin_state_up: false })
    const asked = { sub_ports: [vlan(await port(), 2)] }
    expect(await fault('PUT', `/trunks/${id}/add_subports`, asked, 409)).toBe('TrunkDisabled')
    expect(await fault('DELETE', `/trunks/${id}`, undefined, 409)).toBe('TrunkDisabled')
    await cloud.ask('demo', 'PUT', `/trunks/${id}`, { trunk: { admin_state_up: true, name: 'on' } })
    await cloud.ask('demo', 'DELETE', `/trunks/${id}`)
  })

  it('bring their sub-ports to the guest, and are as active as their ports', async () => {
    const [sub, later] = [await port(narrow), await port()]
    const { id, port_id } = await trunk([vlan(sub, 9)])
    const { face } = cloud.service
    const wired = (at: string, subport: string) =>
      cloud.engine.segment(at)?.ports.get(subport)?.spec.trunk
    const status = async () => (await cloud.ask('demo', 'GET', `/trunks/${id}`)).trunk.status
    const device = { deviceId: 'guest', deviceOwner: 'compute:nova' }
    await face.claimPort(cloud.ctxOf(projectIdOf('demo')), port_id, device)
    await face.plugPort(cloud.ctx(), port_id, { netns: '/run/netns/t', ifname: 'eth0' })
    await cloud.settle()
    const inside = { parentPortId: port_id, parentNetworkId: network }
    expect(wired(narrow, sub)).toEqual({ ...inside, vlan: 9 })
    const shown = await cloud.ask('demo', 'GET', '/trunks?status=ACTIVE')
    expect(shown.trunks).toMatchObject([{ id, status: 'ACTIVE' }])
    const more = { sub_ports: [vlan(later, 10)] }
    const grown = await cloud.ask('demo', 'PUT', `/trunks/${id}/add_subports`, more)
    expect(grown.status).toBe('DEGRADED')
    await cloud.settle()
    expect(wired(network, later)).toEqual({ ...inside, vlan: 10 })
    expect(await status()).toBe('ACTIVE')
    const less = { sub_ports: [{ port_id: sub }] }
    await cloud.ask('demo', 'PUT', `/trunks/${id}/remove_subports`, less)
    await cloud.settle()
    expect(cloud.engine.segment(narrow)?.ports.has(sub)).toBe(false)
    await face.unplugPort(cloud.ctx(), port_id)
    await cloud.settle()
    expect(cloud.engine.segment(network)?.ports.has(later)).toBe(false)
    expect(await status()).toBe('DOWN')
  })

  it('leave their sub-ports where they are when the Docker Engine has the parent', async () => {
    const { face } = cloud.service
    const sub = await port(narrow)
    const { port_id } = await trunk([vlan(sub, 11)])
    await face.plugPort(cloud.ctx(), port_id, { netns: '/run/netns/d', ifname: 't_c670b2b43228e' })
    await cloud.settle()
    expect(cloud.engine.segment(network)?.ports.has(port_id)).toBe(true)
    expect(cloud.engine.segment(narrow)?.ports.has(sub)).toBe(false)
    const { port: seen } = await cloud.ask('demo', 'GET', `/ports/${sub}`)
    expect(seen.status).toBe('DOWN')
    await face.unplugPort(cloud.ctx(), port_id)
  })

  it('go with a parent that goes with its device', async () => {
    const { face } = cloud.service
    const ctx = cloud.ctxOf(projectIdOf('demo'))
    const made = await face.createPort(ctx, {
      networkId: network,
      name: '',
      deviceId: 'guest-2',
      deviceOwner: 'compute:nova',
      owned: true,
    })
    const sub = await port()
    const body = { trunk: { port_id: made.id, sub_ports: [vlan(sub, 4)] } }
    const { trunk: gone } = await cloud.ask('demo', 'POST', '/trunks', body)
    await face.releasePort(cloud.ctx(), made.id)
    await cloud.ask('demo', 'GET', `/trunks/${gone.id}`, undefined, 404)
    await cloud.ask('demo', 'DELETE', `/ports/${sub}`)
  })
})

describe('a request for sub-ports', () => {
  const [a, b] = ['a', 'b']
  it.each([
    ['no type', [{ port_id: a, segmentation_id: 3 }]],
    ['no id', [{ port_id: a, segmentation_type: 'vlan' }]],
    ['another type', [{ port_id: a, segmentation_type: 'vxlan', segmentation_id: 3 }]],
    ['no VLAN', [vlan(a, 4095)]],
    ['a port twice', [vlan(a, 3), vlan(a, 4)]],
    ['a VLAN twice', [vlan(a, 3), vlan(b, '3')]],
  ])('is refused with %s', (_what, asked) => {
    expect(() => planSubports(asked)).toThrow()
  })

  it('may leave the VLAN to the network', () => {
    const asked = [{ port_id: a, segmentation_type: 'inherit' }, vlan(b, '12')]
    expect(planSubports(asked)).toEqual([
      { portId: a, vlan: undefined },
      { portId: b, vlan: 12 },
    ])
  })
})
