import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canonical,
  checkedIfname,
  checkedMac,
  checkedPath,
  cover,
  familyOf,
  hexOf,
  linkLocalOf,
  networkOf,
  overlaps,
  rangeOf,
} from './addresses.ts'

describe('addresses', () => {
  it.each([
    ['10.0.0.5', '10.0.0.5'],
    ['FD00:0:0:0:0:0:0:5', 'fd00::5'],
    ['::', '::'],
    ['1:0:0:2::', '1:0:0:2::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ])('spells %s as %s', (given, spelt) => expect(canonical(given)).toBe(spelt))

  it('reads back what it spells', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => canonical(canonical(address)) === canonical(address)),
    )
    fc.assert(fc.property(fc.ipV4(), (address) => canonical(address) === address))
  })

  it('knows what a CIDR holds', () => {
    expect(rangeOf('10.0.0.77/24')).toEqual(rangeOf('10.0.0.0/24'))
    expect(networkOf('10.0.3.7', 22)).toBe('10.0.0.0/22')
    expect(networkOf('fd00::1:5', 112)).toBe('fd00::1:0/112')
    expect(overlaps(rangeOf('10.0.0.0/8'), rangeOf('10.9.0.0/16'))).toBe(true)
    expect(overlaps(rangeOf('0.0.0.0/0'), rangeOf('::/0'))).toBe(false)
  })

  it('leaves out of a list what another entry covers', () => {
    expect(cover(['10.0.0.5', '10.0.0.0/24', '10.0.0.5', '10.0.1.1'])).toEqual([
      '10.0.0.0/24',
      '10.0.1.1',
    ])
    expect(cover(['10.0.0.5/24', '10.0.0.0/24'])).toHaveLength(1)
  })

  it('never lets two entries of a cover overlap', () => {
    const cidr = fc
      .tuple(fc.nat(255), fc.integer({ min: 20, max: 32 }))
      .map(([last, prefix]) => `10.0.0.${last}/${prefix}`)
    fc.assert(
      fc.property(fc.array(cidr, { maxLength: 8 }), (list) => {
        const kept = cover(list).map(rangeOf)
        return kept.every((one, at) =>
          kept.every((other, where) => at === where || !overlaps(one, other)),
        )
      }),
    )
  })

  it('makes the link-local address a kernel makes', () => {
    expect(linkLocalOf('fa:16:3e:00:00:05')).toBe('fe80::f816:3eff:fe00:5')
    expect(hexOf('fe80::f816:3eff:fe00:5')).toBe('0xfe80000000000000f8163efffe000005')
  })

  it.each(['10.0.0', '10.0.0.1/8', 'fe80::1%eth0', '', 'any; drop'])(
    'refuses %j as an address',
    (text) => expect(() => familyOf(text)).toThrow('is not an IP address'),
  )

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0.0/x'])(
    'refuses %j as a CIDR',
    (text) => expect(() => rangeOf(text)).toThrow('is not a CIDR'),
  )

  it('refuses words that would leave their place in a command', () => {
    expect(() => checkedMac('fa:16:3e:00:00:05 up')).toThrow()
    expect(() => checkedIfname('eth0\nlink del br0')).toThrow()
    expect(() => checkedPath('/run/netns/a b')).toThrow()
  })
})
