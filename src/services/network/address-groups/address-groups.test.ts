import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SecurityGroupSpec } from '../../../ports/network.ts'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { added, prefixesOf, removed } from './plan.ts'

let cloud: TestNetwork
let network: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  network = (await cloud.ask('demo', 'POST', '/networks', { network: {} })).network.id
  const subnet = { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' }
  await cloud.ask('demo', 'POST', '/subnets', { subnet })
})
afterAll(async () => await cloud.close())

async function group(addresses: string[], who: 'demo' | 'admin' = 'demo'): Promise<string> {
  const body = { address_group: { name: 'office', addresses } }
  return (await cloud.ask(who, 'POST', '/address-groups', body)).address_group.id
}

async function securityGroup(more: object = {}): Promise<string> {
  const body = { security_group: { name: 'g', ...more } }
  return (await cloud.ask('demo', 'POST', '/security-groups', body)).security_group.id
}

/** A guest in the group, plugged: the engine holds the group from then on. */
async function guestIn(groupId: string): Promise<string> {
  const { face } = cloud.service
  const { id } = await face.createPort(cloud.ctxOf(projectIdOf('demo')), {
    networkId: network,
    name: '',
    deviceId: groupId,
    deviceOwner: 'compute:nova',
    owned: true,
    securityGroupIds: [groupId],
  })
  await face.plugPort(cloud.ctx(), id, { netns: `/run/netns/${id}`, ifname: 'eth0' })
  return id
}

async function wired(groupId: string): Promise<SecurityGroupSpec | undefined> {
  await cloud.settle()
  return cloud.engine.segment(network)?.groups.get(groupId)
}

const ruleOf = (groupId: string, more: object) => ({
  security_group_rule: { security_group_id: groupId, direction: 'ingress', ...more },
})

async function refused(method: string, path: string, body: object | undefined, status: number) {
  return (await cloud.ask('demo', method, path, body, status)).NeutronError.type as string
}

describe('address groups', () => {
  it('are the remote side of rules, which follow them', async () => {
    const [id, sg] = [await group(['10.1.0.0/16', 'fd00::1/128']), await securityGroup()]
    await guestIn(sg)
    const wish = ruleOf(sg, { remote_address_group_id: id })
    const { security_group_rule: rule } = await cloud.ask(
      'demo',
      'POST',
      '/security-group-rules',
      wish,
    )
    expect(rule).toMatchObject({ remote_address_group_id: id, remote_group_id: null })
    const remote = async () => (await wired(sg))?.rules.find((one) => one.remoteMembers)
    expect((await remote())?.remoteMembers).toEqual(['10.1.0.0/16', 'fd00::1/128'])
    const more = { addresses: ['192.0.2.7', '10.1.2.0/24'] }
    await cloud.ask('demo', 'PUT', `/address-groups/${id}/add_addresses`, more)
    expect((await remote())?.remoteMembers).toEqual([
      '10.1.0.0/16',
      'fd00::1/128',
      '192.0.2.7/32',
      '10.1.2.0/24',
    ])
    const gone = { addresses: ['10.1.0.0/16'] }
    const left = await cloud.ask('demo', 'PUT', `/address-groups/${id}/remove_addresses`, gone)
    expect(left.address_group.addresses).toEqual(['fd00::1/128', '192.0.2.7/32', '10.1.2.0/24'])
    expect((await remote())?.remoteMembers).not.toContain('10.1.0.0/16')
    const path = `/address-groups/${id}`
    expect(await refused('DELETE', path, undefined, 409)).toBe('AddressGroupInUse')
    await cloud.ask('demo', 'DELETE', `/security-group-rules/${rule.id}`)
    await cloud.ask('demo', 'DELETE', path)
  })

  it('are one of several ways to name a remote side', async () => {
    const [id, sg] = [await group([]), await securityGroup()]
    const both = ruleOf(sg, { remote_address_group_id: id, remote_ip_prefix: '10.0.0.0/8' })
    const path = '/security-group-rules'
    expect(await refused('POST', path, both, 400)).toBe('SecurityGroupMultipleRemoteEntites')
    const none = { remote_address_group_id: '00000000-0000-4000-8000-000000000000' }
    expect(await refused('POST', path, ruleOf(sg, none), 404)).toBe('AddressGroupNotFound')
  })

  it('are shared by RBAC, and changed by their owner only', async () => {
    const id = await group(['10.0.0.0/8'], 'admin')
    const path = `/address-groups/${id}`
    await cloud.ask('demo', 'GET', path, undefined, 404)
    const { rbac_policy } = await cloud.ask('admin', 'POST', '/rbac-policies', {
      rbac_policy: {
        object_type: 'address_group',
        object_id: id,
        action: 'access_as_shared',
        target_tenant: projectIdOf('demo'),
      },
    })
    await cloud.ask('demo', 'GET', path)
    const name = { address_group: { name: 'n' } }
    expect(await refused('PUT', path, name, 404)).toBe('AddressGroupNotFound')
    const rule = ruleOf(await securityGroup(), { remote_address_group_id: id })
    await cloud.ask('demo', 'POST', '/security-group-rules', rule)
    await cloud.ask('admin', 'DELETE', `/rbac-policies/${rbac_policy.id}`, undefined, 409)
  })
})

describe('stateless groups', () => {
  it('are so from the start, or until somebody is in them', async () => {
    const sg = await securityGroup({ stateful: false })
    const port = await guestIn(sg)
    const spec = cloud.engine.segment(network)?.ports.get(port)?.spec.securityGroups[0]
    expect(spec).toMatchObject({ id: sg, stateful: false })
    await cloud.ask('demo', 'POST', '/security-group-rules', ruleOf(sg, { protocol: 'tcp' }))
    expect((await wired(sg))?.stateful).toBe(false)
    const on = { security_group: { stateful: true } }
    const path = `/security-groups/${sg}`
    expect(await refused('PUT', path, on, 409)).toBe('SecurityGroupInUse')
    await cloud.service.face.unplugPort(cloud.ctx(), port)
    await cloud.service.face.releasePort(cloud.ctx(), port)
    expect((await cloud.ask('demo', 'PUT', path, on)).security_group.stateful).toBe(true)
    expect(
      (await cloud.ask('demo', 'GET', '/security-groups?stateful=false')).security_groups,
    ).toEqual([])
  })
})

describe('lists of addresses', () => {
  it('are kept in canonical spelling, once each', () => {
    expect(prefixesOf(['192.168.0.10/24', '192.168.0.1/24', 'FD00::5/64'], false)).toEqual([
      '192.168.0.0/24',
      'fd00::/64',
    ])
    expect(() => prefixesOf(['10.0.0.1'], false)).toThrow('not a valid IP subnet')
    expect(prefixesOf(['10.0.0.1'], true)).toEqual(['10.0.0.1/32'])
    expect(() => prefixesOf(['office'], true)).toThrow('not a valid IP subnet')
  })

  it('grow by what is new and shrink by what is there', () => {
    expect(() => added('g', ['10.0.0.0/8'], ['10.0.0.0/8'])).toThrow('already exist')
    expect(() => removed('g', [], ['10.0.0.0/8'])).toThrow('not found')
  })
})
