import { describe, expect, it } from 'vitest'
import { legSpec, routerSpec } from '../../ports/contract/network-specs.ts'
import type { RouterSpec } from '../../ports/network.ts'
import { parseTranslated, staleFlows } from './router-flows.ts'

const network = '5a11b0de-0000-4000-8000-000000000001'
const spec = routerSpec({
  interfaces: [legSpec(network, '10.0.0.1'), legSpec(network, '10.0.1.1')],
  external: {
    networkId: '5a11b0de-0000-4000-8000-000000000002',
    mac: 'fa:16:3e:00:00:99',
    gateways: ['203.0.113.1'],
    snat: true,
    addresses: [{ address: '203.0.113.10', prefix: 24 }],
  },
  floatingIps: [{ id: 'f', floating: '203.0.113.101', fixed: '10.0.0.5' }],
  portForwardings: [
    {
      id: 'p',
      protocol: 'tcp',
      floating: '203.0.113.102',
      externalPorts: [8000, 8010],
      fixed: '10.0.0.6',
      internalPorts: [80, 90],
    },
  ],
})
const external = spec.external as NonNullable<RouterSpec['external']> // given above

/** A TCP flow: from, to, and between whom it is once translated. */
const flow = (from: string, to: string, answerer: string, answeredTo: string): string => {
  const [source, sport] = from.split(' ')
  const [destination, dport] = to.split(' ')
  const [second, port] = answerer.split(' ')
  return `ipv4 2 tcp 6 431999 ESTABLISHED src=${source} dst=${destination} sport=${sport} dport=${dport} src=${second} dst=${answeredTo} sport=${port ?? dport} dport=${sport} [ASSURED] mark=0 use=1`
}

const world = '198.51.100.9 5000'
const inward = flow(world, '203.0.113.101 80', '10.0.0.5', '198.51.100.9')
const outward = flow('10.0.0.9 5000', '198.51.100.9 80', '198.51.100.9', '203.0.113.10')
const outFloating = flow('10.0.0.5 5000', '198.51.100.9 80', '198.51.100.9', '203.0.113.101')
const forwarded = flow(world, '203.0.113.102 8003', '10.0.0.6 83', '198.51.100.9')
const between = flow('10.0.0.9 5000', '10.0.1.9 80', '10.0.1.9', '10.0.0.9')
const hairpin = flow('10.0.0.9 5000', '203.0.113.101 80', '10.0.0.5', '10.0.0.1')
const all = { inward, outward, outFloating, forwarded, between, hairpin }

const stale = (wish: RouterSpec, lines: Readonly<Record<string, string>> = all): string[] =>
  Object.entries(lines)
    .filter(([, line]) => {
      const parsed = parseTranslated(line)
      return parsed !== undefined && staleFlows([parsed], wish).length > 0
    })
    .map(([name]) => name)

describe('flows of a router', () => {
  it('go on while the wish decides the same about them', () => {
    expect(stale(spec)).toEqual([])
    expect(parseTranslated(forwarded)).toMatchObject({ answerer: '10.0.0.6', answererPort: 83 })
  })

  it.each<[string, RouterSpec, string[]]>([
    [
      'the floating address is gone',
      { ...spec, floatingIps: [] },
      ['inward', 'outFloating', 'hairpin'],
    ],
    [
      'it leads elsewhere',
      { ...spec, floatingIps: [{ id: 'f', floating: '203.0.113.101', fixed: '10.0.0.7' }] },
      ['inward', 'outFloating', 'hairpin'],
    ],
    ['the forwarding is gone', { ...spec, portForwardings: [] }, ['forwarded']],
    [
      'translation is switched off',
      { ...spec, external: { ...external, snat: false } },
      ['outward'],
    ],
    [
      'the router has another address',
      {
        ...spec,
        external: { ...external, addresses: [{ address: '203.0.113.11', prefix: 24 }] },
      },
      ['outward'],
    ],
    [
      'the leg is gone',
      { ...spec, interfaces: spec.interfaces.slice(1) },
      ['inward', 'outward', 'outFloating', 'forwarded', 'hairpin'],
    ],
    [
      'the gateway is gone',
      routerSpec({ interfaces: spec.interfaces }),
      ['inward', 'outward', 'outFloating', 'forwarded', 'hairpin'],
    ],
  ])('are cut when %s', (_what, wish, expected) => expect(stale(wish)).toEqual(expected))

  it('are cut when they began untranslated and would not now', () => {
    const early = {
      toFloating: flow(world, '203.0.113.101 80', '203.0.113.101', '198.51.100.9'),
      toForwarded: flow(world, '203.0.113.102 8003', '203.0.113.102', '198.51.100.9'),
      out: flow('10.0.0.9 5000', '198.51.100.9 80', '198.51.100.9', '10.0.0.9'),
      routed: flow('10.0.1.9 5000', '198.51.100.9 80', '198.51.100.9', '10.0.1.9'),
    }
    const wish = { ...spec, external: { ...external, routed: ['10.0.1.0/24'] } }
    expect(stale(wish, early)).toEqual(['toFloating', 'toForwarded', 'out'])
  })
})
