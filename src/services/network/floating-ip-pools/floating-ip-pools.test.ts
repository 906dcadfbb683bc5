import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => void (cloud = await startTestNetwork()))
afterAll(async () => await cloud.close())

const external = async (name: string): Promise<string> =>
  (
    await cloud.ask('admin', 'POST', '/networks', {
      network: { name, 'router:external': true },
    })
  ).network.id

describe('floating IP pools', () => {
  it('are the IPv4 subnets of external networks, for everybody', async () => {
    const id = await external('out')
    const subnets: string[] = []
    for (const [name, cidr] of [
      ['one', '198.51.100.0/26'],
      ['two', '198.51.100.64/26'],
      ['six', '2001:db8::/64'],
    ] as const) {
      const made = await cloud.ask('admin', 'POST', '/subnets', {
        subnet: { network_id: id, name, cidr, ip_version: cidr.includes(':') ? 6 : 4 },
      })
      subnets.push(made.subnet.id)
      expect(made.subnet['router:external']).toBe(true)
    }
    const { floatingip_pools: pools } = await cloud.ask('demo', 'GET', '/floatingip-pools')
    expect(pools.map((pool: { subnet_name: string }) => pool.subnet_name).toSorted()).toEqual([
      'one',
      'two',
    ])
    const second = await cloud.ask(
      'demo',
      'GET',
      `/floatingip_pools?subnet_id=${subnets[1]}&fields=cidr`,
    )
    expect(second.floatingip_pools).toEqual([{ cidr: '198.51.100.64/26' }])
    await cloud.ask('demo', 'GET', '/floatingip_pools?colour=red', undefined, 400)
  })

  it('give their unused addresses back when the network is external no more', async () => {
    const id = await external('once')
    await cloud.ask('admin', 'POST', '/subnets', {
      subnet: { network_id: id, cidr: '203.0.113.0/24', ip_version: 4 },
    })
    const { floatingip } = await cloud.ask('demo', 'POST', '/floatingips', {
      floatingip: { floating_network_id: id },
    })
    await cloud.ask('admin', 'PUT', `/networks/${id}`, { network: { 'router:external': false } })
    await cloud.ask('demo', 'GET', `/floatingips/${floatingip.id}`, undefined, 404)
    expect((await cloud.ask('admin', 'GET', `/ports?network_id=${id}`)).ports).toEqual([])
  })
})
