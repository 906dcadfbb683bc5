import { describe, expect, it } from 'vitest'
import { legSpec, routerSpec } from '../../ports/contract/network-specs.ts'
import type { RouterSpec } from '../../ports/network.ts'
import type { LinkFact } from './link-facts.ts'
import { aliasOf, planRouter, routerDrift, wantedLegs } from './router-plan.ts'
import { tablesText } from './nft-tables.ts'
import { routerTables } from './router-rules.ts'

const network = '5a11b0de-0000-4000-8000-000000000001'
const external = {
  networkId: '5a11b0de-0000-4000-8000-000000000002',
  mac: 'fa:16:3e:00:00:99',
  gateways: ['203.0.113.1'],
  snat: true,
  addresses: [{ address: '203.0.113.10', prefix: 24 }],
}
const floatingIps = [{ id: 'f', floating: '203.0.113.101', fixed: '10.0.0.5' }]
const full = routerSpec({
  interfaces: [legSpec(network, '10.0.0.1')],
  external,
  floatingIps,
  routes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
})

/** What `ip` would show when all is as the spec wants it. */
const settled = (spec: RouterSpec): LinkFact[] =>
  wantedLegs(spec).map((leg, at) => ({
    ifname: leg.name,
    ifindex: at + 2,
    peerIndex: at + 9,
    mac: leg.mac,
    mtu: 1400,
    up: true,
    speaks: true,
    master: undefined,
    alias: aliasOf(leg),
    addresses: leg.addresses,
  }))
const routes = [
  { destination: '10.0.0.0/24', via: undefined, dev: 'qr', byKernel: true },
  { destination: '192.0.2.0/24', via: '10.0.0.9', dev: 'qr', byKernel: false },
  { destination: 'default', via: '203.0.113.1', dev: 'qg', byKernel: false },
]

describe('the plan of a router', () => {
  it('makes all legs of a new one', () => {
    const plan = planRouter(full, { links: [], routes: [] })
    expect(plan.addLegs.map((leg) => leg.in.kind)).toEqual(['network', 'external'])
    expect(plan.newOutside).toEqual(['203.0.113.10', '203.0.113.101'])
    expect(plan.lines.at(-1)).toBe('route replace default via 203.0.113.1')
  })

  it('has nothing to do but name its routes when all is there', () => {
    const plan = planRouter(full, { links: settled(full), routes })
    expect({
      ...plan,
      lines: plan.lines.filter((line) => !line.startsWith('route replace')),
    }).toEqual({
      removeLegs: [],
      addLegs: [],
      lines: [],
      newOutside: [],
    })
  })

  it('takes away what is no longer wanted', () => {
    const plan = planRouter(
      { ...full, floatingIps: [], interfaces: [], routes: [] },
      { links: settled(full), routes },
    )
    expect(plan.removeLegs).toEqual([wantedLegs(full)[0]?.name])
    expect(plan.lines).toContain(`addr del 203.0.113.101/32 dev ${wantedLegs(full)[1]?.name}`)
    expect(plan.lines).toContain('route del 192.0.2.0/24 via 10.0.0.9')
  })

  it('makes a leg anew that has another MAC or leads elsewhere', () => {
    const [leg, gateway] = settled(full)
    if (leg === undefined || gateway === undefined) throw new Error('a full router has two legs')
    const moved = [
      { ...leg, mac: 'fa:16:3e:99:99:99' },
      { ...gateway, alias: 'external elsewhere' },
    ]
    const plan = planRouter(full, { links: moved, routes })
    expect(plan.removeLegs).toEqual(plan.addLegs.map((each) => each.name))
    expect(plan.newOutside).toHaveLength(2)
  })

  it('prefers a default route of its own to the gateway', () => {
    const own = { ...full, routes: [{ destination: '0.0.0.0/0', nexthop: '10.0.0.254' }] }
    const lines = planRouter(own, { links: [], routes: [] }).lines.filter((line) =>
      line.includes('default'),
    )
    expect(lines).toEqual(['route replace default via 10.0.0.254'])
  })
})

const rulesOf = (spec: RouterSpec): string => tablesText(routerTables(spec))

describe('the rules of a router', () => {
  it('translate only what goes through the gateway, and only with one', () => {
    expect(rulesOf(full)).toContain('snat to 203.0.113.10')
    expect(rulesOf({ ...full, external: { ...external, snat: false } })).not.toContain(
      'snat to 203.0.113.10',
    )
    const inner = rulesOf(routerSpec({ interfaces: full.interfaces, floatingIps }))
    expect(inner).not.toContain('203.0.113')
  })

  it('forward and answer nothing while the router is down', () => {
    expect(rulesOf(full)).toContain('policy accept;\n    ip daddr 169.254.0.0/16 drop')
    const down = rulesOf({ ...full, adminUp: false })
    expect(down).toContain('hook forward priority 0; policy drop')
    expect(down).toContain('hook input priority 0; policy drop')
  })

  it.each([
    ['one port', [80, 80], [8080, 8080], ['203.0.113.5 . tcp . 80 : 10.0.0.5 . 8080']],
    ['all to one', [80, 90], [8080, 8080], ['203.0.113.5 . tcp . 80-90 : 10.0.0.5 . 8080']],
    ['the same numbers', [80, 90], [80, 90], ['203.0.113.5 . tcp . 80-90 : 10.0.0.5']],
    [
      'a range moved',
      [80, 81],
      [90, 91],
      ['203.0.113.5 . tcp . 80 : 10.0.0.5 . 90', '203.0.113.5 . tcp . 81 : 10.0.0.5 . 91'],
    ],
  ] as const)('forward ports: %s', (_what, externalPorts, internalPorts, elements) => {
    const [nat] = routerTables({
      ...full,
      portForwardings: [
        {
          id: 'p',
          protocol: 'tcp',
          floating: '203.0.113.5',
          externalPorts,
          fixed: '10.0.0.5',
          internalPorts,
        },
      ],
    })
    const found = nat?.maps.filter(({ name }) => name.startsWith('pf_'))
    expect(found?.flatMap((map) => map.elements)).toEqual(elements)
  })

  it('refuse ranges that do not fit', () => {
    const forwarding = {
      id: 'p',
      protocol: 'udp',
      floating: '203.0.113.5',
      externalPorts: [80, 82],
      fixed: '10.0.0.5',
      internalPorts: [90, 91],
    } as const
    expect(() => rulesOf({ ...full, portForwardings: [forwarding] })).toThrow('80-82')
    const wrong = { ...forwarding, externalPorts: [9, 3] } as const
    expect(() => rulesOf({ ...full, portForwardings: [wrong] })).toThrow('9-3')
  })

  it('leave alone in IPv6 what the outside can answer', () => {
    const six = {
      ...external,
      addresses: [...external.addresses, { address: 'fd00:e::10', prefix: 64 }],
      routed: ['fd00:1::/64', '10.0.0.0/24'],
    }
    const rules = rulesOf({
      ...full,
      external: six,
      ndpProxies: [{ id: 'n', address: 'fd00:2::5' }],
    })
    expect(rules).toContain('ip6 saddr { fd00:1::/64, fd00:2::5 } return')
    expect(rules).toContain('ip saddr { 10.0.0.0/24 } return')
    expect(rules).toContain('snat to fd00:e::10')
  })
})

describe('the drift of a router', () => {
  const seen = { links: settled(full), routes }
  it('is nothing when all is as wanted', () => expect(routerDrift(full, seen)).toEqual([]))

  it('names what is gone, what is strange and what is down', () => {
    const [leg, gateway] = settled(full)
    if (leg === undefined || gateway === undefined) throw new Error('a full router has two legs')
    const broken = {
      links: [
        { ...leg, speaks: false },
        { ...gateway, addresses: ['203.0.113.10/24', '203.0.113.66/32'] },
      ],
      routes: [{ destination: 'default', via: '203.0.113.2', dev: 'qg', byKernel: false }],
    }
    expect(routerDrift(full, broken)).toEqual([
      `the leg ${leg.ifname} is down at one of its ends`,
      `the address 203.0.113.101/32 is not on ${gateway.ifname}`,
      `the address 203.0.113.66/32 on ${gateway.ifname} is not wanted`,
      'the route to 192.0.2.0/24 via 10.0.0.9 is gone',
      'the route to default via 203.0.113.1 is gone',
      'the route to default via 203.0.113.2 is not wanted',
    ])
    expect(routerDrift(full, { links: [gateway], routes })).toEqual([
      `the leg ${leg.ifname} is gone`,
    ])
  })
})
