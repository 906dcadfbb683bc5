import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { QosSpec } from '../../../ports/network.ts'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { requestOf } from './resource-request.ts'
import type { RuleTable } from './schema.ts'

let cloud: TestNetwork
let network: string
let outside: string
const demo = projectIdOf('demo')

beforeAll(async () => {
  cloud = await startTestNetwork()
  await cloud.service.bootstrap(cloud.ctx(), {
    floatingRange: '172.24.4.0/24',
    fixedRange: '10.0.0.0/24',
    demoProjectId: demo,
    adminProjectId: projectIdOf('admin'),
  })
  const { networks } = await cloud.ask('demo', 'GET', '/networks?sort_key=name')
  network = networks[0].id
  outside = networks[1].id
})
afterAll(async () => await cloud.close())

async function policy(more: object = { shared: true }): Promise<string> {
  return (await cloud.ask('admin', 'POST', '/qos/policies', { policy: { name: 'p', ...more } }))
    .policy.id
}

async function rule(policyId: string, type: string, body: object): Promise<string> {
  const path = `/qos/policies/${policyId}/${type}_rules`
  const answer = await cloud.ask('admin', 'POST', path, { [`${type}_rule`]: body })
  return answer[`${type}_rule`].id
}

async function plugged(): Promise<string> {
  const { id } = await cloud.service.face.createPort(cloud.ctxOf(demo), {
    networkId: network,
    name: '',
    deviceId: 'guest',
    deviceOwner: 'compute:nova',
    owned: true,
  })
  await cloud.service.face.plugPort(cloud.ctx(), id, { netns: '/run/netns/g', ifname: 'eth0' })
  return id
}

async function limitsOf(port: string): Promise<QosSpec | undefined> {
  await cloud.settle()
  return cloud.engine.segment(network)?.ports.get(port)?.spec.qos
}

const faultOf = async (method: string, path: string, body: object | undefined, status: number) =>
  (await cloud.ask('admin', method, path, body, status)).NeutronError.type as string

describe('policies', () => {
  it('are written by admins and used by whom they are shared with', async () => {
    const body = { policy: { name: 'mine' } }
    await cloud.ask('demo', 'POST', '/qos/policies', body, 403)
    const id = await policy({ description: 'd' })
    await cloud.ask('demo', 'GET', `/qos/policies/${id}`, undefined, 404)
    await cloud.ask('demo', 'PUT', `/qos/policies/${id}`, body, 404)
    await cloud.ask('admin', 'PUT', `/qos/policies/${id}`, { policy: { shared: true } })
    expect((await cloud.ask('demo', 'GET', `/qos/policies/${id}`)).policy).toMatchObject({
      description: 'd',
      shared: true,
      is_default: false,
      rules: [],
      tags: [],
    })
    await cloud.ask('demo', 'DELETE', `/qos/policies/${id}`, undefined, 403)
    await cloud.ask('demo', 'PUT', `/policies/${id}/tags`, { tags: ['a'] })
    expect((await cloud.ask('demo', 'GET', '/qos/policies?tags=a')).policies).toHaveLength(1)
  })

  it('are shared by RBAC, and stay so while others use them', async () => {
    const id = await policy({})
    const { rbac_policy } = await cloud.ask('admin', 'POST', '/rbac-policies', {
      rbac_policy: {
        object_type: 'qos_policy',
        object_id: id,
        action: 'access_as_shared',
        target_tenant: demo,
      },
    })
    const { network: own } = await cloud.ask('demo', 'POST', '/networks', {
      network: { qos_policy_id: id },
    })
    const share = `/rbac-policies/${rbac_policy.id}`
    expect(await faultOf('DELETE', share, undefined, 409)).toBe('RbacPolicyInUse')
    expect(await faultOf('DELETE', `/qos/policies/${id}`, undefined, 409)).toBe('QosPolicyInUse')
    await cloud.ask('demo', 'DELETE', `/networks/${own.id}`)
    await cloud.ask('admin', 'DELETE', share)
    await cloud.ask('admin', 'DELETE', `/qos/policies/${id}`)
  })

  it('may be a project’s default, once', async () => {
    const id = await policy({ is_default: true, project_id: projectIdOf('other') })
    const second = { policy: { name: 'q', is_default: true, project_id: projectIdOf('other') } }
    expect(await faultOf('POST', '/qos/policies', second, 409)).toBe(
      'QoSPolicyDefaultAlreadyExists',
    )
    const { network: made } = await cloud.ask('other', 'POST', '/networks', { network: {} })
    expect(made.qos_policy_id).toBe(id)
  })
})

describe('rules', () => {
  it.each([
    [
      'bandwidth_limit',
      { max_kbps: 10 },
      { max_burst_kbps: 0, direction: 'egress' },
      { max_kbps: 20 },
    ],
    ['dscp_marking', { dscp_mark: 26 }, {}, { dscp_mark: '0' }],
    ['minimum_bandwidth', { min_kbps: 10 }, { direction: 'egress' }, { direction: 'ingress' }],
    ['minimum_packet_rate', { min_kpps: 1, direction: 'any' }, {}, { min_kpps: 2 }],
  ])('of type %s live in their policy', async (type, body, rest, changes) => {
    const id = await policy()
    const made = await rule(id, type, body)
    const path = `/qos/policies/${id}/${type}_rules`
    expect(await cloud.ask('demo', 'GET', path)).toEqual({
      [`${type}_rules`]: [{ id: made, ...body, ...rest }],
    })
    const twin = { [`${type}_rule`]: body }
    expect(await faultOf('POST', path, twin, 409)).toBe('QoSRulesConflict')
    await cloud.ask('demo', 'PUT', `${path}/${made}`, { [`${type}_rule`]: changes }, 403)
    const alias = `/qos/alias_${type}_rules/${made}`
    const key = `alias_${type}_rule`
    const changed = (await cloud.ask('admin', 'PUT', alias, { [key]: changes }))[key]
    expect((await cloud.ask('demo', 'GET', `/qos/policies/${id}`)).policy.rules).toEqual([
      { ...changed, type, qos_policy_id: id },
    ])
    await cloud.ask('admin', 'DELETE', `${path}/${made}`)
    expect(await faultOf('GET', alias, undefined, 404)).toBe('QosRuleNotFound')
  })

  it('refuse what makes no sense', async () => {
    const id = await policy()
    const path = `/qos/policies/${id}`
    const dscp = { dscp_marking_rule: { dscp_mark: 58 } }
    await cloud.ask('admin', 'POST', `${path}/dscp_marking_rules`, dscp, 400)
    const nothing = { minimum_packet_rate_rule: { direction: 'egress' } }
    await cloud.ask('admin', 'POST', `${path}/minimum_packet_rate_rules`, nothing, 400)
    await rule(id, 'bandwidth_limit', { max_kbps: 100 })
    const more = { minimum_bandwidth_rule: { min_kbps: 200 } }
    expect(await faultOf('POST', `${path}/minimum_bandwidth_rules`, more, 409)).toBe(
      'QoSRuleParameterConflict',
    )
  })

  it('have types, with details for admins', async () => {
    const { rule_types } = await cloud.ask('demo', 'GET', '/qos/rule-types')
    expect(rule_types).toContainEqual({ type: 'dscp_marking' })
    await cloud.ask('demo', 'GET', '/qos/rule-types/dscp_marking', undefined, 403)
    const { rule_type } = await cloud.ask('admin', 'GET', '/qos/rule-types/dscp_marking')
    expect(rule_type.drivers[0].supported_parameters[0].parameter_values).toContain(46)
    await cloud.ask('admin', 'GET', '/qos/rule-types/speed', undefined, 404)
  })
})

describe('what is under a policy', () => {
  it('hears of its rules: a port by itself, before its network', async () => {
    const [ofNetwork, ofPort] = [await policy(), await policy()]
    await rule(ofNetwork, 'bandwidth_limit', { max_kbps: 500, max_burst_kbps: 50 })
    const port = await plugged()
    expect(await limitsOf(port)).toBeUndefined()
    await cloud.ask('demo', 'PUT', `/networks/${network}`, {
      network: { qos_policy_id: ofNetwork },
    })
    expect(await limitsOf(port)).toEqual({ egress: { kbps: 500, burstKbits: 50 } })
    expect((await cloud.ask('demo', 'GET', `/ports/${port}`)).port).toMatchObject({
      qos_policy_id: null,
      qos_network_policy_id: ofNetwork,
    })
    await cloud.ask('demo', 'PUT', `/ports/${port}`, { port: { qos_policy_id: ofPort } })
    expect(await limitsOf(port)).toBeUndefined()
    await rule(ofPort, 'bandwidth_limit', { max_kbps: 700, direction: 'ingress' })
    await rule(ofPort, 'dscp_marking', { dscp_mark: 10 })
    expect(await limitsOf(port)).toEqual({ ingress: { kbps: 700 }, dscp: 10 })
    await cloud.ask('demo', 'PUT', `/ports/${port}`, { port: { qos_policy_id: null } })
    await cloud.ask('demo', 'PUT', `/networks/${network}`, { network: { qos_policy_id: null } })
    expect(await limitsOf(port)).toBeUndefined()
  })

  it('is freed by those only who may see the policy', async () => {
    const id = await policy({})
    const path = `/networks/${network}`
    await cloud.ask('admin', 'PUT', path, { network: { qos_policy_id: id } })
    await cloud.ask('demo', 'PUT', path, { network: { qos_policy_id: null } }, 403)
    await cloud.ask('admin', 'PUT', path, { network: { qos_policy_id: null } })
    await cloud.ask('demo', 'PUT', path, { network: { qos_policy_id: id } }, 404)
  })

  it('may be a floating address or a gateway', async () => {
    const [id, imposed] = [await policy(), await policy({})]
    await rule(id, 'bandwidth_limit', { max_kbps: 900 })
    await rule(imposed, 'bandwidth_limit', { max_kbps: 100, direction: 'ingress' })
    const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network } })
    const { floatingip } = await cloud.ask('demo', 'POST', '/floatingips', {
      floatingip: { floating_network_id: outside, port_id: port.id, qos_policy_id: id },
    })
    expect(floatingip).toMatchObject({ qos_policy_id: id, qos_network_policy_id: null })
    const { routers } = await cloud.ask('demo', 'GET', '/routers')
    const router = routers[0].id as string
    const out = { network_id: outside, qos_policy_id: imposed }
    const { router: changed } = await cloud.ask('admin', 'PUT', `/routers/${router}`, {
      router: { external_gateway_info: out },
    })
    expect(changed.external_gateway_info).toMatchObject(out)
    await cloud.settle()
    expect(cloud.engine.router(router)).toMatchObject({
      external: { qos: { ingress: { kbps: 100 } } },
      floatingIps: [{ floating: floatingip.floating_ip_address, qos: { egress: { kbps: 900 } } }],
    })
    await cloud.ask('demo', 'PUT', `/floatingips/${floatingip.id}`, {
      floatingip: { qos_policy_id: null },
    })
    await cloud.ask('admin', 'PUT', `/networks/${outside}`, { network: { qos_policy_id: imposed } })
    await cloud.settle()
    expect(cloud.engine.router(router)?.floatingIps[0]?.qos).toEqual({ ingress: { kbps: 100 } })
  })

  it('is promised a minimum on physical networks only, which schedulers see', async () => {
    const id = await policy()
    await rule(id, 'minimum_bandwidth', { min_kbps: 10 })
    const asked = { port: { network_id: network, qos_policy_id: id } }
    expect(await faultOf('POST', '/ports', asked, 409)).toBe('QosRuleNotSupported')
    const { network: flat } = await cloud.ask('admin', 'POST', '/networks', {
      network: { 'provider:network_type': 'flat', 'provider:physical_network': 'phys-1' },
    })
    const { port } = await cloud.ask('admin', 'POST', '/ports', {
      port: { network_id: flat.id, qos_policy_id: id },
    })
    expect(port.resource_request.request_groups).toMatchObject([
      {
        required: ['CUSTOM_PHYSNET_PHYS_1', 'CUSTOM_VNIC_TYPE_NORMAL'],
        resources: { NET_BW_EGR_KILOBIT_PER_SEC: 10 },
      },
    ])
  })
})

it('a request without promises is none', () => {
  const limit = { type: 'bandwidth_limit', rate: 1, direction: 'egress' } as RuleTable // the rest is not looked at
  expect(requestOf({ id: 'p', vnic_type: 'normal' }, [limit], undefined)).toBeNull()
})
