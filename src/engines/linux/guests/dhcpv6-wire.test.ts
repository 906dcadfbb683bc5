import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  dhcpv6,
  duidOfMac,
  iaAddress,
  iaOption,
  macOfDuid,
  option,
  readDhcpv6,
  readOptions,
  statusCode,
  writeDhcpv6,
} from './dhcpv6-wire.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const CLIENT = '0001 000a 0003 0001 fa163e000001'
const SERVER = '0002 000a 0003 0001 02aabbccddee'
const ADDRESS = '0005 0018 fd000000000000000000000000000005 00000000 00000000'

describe('a message', () => {
  it('is read with all that a server of known guests needs', () => {
    const ia = `0003 0028 00000001 00000000 00000000 ${ADDRESS}`
    const more = '0019 000c 00000002 00000000 00000000 0004 0004 00000003 000e 0000 0006 0002 0017'
    expect(readDhcpv6(bytes(`01 a1b2c3 ${CLIENT} ${SERVER} ${ia} ${more}`))).toEqual({
      type: dhcpv6.solicit,
      transactionId: bytes('a1b2c3'),
      clientId: duidOfMac('fa:16:3e:00:00:01'),
      serverId: duidOfMac('02:aa:bb:cc:dd:ee'),
      rapidCommit: true,
      associations: [
        { code: option.iaNa, iaid: bytes('00000001'), addresses: ['fd00::5'] },
        { code: option.iaPd, iaid: bytes('00000002'), addresses: [] },
        { code: option.iaTa, iaid: bytes('00000003'), addresses: [] },
      ],
    })
  })

  it.each([
    ['nothing at all', ''],
    ['less than its head', '01 a1b2'],
    ['an option without its length', `01 a1b2c3 ${CLIENT} 0003`],
    ['an option longer than the message', '01 a1b2c3 0001 000a 0003 0001 fa16'],
    ['bytes after the last option', `01 a1b2c3 ${CLIENT} 00`],
    ['an empty DUID', '01 a1b2c3 0001 0000'],
    ['a DUID of 131 bytes', `01 a1b2c3 0001 0083 ${'00'.repeat(131)}`],
    ['an IA without its times', `01 a1b2c3 ${CLIENT} 0003 0004 00000001`],
    ['an IA_TA without its IAID', `01 a1b2c3 ${CLIENT} 0004 0002 0000`],
    ['an IA with half an option', '01 a1b2c3 0003 000e 00000001 00000000 00000000 0005'],
    ['a short address', '01 a1b2c3 0003 0014 00000001 00000000 00000000 0005 0004 fd000000'],
  ])('that is %s is none', (_what, hex) => {
    expect(readDhcpv6(bytes(hex))).toBeUndefined()
  })

  it('never makes reading throw, whatever it holds', () => {
    const anything = fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.from(raw))
    const whole = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.uint8Array({ maxLength: 60 })))
      .map((options) =>
        writeDhcpv6(
          1,
          bytes('a1b2c3'),
          options.map(([code, value]) => [code, Buffer.from(value)] as const),
        ),
      )
    fc.assert(
      fc.property(fc.oneof(anything, whole), (message) => {
        readDhcpv6(message)
      }),
    )
  })

  it('is written with its options, which may hold others', () => {
    const ia = { code: option.iaNa, iaid: bytes('00000001'), addresses: [] }
    const inside = [iaAddress('fd00::5', 3600), statusCode(0, 'ok')]
    const message = writeDhcpv6(7, bytes('a1b2c3'), [iaOption(ia, 3600, inside)])
    const wanted = `07 a1b2c3 0003 0030 00000001 00000708 00000b40
      0005 0018 fd000000000000000000000000000005 00000e10 00000e10 000d 0004 0000 6f6b`
    expect(message.toString('hex')).toBe(bytes(wanted.replaceAll(/\s/g, '')).toString('hex'))
  })

  it('tells no times for temporary addresses', () => {
    const ia = { code: option.iaTa, iaid: bytes('00000001'), addresses: [] }
    const message = writeDhcpv6(7, bytes('a1b2c3'), [iaOption(ia, 0, [])])
    expect(readOptions(message, 4)).toEqual([[option.iaTa, bytes('00000001')]])
  })
})

describe('a DUID', () => {
  it.each([
    ['from the MAC', '0003 0001 fa163e000001', 'fa:16:3e:00:00:01'],
    ['from the MAC and the time', '0001 0001 12345678 fa163e000001', 'fa:16:3e:00:00:01'],
    ['of an enterprise', '0002 0001 fa163e000001', undefined],
    ['from a UUID', `0004 ${'ab'.repeat(16)}`, undefined],
    ['of another kind of link', '0003 0020 fa163e000001', undefined],
    ['with a longer link-layer address', '0003 0001 fa163e0000010203', undefined],
    ['of three bytes', '000300', undefined],
  ])('%s', (_what, hex, mac) => {
    expect(macOfDuid(bytes(hex))).toBe(mac)
  })
})
