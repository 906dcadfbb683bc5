import { describe, expect, it } from 'vitest'
import { legSpec, routerSpec } from '../../ports/contract/network.ts'
import type { RouterSpec } from '../../ports/network.ts'
import type { LinkFact } from './link-facts.ts'
import { aliasOf, planRouter, wantedLegs } from './router-plan.ts'
import { routerRules } from './router-rules.ts'

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
      lostOutside: [],
    })
  })

  it('takes away what is no longer wanted', () => {
    const plan = planRouter(
      { ...full, floatingIps: [], interfaces: [], routes: [] },
      { links: settled(full), routes },
    )
    expect(plan.removeLegs).toEqual([wantedLegs(full)[0]?.name])
    expect(plan.lostOutside).toEqual(['203.0.113.101'])
    expect(plan.lines).toContain('route del 192.0.2.0/24 via 10.0.0.9')
    expect(
      planRouter(routerSpec({ id: full.id }), { links: settled(full), routes }).lostOutside,
    ).toHaveLength(2)
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

describe('the rules of a router', () => {
  it('translate only what goes through the gateway, and only with one', () => {
    expect(routerRules(full)).toContain('snat to 203.0.113.10')
    expect(routerRules({ ...full, external: { ...external, snat: false } })).not.toContain(
      'snat to 203.0.113.10',
    )
    const inner = routerRules(routerSpec({ interfaces: full.interfaces, floatingIps }))
    expect(inner).not.toContain('203.0.113')
  })

  it('forward nothing while the router is down', () => {
    expect(routerRules(full)).toContain('policy accept;\n    ip daddr 169.254.0.0/16 drop')
    expect(routerRules({ ...full, adminUp: false })).toContain(
      'hook forward priority 0; policy drop',
    )
  })
})
