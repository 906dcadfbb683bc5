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
})
afterAll(async () => await cloud.close())

/** What clients may rely on when they see an alias: lists that answer, and attributes of the core resources. */
const promises: Readonly<
  Record<string, { readonly lists?: readonly string[]; readonly shows?: Record<string, string[]> }>
> = {
  'address-group': { lists: ['/address-groups'] },
  'address-scope': {
    lists: ['/address-scopes'],
    shows: { networks: ['ipv4_address_scope', 'ipv6_address_scope'] },
  },
  agent: { lists: ['/agents'] },
  availability_zone: { lists: ['/availability_zones'] },
  'default-subnetpools': { shows: { subnetpools: ['is_default'] } },
  'expose-l3-conntrack-helper': { shows: { routers: ['conntrack_helpers'] } },
  'external-net': { shows: { networks: ['router:external'] } },
  flavors: { lists: ['/flavors', '/service_profiles'] },
  'floatingip-pools': { lists: ['/floatingip-pools', '/floatingip_pools'] },
  'l3-ext-ndp-proxy': { shows: { routers: ['enable_ndp_proxy'] } },
  'l3-flavors': { shows: { routers: ['flavor_id'] } },
  'l3-ndp-proxy': { lists: ['/ndp_proxies'] },
  metering: { lists: ['/metering/metering-labels', '/metering/metering-label-rules'] },
  'net-mtu': { shows: { networks: ['mtu'] } },
  'network-ip-availability': { lists: ['/network-ip-availabilities'] },
  network_availability_zone: {
    shows: { networks: ['availability_zones', 'availability_zone_hints'] },
  },
  'port-security': {
    shows: { networks: ['port_security_enabled'], ports: ['port_security_enabled'] },
  },
  provider: { shows: { networks: ['provider:network_type', 'provider:segmentation_id'] } },
  qos: { lists: ['/qos/policies', '/qos/rule-types'], shows: { networks: ['qos_policy_id'] } },
  quotas: { lists: ['/quotas'] },
  'rbac-policies': { lists: ['/rbac-policies'] },
  router: { lists: ['/routers', '/floatingips'] },
  router_availability_zone: { shows: { routers: ['availability_zones'] } },
  'security-group': {
    lists: ['/security-groups', '/security-group-rules'],
    shows: { ports: ['security_groups'] },
  },
  'service-type': { lists: ['/service-providers'] },
  'standard-attr-revisions': {
    shows: Object.fromEntries(
      ['networks', 'subnets', 'ports', 'routers', 'subnetpools'].map((kind) => [
        kind,
        ['revision_number'],
      ]),
    ),
  },
  'subnet-external-network': { shows: { subnets: ['router:external'] } },
  subnet_allocation: { lists: ['/subnetpools'], shows: { subnets: ['subnetpool_id'] } },
  'subnet-service-types': { shows: { subnets: ['service_types'] } },
  trunk: { lists: ['/trunks'] },
}

/** Nothing of these is here: who sees such an alias would send what nobody carries out. */
const notHere = {
  dvr: ['/routers', 'distributed'],
  'l3-ha': ['/routers', 'ha'],
  'vlan-transparent': ['/networks', 'vlan_transparent'],
  segment: ['/subnets', 'segment_id'],
} as const
const listsNotHere = {
  logging: '/log/logs',
  local_ip: '/local_ips',
  'network-segment-range': '/network_segment_ranges',
  segment: '/segments',
}

const aliases = async (): Promise<string[]> =>
  (await cloud.ask('demo', 'GET', '/extensions')).extensions.map(
    (extension: { alias: string }) => extension.alias,
  )

describe('what is advertised', () => {
  it('is named once, and each can be looked up', async () => {
    const all = await aliases()
    expect(new Set(all).size).toBe(all.length)
    expect(all).toEqual(all.toSorted((a, b) => a.localeCompare(b)))
    for (const alias of all) await cloud.ask('demo', 'GET', `/extensions/${alias}`)
    await cloud.ask('demo', 'GET', '/extensions/dvr', undefined, 404)
  })

  it('is there: lists answer, and resources have the attributes', async () => {
    const all = new Set(await aliases())
    for (const [alias, { lists = [], shows = {} }] of Object.entries(promises)) {
      expect(all, alias).toContain(alias)
      for (const path of lists) await cloud.ask('admin', 'GET', path)
      for (const [kind, attributes] of Object.entries(shows)) {
        const [one] = (await cloud.ask('admin', 'GET', `/${kind}`))[kind]
        for (const attribute of attributes)
          expect(one, `${alias} on ${kind}`).toHaveProperty([attribute])
      }
    }
  })

  it('is all there is: what is not advertised is not shown, and has no path', async () => {
    const all = new Set(await aliases())
    for (const [alias, [path, attribute]] of Object.entries(notHere)) {
      expect(all).not.toContain(alias)
      const [one] = (await cloud.ask('admin', 'GET', path))[path.slice(1)]
      expect(one).not.toHaveProperty([attribute])
    }
    for (const [alias, path] of Object.entries(listsNotHere)) {
      expect(all).not.toContain(alias)
      await cloud.ask('admin', 'GET', path, undefined, 404)
    }
  })
})
