import { expect, it } from 'vitest'
import { parseRuleset, rulesAmiss } from './ruleset.ts'

const listed = `table inet sgct {
	chain pre {
		type filter hook prerouting priority -150; policy accept;
		ct state established,related meta mark set 0x00000001
	}
}
table bridge sg {
	map bysrc {
		type ifname : verdict
		elements = { "p1" : jump src_1,
			     "p2" : jump src_2 }
	}

	set m4_a_0 {
		type ipv4_addr
		elements = { 10.0.0.5, 10.0.0.6,
			     10.0.0.7 }
	}

	set m4_b_0 {
		type ipv4_addr
	}

	chain src_1 {
		ip saddr { 10.0.0.5, 10.0.0.6 } accept
		drop
	}

	chain empty {
	}
}
`

it('reads chains with their rules, and sets and maps with their elements', () => {
  const { chains, sets } = parseRuleset(listed)
  expect(Object.fromEntries([...chains].map(([name, rules]) => [name, rules.length]))).toEqual({
    'inet sgct pre': 1,
    'bridge sg src_1': 2,
    'bridge sg empty': 0,
  })
  expect(Object.fromEntries(sets)).toEqual({
    'bridge sg bysrc': new Set(['"p1" : jump src_1', '"p2" : jump src_2']),
    'bridge sg m4_a_0': new Set(['10.0.0.5', '10.0.0.6', '10.0.0.7']),
    'bridge sg m4_b_0': new Set(),
  })
})

it.each([
  ['add rule bridge sg src_1 a; add rule bridge sg src_1 b', undefined],
  ['add rule bridge sg src_1 a', 'has 2 rules instead of 1'],
  ['add chain bridge sg empty', undefined],
  ['add chain bridge sg other', 'chain bridge sg other is gone'],
])('compares with %s', (commands, amiss) => {
  const said = rulesAmiss(parseRuleset(listed), commands.split('; '))
  if (amiss === undefined) expect(said).toBeUndefined()
  else expect(said).toContain(amiss)
})
