import { describe, expect, it } from 'vitest'
import { groupSpec } from '../../ports/contract/network-specs.ts'
import type { SecurityGroupRuleSpec } from '../../ports/network.ts'
import { groupCommands, renderGroup } from './group-filters.ts'

describe('the rules of a security group', () => {
  const table: readonly [Partial<SecurityGroupRuleSpec>, string | undefined][] = [
    [{}, 'ether type ip'],
    [{ ethertype: 'IPv6' }, 'ether type ip6'],
    [{ protocol: 6, portMin: 22, portMax: 22 }, 'ether type ip meta l4proto 6 th dport 22'],
    [{ protocol: 17, portMin: 1, portMax: 99 }, 'ether type ip meta l4proto 17 th dport 1-99'],
    [{ protocol: 6, portMin: 22 }, 'ether type ip meta l4proto 6 th dport 22'],
    [{ protocol: 47 }, 'ether type ip meta l4proto 47'],
    [{ protocol: 47, portMin: 5, portMax: 6 }, undefined],
    [{ protocol: 1 }, 'ether type ip meta l4proto 1'],
    [{ protocol: 1, portMin: 8 }, 'ether type ip meta l4proto 1 icmp type 8'],
    [
      { protocol: 1, portMin: 3, portMax: 1 },
      'ether type ip meta l4proto 1 icmp type 3 icmp code 1',
    ],
    [
      { protocol: 1, ethertype: 'IPv6', portMin: 128 },
      'ether type ip6 meta l4proto 58 icmpv6 type 128',
    ],
    [{ remoteCidr: '192.0.2.0/24' }, 'ether type ip ip saddr 192.0.2.0/24'],
    [{ remoteCidr: '192.0.2.0/24', direction: 'egress' }, 'ether type ip ip daddr 192.0.2.0/24'],
    [{ remoteCidr: '0.0.0.0/0', protocol: 6 }, 'ether type ip meta l4proto 6'],
    [{ remoteCidr: '192.0.2.0/24', ethertype: 'IPv6' }, undefined],
    [{ remoteMembers: ['10.0.0.5', 'fd00::5'] }, 'ether type ip ip saddr @m4_aaaaaaaaaaaa_0'],
    [
      { remoteMembers: ['10.0.0.0/24'], ethertype: 'IPv4' },
      'ether type ip ip saddr @i4_aaaaaaaaaaaa_0',
    ],
  ]
  it.each(table)('%j', (rule, match) => {
    const spec = {
      ...groupSpec([{ direction: 'ingress', ethertype: 'IPv4', ...rule }]),
      id: 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa',
    }
    const chain = rule.direction === 'egress' ? 'gout' : 'gto'
    const rules = renderGroup(spec).structure.filter((line) => line.startsWith('add rule'))
    expect(rules).toEqual(
      match === undefined ? [] : [`add rule bridge sg ${chain}_aaaaaaaaaaaa ${match} accept`],
    )
  })

  it('writes only who came and who went while the rules are the same', () => {
    const rule = (members: readonly string[]) =>
      ({ direction: 'ingress', ethertype: 'IPv4', remoteMembers: members }) as const
    const group = groupSpec([rule(['10.0.0.5', '10.0.0.6'])])
    const had = renderGroup(group)
    const now = renderGroup({ ...group, rules: [rule(['10.0.0.6', '10.0.0.7'])] })
    const [set] = now.sets.keys()
    expect(groupCommands(now, had)).toEqual([
      `delete element bridge sg ${set} { 10.0.0.5 }`,
      `add element bridge sg ${set} { 10.0.0.7 }`,
    ])
    expect(groupCommands(now, now)).toEqual([])
    expect(groupCommands(now, undefined).join(';')).toContain('flush chain')
  })

  it('shares a set between rules with the same members and drops sets no rule names any more', () => {
    const members = { ethertype: 'IPv4', remoteMembers: ['10.0.0.5'] } as const
    const group = groupSpec([
      { direction: 'ingress', ...members },
      { direction: 'egress', ...members },
    ])
    const had = renderGroup(group)
    expect(had.sets.size).toBe(1)
    const commands = groupCommands(renderGroup({ ...group, rules: [] }), had)
    expect(commands.at(-1)).toBe(`delete set bridge sg ${[...had.sets.keys()][0]}`)
  })
})
