import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from './test-network.ts'

let cloud: TestNetwork
beforeAll(async () => {
  cloud = await startTestNetwork()
})
afterAll(async () => await cloud.close())

describe('security groups', () => {
  it('begin with one that lets its members talk', async () => {
    const { security_groups: groups } = await cloud.ask('demo', 'GET', '/security-groups')
    expect(groups).toHaveLength(1)
    expect(groups[0]).toMatchObject({ name: 'default', shared: false })
    expect(
      groups[0].security_group_rules
        .map((rule: { direction: string; ethertype: string; remote_group_id: string | null }) => [
          rule.direction,
          rule.ethertype,
          rule.remote_group_id,
        ])
        .toSorted(),
    ).toEqual([
      ['egress', 'IPv4', null],
      ['egress', 'IPv6', null],
      ['ingress', 'IPv4', groups[0].id],
      ['ingress', 'IPv6', groups[0].id],
    ])
    await cloud.ask('demo', 'DELETE', `/security-groups/${groups[0].id}`, undefined, 409)
    await cloud.ask(
      'demo',
      'POST',
      '/security-groups',
      { security_group: { name: 'default' } },
      409,
    )
  })

  it('take rules that make sense, each once', async () => {
    const { security_group: group } = await cloud.ask('demo', 'POST', '/security-groups', {
      security_group: { name: 'web' },
    })
    const rule = async (
      more: object,
      status = 201,
    ): Promise<{ NeutronError: { type: string } } & Record<string, never>> =>
      await cloud.ask(
        'demo',
        'POST',
        '/security-group-rules',
        { security_group_rule: { security_group_id: group.id, direction: 'ingress', ...more } },
        status,
      )
    const web = await rule({
      protocol: 'tcp',
      port_range_min: 80,
      port_range_max: 80,
      remote_ip_prefix: '10.0.0.9/8',
    })
    expect(web).toMatchObject({
      security_group_rule: {
        protocol: 'tcp',
        remote_ip_prefix: '10.0.0.9/8',
        normalized_cidr: '10.0.0.0/8',
        ethertype: 'IPv4',
      },
    })
    const refused: readonly (readonly [object, number, string])[] = [
      [
        { protocol: '6', port_range_min: 80, port_range_max: 80, remote_ip_prefix: '10.0.0.0/8' },
        409,
        'SecurityGroupRuleExists',
      ],
      [
        { protocol: 'tcp', port_range_min: 90, port_range_max: 80 },
        400,
        'SecurityGroupInvalidPortRange',
      ],
      [
        { protocol: 'tcp', port_range_min: 0, port_range_max: 80 },
        400,
        'SecurityGroupInvalidPortValue',
      ],
      [{ port_range_min: 80, port_range_max: 80 }, 400, 'SecurityGroupProtocolRequiredWithPorts'],
      [{ protocol: 'bad' }, 400, 'SecurityGroupRuleInvalidProtocol'],
      [{ ethertype: 'IPv5' }, 400, 'SecurityGroupRuleInvalidEtherType'],
      [{ protocol: 'icmp', port_range_max: 3 }, 400, 'SecurityGroupMissingIcmpType'],
      [{ protocol: 'icmp', port_range_min: 256 }, 400, 'SecurityGroupInvalidIcmpValue'],
      [
        { ethertype: 'IPv6', remote_ip_prefix: '10.0.0.0/8' },
        400,
        'SecurityGroupRuleParameterConflict',
      ],
      [
        { remote_ip_prefix: '10.0.0.0/8', remote_group_id: group.id },
        400,
        'SecurityGroupRemoteGroupAndRemoteIpPrefix',
      ],
      [{ remote_group_id: '00000000-0000-4000-8000-000000000000' }, 404, 'SecurityGroupNotFound'],
    ]
    for (const [body, status, type] of refused)
      expect((await rule(body, status)).NeutronError.type).toBe(type)
  })
})

describe('quotas', () => {
  it('are kept, and counted', async () => {
    const project = projectIdOf('other')
    await cloud.ask('other', 'PUT', `/quotas/${project}`, { quota: { network: 1 } }, 403)
    expect(
      (await cloud.ask('admin', 'PUT', `/quotas/${project}`, { quota: { network: 1 } })).quota,
    ).toMatchObject({ network: 1, subnet: 100 })
    await cloud.ask('other', 'POST', '/networks', { network: {} })
    expect(
      (await cloud.ask('other', 'POST', '/networks', { network: {} }, 409)).NeutronError,
    ).toMatchObject({ type: 'OverQuota', message: "Quota exceeded for resources: ['network']." })
    expect(
      (await cloud.ask('other', 'GET', `/quotas/${project}/details.json`)).quota.network,
    ).toEqual({ limit: 1, used: 1, reserved: 0 })
    await cloud.ask('other', 'GET', `/quotas/${projectIdOf('demo')}`, undefined, 403)
    await cloud.ask('admin', 'PUT', `/quotas/${project}`, { quota: { spaceships: 1 } }, 400)
    await cloud.ask('admin', 'DELETE', `/quotas/${project}`)
    expect((await cloud.ask('other', 'GET', `/quotas/${project}`)).quota.network).toBe(100)
  })
})

describe('sharing', () => {
  it('opens a network to one project, and stays while that uses it', async () => {
    const { network } = await cloud.ask('demo', 'POST', '/networks', { network: { name: 'ours' } })
    const { subnet } = await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '10.20.0.0/24' },
    })
    const share = {
      object_type: 'network',
      object_id: network.id,
      action: 'access_as_shared',
      target_tenant: projectIdOf('other'),
    }
    await cloud.ask(
      'other',
      'POST',
      '/rbac-policies',
      { rbac_policy: { ...share, target_tenant: projectIdOf('other') } },
      400,
    )
    await cloud.ask(
      'demo',
      'POST',
      '/rbac-policies',
      { rbac_policy: { ...share, target_tenant: '*' } },
      403,
    )
    const { rbac_policy: policy } = await cloud.ask('demo', 'POST', '/rbac-policies', {
      rbac_policy: share,
    })
    expect((await cloud.ask('other', 'GET', `/networks/${network.id}`)).network.shared).toBe(true)
    expect(
      (await cloud.ask('other', 'GET', '/subnets')).subnets.map(({ id }: { id: string }) => id),
    ).toEqual([subnet.id])
    await cloud.ask('other', 'PUT', `/networks/${network.id}`, { network: { name: 'mine' } }, 403)
    await cloud.ask(
      'other',
      'POST',
      '/ports',
      { port: { network_id: network.id, mac_address: 'fa:16:3e:aa:bb:cc' } },
      403,
    )
    const { port } = await cloud.ask('other', 'POST', '/ports', {
      port: { network_id: network.id },
    })
    expect(
      (await cloud.ask('demo', 'DELETE', `/rbac-policies/${policy.id}`, undefined, 409))
        .NeutronError.type,
    ).toBe('RbacPolicyInUse')
    // the network's owner may tidy up
    await cloud.ask('demo', 'DELETE', `/ports/${port.id}`)
    await cloud.ask('demo', 'DELETE', `/rbac-policies/${policy.id}`)
    await cloud.ask('other', 'GET', `/networks/${network.id}`, undefined, 404)
  })
})

describe('subnet pools', () => {
  it('give out prefixes that never overlap', async () => {
    const { subnetpool: pool } = await cloud.ask('demo', 'POST', '/subnetpools', {
      subnetpool: {
        name: 'p',
        prefixes: ['10.30.0.0/16'],
        default_prefixlen: 24,
        min_prefixlen: 20,
      },
    })
    const { network } = await cloud.ask('demo', 'POST', '/networks', { network: {} })
    const take = async (more: object, status = 201): Promise<{ subnet: { cidr: string } }> =>
      await cloud.ask(
        'demo',
        'POST',
        '/subnets',
        { subnet: { network_id: network.id, ip_version: 4, subnetpool_id: pool.id, ...more } },
        status,
      )
    expect((await take({})).subnet.cidr).toBe('10.30.0.0/24')
    expect((await take({ prefixlen: 20 })).subnet.cidr).toBe('10.30.16.0/20')
    expect((await take({ cidr: '10.30.1.0/24' })).subnet.cidr).toBe('10.30.1.0/24')
    expect((await take({})).subnet.cidr).toBe('10.30.2.0/24')
    await take({ prefixlen: 16 }, 400)
    await cloud.ask('demo', 'DELETE', `/subnetpools/${pool.id}`, undefined, 400)
    await cloud.ask(
      'demo',
      'PUT',
      `/subnetpools/${pool.id}/remove_prefixes`,
      { prefixes: ['10.30.0.0/16'] },
      400,
    )
    expect(
      (
        await cloud.ask('demo', 'PUT', `/subnetpools/${pool.id}/add_prefixes`, {
          prefixes: ['10.31.0.0/16'],
        })
      ).prefixes,
    ).toEqual(['10.30.0.0/15'])
  })
})
