import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

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

const agentId = async (type: string): Promise<string> => {
  const { agents } = await cloud.ask('admin', 'GET', `/agents?agent_type=${type}`)
  expect(agents).toHaveLength(1)
  return agents[0].id
}
const routerId = async (): Promise<string> =>
  (await cloud.ask('admin', 'GET', '/routers')).routers[0].id

describe('agents', () => {
  it('are listed for admins, filtered, sorted and paged', async () => {
    expect((await cloud.ask('demo', 'GET', '/agents')).agents).toEqual([])
    const types = async (query: string): Promise<string[]> =>
      (await cloud.ask('admin', 'GET', `/agents?fields=agent_type${query}`)).agents.map(
        (agent: { agent_type: string }) => agent.agent_type,
      )
    expect(await types('&sort_key=agent_type&sort_dir=desc')).toEqual([
      'Metadata agent',
      'L3 agent',
      'DHCP agent',
    ])
    expect(await types('&binary=stackyard&alive=True&agent_type=L3 agent')).toEqual(['L3 agent'])
    const first = await agentId('DHCP agent')
    expect(await types(`&sort_key=agent_type&limit=1&marker=${first}`)).toEqual(['L3 agent'])
    await cloud.ask('admin', 'GET', '/agents?colour=red', undefined, 400)
  })

  it('keep a description, and what was said before', async () => {
    const id = await agentId('Metadata agent')
    await cloud.ask('admin', 'PUT', `/agents/${id}`, { agent: { description: 'answers guests' } })
    const { agent } = await cloud.ask('admin', 'PUT', `/agents/${id}`, {
      agent: { admin_state_up: true },
    })
    expect(agent).toMatchObject({ description: 'answers guests', admin_state_up: true })
    await cloud.ask('demo', 'PUT', `/agents/${id}`, { agent: { description: 'x' } }, 403)
    await cloud.ask('admin', 'DELETE', `/agents/${id}`, undefined, 409)
  })

  it('switched off, carry out no router; switched on, carry it out again', async () => {
    const [id, router] = [await agentId('L3 agent'), await routerId()]
    await cloud.ask('admin', 'PUT', `/agents/${id}`, { agent: { admin_state_up: 'False' } })
    await cloud.settle()
    expect(cloud.engine.router(router)).toBeUndefined()
    await cloud.ask('admin', 'PUT', `/agents/${id}`, { agent: { admin_state_up: true } })
    await cloud.settle()
    expect(cloud.engine.router(router)?.id).toBe(router)
  })
})

describe('schedulers', () => {
  it('take a router off its agent and put it on again, truly', async () => {
    const [id, router] = [await agentId('L3 agent'), await routerId()]
    const hosts = async (): Promise<unknown[]> =>
      (await cloud.ask('admin', 'GET', `/routers/${router}/l3-agents`)).agents
    expect(await hosts()).toMatchObject([{ id, agent_type: 'L3 agent' }])
    await cloud.ask('admin', 'DELETE', `/agents/${id}/l3-routers/${router}`)
    await cloud.settle()
    expect(await hosts()).toEqual([])
    expect((await cloud.ask('admin', 'GET', `/agents/${id}/l3-routers`)).routers).toEqual([])
    expect(cloud.engine.router(router)).toBeUndefined()
    const port = await cloud.ask('admin', 'GET', `/ports?device_id=${router}&fields=status`)
    expect(port.ports).toEqual([{ status: 'DOWN' }, { status: 'DOWN' }])
    await cloud.ask('admin', 'DELETE', `/agents/${id}/l3-routers/${router}`, undefined, 409)
    await cloud.ask('admin', 'POST', `/agents/${id}/l3-routers`, { router_id: router })
    await cloud.ask('admin', 'POST', `/agents/${id}/l3-routers`, { router_id: router }, 409)
    await cloud.settle()
    expect(cloud.engine.router(router)?.interfaces).toHaveLength(1)
    expect((await cloud.ask('admin', 'GET', `/agents/${id}/l3-routers`)).routers).toMatchObject([
      { id: router },
    ])
  })

  it('know which agent is meant, and who may ask', async () => {
    const [dhcp, l3] = [await agentId('DHCP agent'), await agentId('L3 agent')]
    const { networks } = await cloud.ask('demo', 'GET', '/networks?name=private')
    const network = networks[0].id
    await cloud.ask('admin', 'DELETE', `/agents/${l3}/dhcp-networks/${network}`, undefined, 404)
    await cloud.ask('demo', 'GET', `/networks/${network}/dhcp-agents`, undefined, 403)
    await cloud.ask('admin', 'DELETE', `/agents/${dhcp}/dhcp-networks/${network}`)
    const served = async (): Promise<string[]> =>
      (await cloud.ask('admin', 'GET', `/agents/${dhcp}/dhcp-networks`)).networks.map(
        (one: { name: string }) => one.name,
      )
    expect(await served()).toEqual(['public'])
    await cloud.ask('admin', 'POST', `/agents/${dhcp}/dhcp-networks`, { network_id: network })
    expect((await served()).toSorted()).toEqual(['private', 'public'])
    const { agents } = await cloud.ask('admin', 'GET', `/networks/${network}/dhcp-agents`)
    expect(agents).toMatchObject([{ id: dhcp }])
  })

  it('take a network off its DHCP agent, or switch that off: nobody gets a lease', async () => {
    const dhcp = await agentId('DHCP agent')
    const { networks } = await cloud.ask('demo', 'GET', '/networks?name=private')
    const network = networks[0].id
    const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network } })
    await cloud.service.face.plugPort(cloud.ctx(), port.id, { netns: '/run/n', ifname: 'eth0' })
    await cloud.settle()
    const leased = async (): Promise<string | undefined> =>
      (await cloud.engine.askLease(network, { mac: port.mac_address }))?.address
    const address = port.fixed_ips[0].ip_address
    expect(await leased()).toBe(address)
    await cloud.ask('admin', 'DELETE', `/agents/${dhcp}/dhcp-networks/${network}`)
    expect(await leased()).toBeUndefined()
    await cloud.ask('admin', 'POST', `/agents/${dhcp}/dhcp-networks`, { network_id: network })
    expect(await leased()).toBe(address)
    await cloud.ask('admin', 'PUT', `/agents/${dhcp}`, { agent: { admin_state_up: false } })
    expect(await leased()).toBeUndefined()
    await cloud.ask('admin', 'PUT', `/agents/${dhcp}`, { agent: { admin_state_up: true } })
    expect(await leased()).toBe(address)
  })
})
