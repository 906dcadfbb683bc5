import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectIdOf } from '../../../kernel/testkit/test-app.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

let cloud: TestNetwork
beforeAll(async () => void (cloud = await startTestNetwork()))
afterAll(async () => await cloud.close())

const poolOf = async (prefixes: string[], more: object = {}): Promise<string> =>
  (
    await cloud.ask('demo', 'POST', '/subnetpools', {
      subnetpool: { name: 'pool', prefixes, default_prefixlen: 24, ...more },
    })
  ).subnetpool.id

const networkWith = async (...cidrs: string[]): Promise<string> => {
  const { network } = await cloud.ask('demo', 'POST', '/networks', { network: { name: 'n' } })
  for (const cidr of cidrs)
    await cloud.ask('demo', 'POST', '/subnets', {
      subnet: { network_id: network.id, cidr, ip_version: cidr.includes(':') ? 6 : 4 },
    })
  return network.id
}

describe('onboarding of subnets', () => {
  it('makes them part of a pool, which gives their addresses to nobody else', async () => {
    const network = await networkWith('10.20.1.0/24', 'fd00:20::/64')
    const pool = await poolOf(['10.20.0.0/24'])
    const path = `/subnetpools/${pool}/onboard_network_subnets`
    const joined = await cloud.ask('demo', 'PUT', path, { network_id: network })
    expect(joined).toMatchObject([{ cidr: '10.20.1.0/24' }])
    const { subnetpool } = await cloud.ask('demo', 'GET', `/subnetpools/${pool}`)
    expect(subnetpool.prefixes).toEqual(['10.20.0.0/23'])
    const { subnets } = await cloud.ask('demo', 'GET', `/subnets?subnetpool_id=${pool}`)
    expect(subnets).toMatchObject([{ id: joined[0].id }])
    const taken = {
      subnet: { network_id: await networkWith(), ip_version: 4, subnetpool_id: pool },
    }
    expect((await cloud.ask('demo', 'POST', '/subnets', taken)).subnet.cidr).toBe('10.20.0.0/24')
    const more = { subnet: { ...taken.subnet, network_id: await networkWith() } }
    await cloud.ask('demo', 'POST', '/subnets', more, 409)
    await cloud.ask('demo', 'PUT', path, { network_id: network }, 400)
    await cloud.ask('demo', 'DELETE', `/subnetpools/${pool}`, undefined, 400)
  })

  it('is refused for what overlaps, for nothing, and for segments', async () => {
    const pool = await poolOf(['10.21.0.0/16'])
    await cloud.ask('demo', 'POST', '/subnets', {
      subnet: {
        network_id: await networkWith(),
        ip_version: 4,
        subnetpool_id: pool,
        cidr: '10.21.5.0/24',
      },
    })
    const path = `/subnetpools/${pool}/onboard_network_subnets`
    await cloud.ask('demo', 'PUT', path, { network_id: await networkWith('10.21.5.0/25') }, 400)
    await cloud.ask('demo', 'PUT', path, { network_id: await networkWith('fd00:21::/64') }, 400)
    const segment = {
      subnet: {
        network_id: await networkWith(),
        ip_version: 4,
        cidr: '10.22.0.0/24',
        segment_id: '5a1bd2f0-8f4e-4f2f-9b0e-2f6f0c5f7d11',
      },
    }
    await cloud.ask('demo', 'POST', '/subnets', segment, 400)
  })
})

describe('a pool in an address scope', () => {
  it('is shared only with those who may use the scope', async () => {
    const { address_scope: scope } = await cloud.ask('admin', 'POST', '/address-scopes', {
      address_scope: { name: 'scope', ip_version: 4 },
    })
    const share = (type: string, id: string, target: string): object => ({
      rbac_policy: {
        object_type: type,
        object_id: id,
        action: 'access_as_shared',
        target_tenant: target,
      },
    })
    await cloud.ask(
      'admin',
      'POST',
      '/rbac-policies',
      share('address_scope', scope.id, projectIdOf('demo')),
    )
    const pool = await poolOf(['10.23.0.0/16'], { address_scope_id: scope.id })
    const other = share('subnetpool', pool, projectIdOf('other'))
    await cloud.ask('demo', 'POST', '/rbac-policies', other, 400)
    await cloud.ask(
      'admin',
      'POST',
      '/rbac-policies',
      share('address_scope', scope.id, projectIdOf('other')),
    )
    const revision = async (): Promise<number> =>
      (await cloud.ask('demo', 'GET', `/subnetpools/${pool}`)).subnetpool.revision_number
    const before = await revision()
    await cloud.ask('demo', 'POST', '/rbac-policies', other)
    expect(await revision()).toBe(before + 1)
  })

  it('of somebody else is changed by those who own the scope', async () => {
    const { address_scope: scope } = await cloud.ask('admin', 'POST', '/address-scopes', {
      address_scope: { name: 'scope', ip_version: 4, shared: true },
    })
    const pool = await poolOf(['10.24.0.0/16'], { address_scope_id: scope.id })
    const grown = { subnetpool: { prefixes: ['10.24.0.0/16', '10.25.0.0/16'] } }
    await cloud.ask('demo', 'PUT', `/subnetpools/${pool}`, grown, 400)
    const more = { prefixes: ['10.26.0.0/16'] }
    await cloud.ask('demo', 'PUT', `/subnetpools/${pool}/add_prefixes`, more, 400)
    await cloud.ask('admin', 'PUT', `/subnetpools/${pool}`, grown)
  })
})

describe('the prefixes of a pool', () => {
  it('are the fewest that hold the same, and lose what is removed', async () => {
    const pool = await poolOf(['10.30.1.0/24', '10.30.0.0/24'])
    const prefixes = async (): Promise<string[]> =>
      (await cloud.ask('demo', 'GET', `/subnetpools/${pool}`)).subnetpool.prefixes
    expect(await prefixes()).toEqual(['10.30.0.0/23'])
    const path = `/subnetpools/${pool}`
    await cloud.ask('demo', 'PUT', `${path}/add_prefixes`, { prefixes: ['10.30.2.0/23'] })
    expect(await prefixes()).toEqual(['10.30.0.0/22'])
    await cloud.ask('demo', 'PUT', `${path}/remove_prefixes`, { prefixes: ['10.30.0.0/24'] })
    expect(await prefixes()).toEqual(['10.30.1.0/24', '10.30.2.0/23'])
  })
})

describe('quotas with check_limit', () => {
  it('are not set below what is used, unless forced', async () => {
    await networkWith()
    const path = `/quotas/${projectIdOf('demo')}`
    const set = (quota: object): [string, string, object] => ['PUT', path, { quota }]
    await cloud.ask('admin', ...set({ network: 0, check_limit: true }), 400)
    await cloud.ask('admin', ...set({ network: -1, check_limit: true }))
    await cloud.ask('admin', ...set({ network: 0, check_limit: true, force: true }))
    expect((await cloud.ask('admin', 'GET', path)).quota.network).toBe(0)
  })

  it('count the rules that a new group begins with', async () => {
    await cloud.ask('admin', 'PUT', `/quotas/${projectIdOf('other')}`, {
      quota: { security_group_rule: 5 },
    })
    const group = { security_group: { name: 'g' } }
    await cloud.ask('other', 'POST', '/security-groups', group, 409)
    await cloud.ask('admin', 'PUT', `/quotas/${projectIdOf('other')}`, {
      quota: { security_group_rule: 6 },
    })
    await cloud.ask('other', 'POST', '/security-groups', group)
  })
})
