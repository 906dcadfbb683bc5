import { describe, expect, it } from 'vitest'
import { rulesetFacts, tablesDrift, tablesText, type NftTable } from './nft-tables.ts'

const table: NftTable = {
  name: 'ip nat',
  maps: [
    { name: 'm', type: 'ipv4_addr : ipv4_addr', intervals: false, elements: ['1.2.3.4 : 5.6.7.8'] },
  ],
  chains: [
    { name: 'pre', base: 'type nat hook prerouting priority -100;', rules: ['dnat to 1.2.3.4'] },
  ],
}
const text = tablesText([table])
const mark = /chain (wish_\w+)/.exec(text)?.[1] ?? ''
const inside = { family: 'ip', table: 'nat' }

const listed = (mine: string, rules: number, elements: readonly unknown[]): unknown => ({
  nftables: [
    { metainfo: { version: '1.0.6' } },
    { table: { family: 'ip', name: 'nat' } },
    { map: { ...inside, name: 'm', elem: elements } },
    { chain: { ...inside, name: mine } },
    { chain: { ...inside, name: 'pre' } },
    ...Array.from({ length: rules }, () => ({ rule: { ...inside, chain: 'pre' } })),
  ],
})

const drift = (seen: unknown): string[] => tablesDrift([table], rulesetFacts(seen))

describe('tables of nft', () => {
  it('are replaced at once by one text', () =>
    expect(text).toMatch(/^table ip nat\ndelete table ip nat\ntable ip nat \{\n/))

  it('differ in nothing when all that was written is there', () =>
    expect(drift(listed(mark, 1, [['1.2.3.4', '5.6.7.8']]))).toEqual([]))

  it('differ when a rule, an element, the wish or the table is another', () => {
    expect(drift(listed(mark, 0, []))).toEqual([
      'the rules of chain pre in ip nat are not those wanted',
      'the elements of map m in ip nat are not those wanted',
    ])
    expect(drift(listed('wish_0', 1, [['1.2.3.4', '5.6.7.8']]))).toEqual([
      'the table ip nat is of another wish',
    ])
    expect(drift({ nftables: [] })).toEqual(['the table ip nat is gone'])
  })
})
