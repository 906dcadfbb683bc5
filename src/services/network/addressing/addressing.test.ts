import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalIp, eui64, formatIp, fromSortKey, parseIp, sortKey } from './address.ts'
import { compacted, without } from './cidr-set.ts'
import { contains, formatCidr, hostRange, overlaps, parseCidr, type Cidr } from './cidr.ts'
import { carve, defaultPools, firstFree, rangesOf } from './pools.ts'

const cidr = (text: string): Cidr => parseCidr(text) ?? expect.fail(`${text} is no CIDR`)

const words = (list: string): Cidr[] => (list === '' ? [] : list.split(' ').map(cidr))
const said = (list: readonly Cidr[]): string => list.map(formatCidr).join(' ')

describe('sets of prefixes', () => {
  it.each([
    ['10.0.1.0/24 10.0.0.0/24', '10.0.0.0/23'],
    ['10.0.1.0/24 10.0.2.0/24', '10.0.1.0/24 10.0.2.0/24'],
    ['10.0.0.0/8 10.1.0.0/16', '10.0.0.0/8'],
    ['10.0.0.0/25 10.0.1.0/24 10.0.0.128/25 10.0.2.0/23', '10.0.0.0/22'],
    ['fd00::/64 10.0.0.0/24 fd00:0:0:1::/64', '10.0.0.0/24 fd00::/63'],
    ['0.0.0.0/1 128.0.0.0/1', '0.0.0.0/0'],
    ['', ''],
  ])('%s are the same as %s', (list, fewest) => expect(said(compacted(words(list)))).toBe(fewest))

  it.each([
    ['10.0.0.0/24', '10.0.0.0/24', ''],
    ['10.0.0.0/24', '10.0.0.0/26', '10.0.0.64/26 10.0.0.128/25'],
    ['10.0.0.0/24', '10.0.0.64/26', '10.0.0.0/26 10.0.0.128/25'],
    ['10.0.0.0/24 10.0.2.0/24', '10.0.0.0/16', ''],
    ['10.0.0.0/24 fd00::/64', '10.0.0.0/25 10.9.0.0/24', '10.0.0.128/25 fd00::/64'],
  ])('%s without %s are %s', (list, gone, left) =>
    expect(said(without(words(list), words(gone)))).toBe(left),
  )
})

describe('addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['2001:DB8:0:0:0::1', '2001:db8::1'],
    ['::', '::'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['fe80::1:0:0:1', 'fe80::1:0:0:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['10.0.0.256', undefined],
    ['fe80::1%eth0', undefined],
    ['', undefined],
  ])('reads %s as %s', (text, canonical) => expect(canonicalIp(text)).toBe(canonical))

  it('survives every way through text and key', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => {
        const ip = { version: 6, value } as const
        expect(parseIp(formatIp(ip))).toEqual(ip)
        expect(fromSortKey(sortKey(ip))).toEqual(ip)
      }),
    )
  })

  it('makes the EUI-64 address', () => {
    expect(formatIp(eui64(cidr('2001:db8::/64').base, 'fa:16:3e:00:12:34'))).toBe(
      '2001:db8::f816:3eff:fe00:1234',
    )
  })
})

describe('prefixes', () => {
  it('knows what they hold', () => {
    expect(formatCidr(cidr('10.0.0.77/24'))).toBe('10.0.0.0/24')
    expect(overlaps(cidr('10.0.0.0/16'), cidr('10.0.3.0/24'))).toBe(true)
    expect(overlaps(cidr('10.0.0.0/24'), cidr('10.0.1.0/24'))).toBe(false)
    expect(
      contains(cidr('fd00::/64'), { version: 6, value: cidr('fd00::/64').base.value + 5n }),
    ).toBe(true)
    expect(hostRange(cidr('10.0.0.0/31'))).toEqual({ first: 167772160n, last: 167772161n })
    for (const bad of ['10.0.0.0/33', '10.0.0.0/', 'x/8', '10.0.0.0/8/8', '::/129'])
      expect(parseCidr(bad)).toBeUndefined()
  })
})

describe('pools', () => {
  it('leave out the gateway', () => {
    expect(defaultPools(cidr('10.0.0.0/29'), parseIp('10.0.0.3'))).toEqual([
      { start: '10.0.0.1', end: '10.0.0.2' },
      { start: '10.0.0.4', end: '10.0.0.6' },
    ])
    expect(defaultPools(cidr('10.0.0.0/30'), parseIp('10.0.0.1'))).toEqual([
      { start: '10.0.0.2', end: '10.0.0.2' },
    ])
  })

  it('give the first free address, whatever is taken', () => {
    const ranges = rangesOf([
      { start: '0.0.0.2', end: '0.0.0.5' },
      { start: '0.0.0.9', end: '0.0.0.12' },
    ])
    const all = [2n, 3n, 4n, 5n, 9n, 10n, 11n, 12n]
    fc.assert(
      fc.property(fc.uniqueArray(fc.bigInt(0n, 14n)), fc.bigInt(0n, 14n), (used, from) => {
        const taken = used.filter((value) => value >= from).toSorted((a, b) => Number(a - b))
        expect(firstFree(ranges, from, taken, true)).toBe(
          all.find((value) => value >= from && !used.includes(value)),
        )
      }),
    )
    expect(firstFree(ranges, 0n, [2n, 3n], false)).toBeUndefined()
  })

  it('carve prefixes without overlap until the pool is empty', () => {
    const pool = [cidr('10.0.0.0/26'), cidr('10.0.1.0/27')]
    const used: Cidr[] = [cidr('10.0.0.16/30')]
    for (;;) {
      const next = carve(pool, used, 28)
      if (next === undefined) break
      expect(used.some((other) => overlaps(other, next))).toBe(false)
      used.push(next)
    }
    expect(used.map(formatCidr)).toEqual([
      '10.0.0.16/30',
      '10.0.0.0/28',
      '10.0.0.32/28',
      '10.0.0.48/28',
      '10.0.1.0/28',
      '10.0.1.16/28',
    ])
  })
})
