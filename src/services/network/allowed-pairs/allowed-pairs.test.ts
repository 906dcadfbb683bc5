import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
let network: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  network = (await cloud.ask('demo', 'POST', '/networks', { network: {} })).network.id
  const subnet = { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' }
  await cloud.ask('demo', 'POST', '/subnets', { subnet })
})
afterAll(async () => await cloud.close())

async function port(more: object = {}) {
  return (await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network, ...more } }))
    .port
}

async function edit(id: string, verb: string, pairs: object[]) {
  const body = { port: { allowed_address_pairs: pairs } }
  const answer = await cloud.ask('demo', 'PUT', `/ports/${id}/${verb}_allowed_address_pairs`, body)
  return answer.port.allowed_address_pairs
}

describe('address pairs', () => {
  it('are added and removed one by one', async () => {
    const { id, mac_address } = await port()
    const [a, b] = [{ ip_address: '10.0.0.100' }, { ip_address: '10.0.1.0/24' }]
    await edit(id, 'add', [a])
    expect(await edit(id, 'add', [a, b])).toEqual([
      { ...a, mac_address },
      { ...b, mac_address },
    ])
    expect(await edit(id, 'remove', [a, { ip_address: '10.9.9.9' }])).toEqual([
      { ...b, mac_address },
    ])
    const stranger = { port: { allowed_address_pairs: [a] } }
    const path = `/ports/${id}/add_allowed_address_pairs`
    await cloud.ask('other', 'PUT', path, stranger, 404)
  })

  it('belong to the members of the port’s groups', async () => {
    const { face } = cloud.service
    const { id, security_groups } = await port()
    const group = security_groups[0] as string
    const device = { deviceId: 'guest', deviceOwner: 'compute:nova' }
    await face.claimPort(cloud.ctxOf(projectIdOf('demo')), id, device)
    await face.plugPort(cloud.ctx(), id, { netns: '/run/netns/p', ifname: 'eth0' })
    await edit(id, 'add', [{ ip_address: '10.0.0.200' }])
    await cloud.settle()
    const members = () => cloud.engine.segment(network)?.groups.get(group)?.members
    expect(members()).toContain('10.0.0.200')
    await cloud.ask('demo', 'PUT', `/ports/${id}`, { port: { allowed_address_pairs: [] } })
    await cloud.settle()
    expect(members()).not.toContain('10.0.0.200')
  })
})

describe('ports', () => {
  it('get another MAC when theirs is set to nothing', async () => {
    const { id, mac_address } = await port()
    const { port: changed } = await cloud.ask('demo', 'PUT', `/ports/${id}`, {
      port: { mac_address: null },
    })
    expect(changed.mac_address).toMatch(/^fa:16:3e:/)
    expect(changed.mac_address).not.toBe(mac_address)
  })

  it('show what watchers say of the data plane', async () => {
    const { id, data_plane_status } = await port()
    expect(data_plane_status).toBeNull()
    const down = { port: { data_plane_status: 'DOWN' } }
    await cloud.ask('demo', 'PUT', `/ports/${id}`, down, 403)
    await cloud.ask('admin', 'PUT', `/ports/${id}`, down)
    expect((await cloud.ask('demo', 'GET', `/ports/${id}`)).port.data_plane_status).toBe('DOWN')
    const odd = { port: { data_plane_status: 'UP' } }
    await cloud.ask('admin', 'PUT', `/ports/${id}`, odd, 400)
    await cloud.ask('admin', 'POST', '/ports', { port: { network_id: network, ...down.port } }, 400)
  })
})
