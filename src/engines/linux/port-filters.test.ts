import { describe, expect, it } from 'vitest'
import { groupSpec, portSpec } from '../../ports/contract/network-specs.ts'
import { changePorts, filtersAmiss, portsIn, renderPort, type PortFilters } from './port-filters.ts'
import { parseRuleset } from './ruleset.ts'

const network = '5a11b0de-0000-4000-8000-000000000001'
const own = {
  id: '0123456789ab-0000-0000-000000000000',
  mac: 'fa:16:3e:00:00:05',
  securityGroups: [{ ...groupSpec([]), id: 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa' }],
} as const
const port = portSpec(network, '10.0.0.5', own)
const other = portSpec(network, '10.0.0.6', { ...own, id: 'ba9876543210-0000-0000-000000000000' })
const LINK = 'p0123456789ab'

const rendered = (more: Partial<typeof port> = {}): PortFilters => renderPort({ ...port, ...more })
const rulesOf = (filters: PortFilters, kind: 'src' | 'out' | 'to'): readonly string[] =>
  [...filters.chains].find(([chain]) => chain.startsWith(`${kind}_`))?.[1] ?? []
const verdictsOf = ({ elements }: PortFilters): string[] =>
  [...elements].filter((element) => element.startsWith('by')).sort()

describe('the filters of a port', () => {
  it('let it speak from its own addresses and allowed pairs only', () => {
    const pair = { mac: 'fa:16:3e:00:00:99', cidr: '10.9.0.1/32' }
    const { elements, chains } = rendered({ allowedPairs: [pair] })
    const bound = [...elements].filter((element) => !element.startsWith('by'))
    expect(bound.map((element) => element.replace(`"${LINK}" . `, ''))).toEqual([
      'macs { fa:16:3e:00:00:05 }',
      'arps { fa:16:3e:00:00:05 . fa:16:3e:00:00:05 . 0.0.0.0 }',
      'arps { fa:16:3e:00:00:05 . fa:16:3e:00:00:05 . 10.0.0.5 }',
      'hosts4 { fa:16:3e:00:00:05 . 10.0.0.5 }',
      'hosts6 { fa:16:3e:00:00:05 . fe80::f816:3eff:fe00:5 }',
      'adverts { fa:16:3e:00:00:05 . 0xfe80000000000000f8163efffe000005 }',
      'macs { fa:16:3e:00:00:99 }',
      'arps { fa:16:3e:00:00:99 . fa:16:3e:00:00:99 . 0.0.0.0 }',
      'arps { fa:16:3e:00:00:99 . fa:16:3e:00:00:99 . 10.9.0.1 }',
      'hosts4 { fa:16:3e:00:00:99 . 10.9.0.1 }',
      'hosts6 { fa:16:3e:00:00:99 . fe80::f816:3eff:fe00:99 }',
      'adverts { fa:16:3e:00:00:99 . 0xfe80000000000000f8163efffe000099 }',
    ])
    expect(elements).toContain(`bysrc { "${LINK}" : jump src_bound }`)
    expect([...chains.keys()].filter((chain) => chain.startsWith('src_'))).toEqual([])
  })

  it('are in a chain of its own where it may speak from a range, before what holds for all', () => {
    const allowedPairs = [
      { mac: port.mac, cidr: '10.0.0.0/30' },
      { mac: 'fa:16:3e:00:00:99', cidr: 'fd00::/64' },
    ]
    const filters = rendered({ allowedPairs })
    expect(filters.elements).toContain(`bysrc { "${LINK}" : jump src_0123456789ab }`)
    expect(rulesOf(filters, 'src')).toEqual([
      'meta l4proto tcp iifname . ether saddr . ip saddr @hosts4 accept',
      'jump never_src',
      `ether type arp ether saddr ${port.mac} arp saddr ether ${port.mac} arp saddr ip { 0.0.0.0, 10.0.0.5, 10.0.0.0/30 } accept`,
      `ether saddr ${port.mac} ip saddr { 10.0.0.5, 10.0.0.0/30 } accept`,
      'ether type arp ether saddr fa:16:3e:00:00:99 arp saddr ether fa:16:3e:00:00:99 arp saddr ip 0.0.0.0 accept',
      'ether saddr fa:16:3e:00:00:99 ip6 saddr { fd00::/64, fe80::f816:3eff:fe00:99 } accept',
      'jump src_bound',
    ])
    expect([...filters.elements].filter((element) => element.includes('/'))).toEqual([])
  })

  it('end in a drop with security and let all pass without', () => {
    expect(rulesOf(rendered(), 'out')).toEqual(['jump state_out', 'jump gout_aaaaaaaaaaaa', 'drop'])
    expect(rulesOf(rendered(), 'to')).toEqual(['jump state_to', 'jump gto_aaaaaaaaaaaa', 'drop'])
    const open = rendered({ portSecurity: false })
    expect(['src', 'out', 'to'].map((kind) => rulesOf(open, kind as 'src'))).toEqual([
      ['accept'],
      ['accept'],
      ['accept'],
    ])
    expect([...open.elements]).toEqual([
      `bysrc { "${LINK}" : jump src_open }`,
      `byout { "${LINK}" : jump out_open }`,
      `byto { "${LINK}" : jump to_open }`,
    ])
  })

  it('share their chains with those of all ports of the same groups, in any order', () => {
    const [a, b] = [groupSpec([]), groupSpec([])]
    const chains = (securityGroups: (typeof a)[]): string[] => [
      ...rendered({ securityGroups }).chains.keys(),
    ]
    expect(chains([a, b])).toEqual(chains([b, a, b]))
    expect(chains([a])).not.toEqual(chains([a, b]))
    expect([...renderPort(other).chains.keys()]).toEqual([...rendered().chains.keys()])
  })

  it('let replies pass unless none of its groups is stateful', () => {
    const stateless = { ...groupSpec([]), stateful: false }
    const states = (securityGroups: (typeof stateless)[] | []): boolean =>
      rulesOf(rendered({ securityGroups }), 'to').includes('jump state_to')
    expect([
      states([]),
      states([stateless]),
      states([stateless, { ...stateless, stateful: true }]),
    ]).toEqual([true, false, true])
  })

  it('mark what it sends first of all, and refuse a mark that is none', () => {
    const qos = { dscp: 46 }
    const marks = ['ether type ip ip dscp set 46', 'ether type ip6 ip6 dscp set 46']
    expect(rulesOf(rendered({ qos }), 'src')).toEqual([...marks, 'jump src_bound'])
    expect(rulesOf(rendered({ qos, portSecurity: false }), 'src')).toEqual([...marks, 'accept'])
    expect(() => rendered({ qos: { dscp: 64 } })).toThrow('64 is no DSCP mark')
  })

  it('refuse addresses that are none before anything is written', () => {
    expect(() => rendered({ mac: 'no' })).toThrow('MAC')
    const pair = { mac: port.mac, cidr: '10.0.0.0/24; flush ruleset' }
    expect(() => rendered({ allowedPairs: [pair] })).toThrow('is not')
  })
})

describe('a change', () => {
  const had = changePorts(new Map(), new Map([[LINK, rendered()]])).written

  it('takes away what the port no longer is, then adds all that it is', () => {
    const want = rendered({ addresses: [{ address: '10.0.0.7', prefix: 24 }] })
    const { commands } = changePorts(had, new Map([[LINK, want]]))
    expect(commands.filter((line) => line.startsWith('delete'))).toEqual([
      `delete element bridge sg arps { "${LINK}" . ${port.mac} . ${port.mac} . 10.0.0.5 }`,
      `delete element bridge sg hosts4 { "${LINK}" . ${port.mac} . 10.0.0.5 }`,
    ])
    const added = commands.filter((line) => line.startsWith('add element'))
    expect(added.length).toBe(want.elements.size)
    expect(commands.findLastIndex((line) => line.startsWith('delete'))).toBeLessThan(
      commands.indexOf(added[0] ?? ''),
    )
  })

  it('takes a chain away with the last port that named it', () => {
    const both = changePorts(had, new Map([['pba9876543210', renderPort(other)]])).written
    const chainsGone = (commands: readonly string[]): string[] =>
      commands.filter((line) => line.startsWith('delete chain'))
    const first = changePorts(both, new Map([[LINK, undefined]]))
    expect(chainsGone(first.commands)).toEqual([])
    const second = changePorts(first.written, new Map([['pba9876543210', undefined]]))
    expect(chainsGone(second.commands)).toEqual(
      [...rendered().chains.keys()].map((chain) => `delete chain bridge sg ${chain}`),
    )
    expect(second.written.size).toBe(0)
  })

  it('has nothing to say of a port that was never there', () => {
    expect(changePorts(had, new Map([['pffffffffffff', undefined]])).commands).toEqual([])
  })
})

describe('what nft lists', () => {
  const verdicts = verdictsOf(rendered())
  const listed = (more: string): string => `table bridge sg {
	map bysrc {
		type ifname : verdict
		elements = { "${LINK}" : jump src_bound }
	}

	set hosts6 {
		type ifname . ether_addr . ipv6_addr
		elements = { "${LINK}" . fa:16:3e:00:00:05 . ::ffff:10.0.0.5,
			     "${LINK}" . fa:16:3e:00:00:05 . fe80::1${more} }
	}

	set adverts {
		typeof iifname . ether saddr . @th,64,128
		elements = { "${LINK}" . fa:16:3e:00:00:05 . 0x1 }
	}
}
`

  it('is told apart by port, in the spelling of the wish', () => {
    expect([...(portsIn(parseRuleset(listed(''))).get(LINK) ?? [])]).toEqual([
      verdicts[1],
      `hosts6 { "${LINK}" . fa:16:3e:00:00:05 . ::ffff:a00:5 }`,
      `hosts6 { "${LINK}" . fa:16:3e:00:00:05 . fe80::1 }`,
      `adverts { "${LINK}" . fa:16:3e:00:00:05 . 0x00000000000000000000000000000001 }`,
    ])
  })

  it.each([
    ['', undefined],
    [`, "${LINK}" . fa:16:3e:00:00:05 . fe80::2`, 'fe80::2 } should not be'],
    [`, "pffffffffffff" . fa:16:3e:00:00:05 . fe80::2`, undefined],
  ])('is compared with the wish: %s', (more, amiss) => {
    const wish = portsIn(parseRuleset(listed(''))).get(LINK) ?? new Set()
    const seen = parseRuleset(listed(more))
    const said = filtersAmiss({ chains: new Map(), elements: wish }, seen, portsIn(seen).get(LINK))
    if (amiss === undefined) expect(said).toBeUndefined()
    else expect(said).toContain(amiss)
  })

  it('lacks what is not there, elements and rules alike', () => {
    const seen = parseRuleset(listed(''))
    expect(filtersAmiss(rendered(), seen)).toContain('is gone')
    const chains = new Map([['out_open', ['accept']]])
    expect(filtersAmiss({ chains, elements: new Set() }, seen)).toBe(
      'chain bridge sg out_open is gone',
    )
  })
})
