import { describe, expect, it } from 'vitest'
import { allowAll, groupSpec, portSpec } from '../../ports/contract/network-specs.ts'
import type { SecurityGroupRuleSpec } from '../../ports/network.ts'
import { cutArguments, forbiddenFlows, parseFlow, ruleAllows, type Flow } from './flows.ts'

const tcp =
  'ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.5 dst=10.0.0.6 sport=43204 dport=80 src=10.0.0.6 dst=10.0.0.5 sport=80 dport=43204 [ASSURED] mark=0 use=1'
const icmp =
  'ipv6     10 icmpv6   58 29 src=fd00:0:0:0::5 dst=fd00::6 type=128 code=0 id=7 src=fd00::6 dst=fd00::5 type=129 code=0 id=7 mark=0 use=1'

describe('flows', () => {
  it('reads what conntrack lists and names a flow exactly', () => {
    const flow = parseFlow(tcp)
    expect(flow).toEqual({
      protocol: 6,
      source: '10.0.0.5',
      destination: '10.0.0.6',
      sourcePort: 43_204,
      destinationPort: 80,
    })
    expect(parseFlow(icmp)).toEqual({
      protocol: 58,
      source: 'fd00::5',
      destination: 'fd00::6',
      icmpType: 128,
      icmpCode: 0,
      icmpId: 7,
    })
    expect(parseFlow('')).toBeUndefined()
    expect(flow && cutArguments(flow).join(' ')).toBe(
      '-D -p 6 --orig-src 10.0.0.5 --orig-dst 10.0.0.6 --orig-port-src 43204 --orig-port-dst 80',
    )
    expect(
      cutArguments({
        protocol: 58,
        source: '::1',
        destination: '::2',
        icmpType: 128,
        icmpId: 7,
      }).join(' '),
    ).toBe('-D -p 58 --orig-src ::1 --orig-dst ::2 --icmpv6-type 128 --icmpv6-id 7')
  })

  const flow: Flow = {
    protocol: 6,
    source: '10.0.0.5',
    destination: '10.0.0.6',
    sourcePort: 40_000,
    destinationPort: 80,
  }
  const table: readonly [Partial<SecurityGroupRuleSpec>, boolean][] = [
    [{}, true],
    [{ ethertype: 'IPv6' }, false],
    [{ protocol: 17 }, false],
    [{ protocol: 6, portMin: 80, portMax: 90 }, true],
    [{ protocol: 6, portMin: 81, portMax: 90 }, false],
    [{ remoteCidr: '10.0.0.4/30' }, true],
    [{ remoteCidr: '10.0.0.8/30' }, false],
    [{ remoteMembers: ['10.0.0.5'] }, true],
    [{ remoteMembers: [] }, false],
    [{ direction: 'egress', remoteCidr: '10.0.0.6/32' }, true],
    [{ direction: 'egress', remoteCidr: '10.0.0.5/32' }, false],
  ]
  it.each(table)('%j allows it: %s', (rule, allows) =>
    expect(ruleAllows({ direction: 'ingress', ethertype: 'IPv4', ...rule }, flow)).toBe(allows),
  )

  it('finds those that touch a port whose rules are against them, by either end', () => {
    const network = '5a11b0de-0000-4000-8000-000000000001'
    const open = groupSpec(allowAll)
    const shut = groupSpec([])
    const with_ = (one: typeof open, other: typeof open): Flow[] =>
      forbiddenFlows(
        [flow],
        [
          portSpec(network, '10.0.0.5', { securityGroups: [one] }),
          portSpec(network, '10.0.0.6', { securityGroups: [other] }),
        ],
        () => undefined,
      )
    expect(with_(open, open)).toEqual([])
    expect(with_(shut, open)).toEqual([flow])
    expect(with_(open, shut)).toEqual([flow])
    const unguarded = portSpec(network, '10.0.0.6', { securityGroups: [], portSecurity: false })
    expect(forbiddenFlows([flow], [unguarded], () => undefined)).toEqual([])
    // each of its packets is judged by itself, and cutting the flow would harm the other end only
    expect(with_({ ...shut, stateful: false }, open)).toEqual([])
    expect(with_(open, { ...shut, stateful: false })).toEqual([])
  })
})
