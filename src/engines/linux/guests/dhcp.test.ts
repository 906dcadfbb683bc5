import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Lease } from '../../../ports/guest-services.ts'
import { leaseOptions } from './dhcp-options.ts'
import { replyTo } from './dhcp-server.ts'
import { dhcp, readDhcp, type DhcpRequest } from './dhcp-wire.ts'

const lease: Lease = {
  address: '10.1.2.3',
  prefix: 20,
  gateway: '10.1.0.1',
  routes: [{ destination: '169.254.169.254/32', nexthop: '0.0.0.0' }],
  dns: ['10.0.0.2', 'fd00::2'],
  domain: 'example.test',
  hostname: 'web',
  mtu: 1450,
  seconds: 86_400,
  options: [],
}
const request: DhcpRequest = {
  type: dhcp.discover,
  xid: 0x12345678,
  flags: 0,
  current: '0.0.0.0',
  mac: 'fa:16:3e:00:00:01',
  requested: undefined,
  server: undefined,
}

const hex = (options: ReadonlyMap<number, Buffer>, code: number): string | undefined =>
  options.get(code)?.toString('hex')

describe('what a guest is told', () => {
  it.each([
    ['its mask', 1, 'fffff000'],
    ['its router', 3, '0a010001'],
    ['the resolvers it can reach', 6, '0a000002'],
    ['its broadcast address', 28, '0a010fff'],
    ['its MTU', 26, '05aa'],
    ['how long', 51, '00015180'],
    // RFC 3442: length, the bytes that count, next hop
    ['its routes, the default one too', 121, '20a9fea9fe00000000000a010001'],
  ])('%s', (_what, code, expected) => {
    expect(hex(leaseOptions(lease), code)).toBe(expected)
  })

  it.each([
    ['ntp-server', '10.0.0.8, 10.0.0.9', 42, '0a0000080a000009'],
    ['bootfile-name', 'pxelinux.0', 67, Buffer.from('pxelinux.0').toString('hex')],
    ['26', '1300', 26, '0514'],
    ['option:tftp-server', 'host', 66, Buffer.from('host').toString('hex')],
  ])('the port’s own option %s', (name, value, code, expected) => {
    const options = leaseOptions({ ...lease, options: [{ name, value }] })
    expect(hex(options, code)).toBe(expected)
  })

  it('leaves out what it does not know, and says so', () => {
    const unknown: string[] = []
    const extra = [
      { name: 'moon-phase', value: 'full' },
      { name: 'mtu', value: 'large' },
    ]
    leaseOptions({ ...lease, options: extra }, unknown)
    expect(unknown).toEqual(['moon-phase', 'mtu'])
  })
})

describe('the talk', () => {
  const typeOf = (asked: Partial<DhcpRequest>, wanted?: string): number | undefined => {
    const reply = replyTo({ ...request, ...asked }, lease, wanted)
    return reply === undefined ? undefined : reply.message[242]
  }

  it.each([
    ['an offer', { type: dhcp.discover }, undefined, dhcp.offer],
    ['an offer of its own, whatever it wants', { type: dhcp.discover }, '10.9.9.9', dhcp.offer],
    ['its address', { type: dhcp.request }, '10.1.2.3', dhcp.ack],
    ['no other address', { type: dhcp.request }, '10.9.9.9', dhcp.nak],
    ['its settings', { type: dhcp.inform, current: '10.1.2.3' }, '10.1.2.3', dhcp.ack],
    ['nothing, when it goes', { type: dhcp.release }, '10.1.2.3', undefined],
  ])('gives %s', (_what, asked, wanted, expected) => {
    expect(typeOf(asked, wanted)).toBe(expected)
  })

  it('is told to everybody, but a renewal to the one who renews', () => {
    expect(replyTo(request, lease, undefined)?.to).toBe('255.255.255.255')
    const renewal = { ...request, type: dhcp.request, current: '10.1.2.3' }
    expect(replyTo(renewal, lease, '10.1.2.3')?.to).toBe('10.1.2.3')
  })

  it('answers are long enough for old clients, and long options come in parts', () => {
    expect(replyTo(request, lease, undefined)?.message.length).toBeGreaterThanOrEqual(300)
    const options = [{ name: '67', value: 'x'.repeat(300) }]
    const long = replyTo(request, { ...lease, options }, undefined)?.message.toString('latin1')
    expect(long).toContain(`C\u00ff${'x'.repeat(255)}C\u002d${'x'.repeat(45)}`)
  })
})

describe('reading', () => {
  it('never throws, whatever comes', () => {
    const cookie = Buffer.from('63825363', 'hex')
    const bytes = fc.uint8Array({ maxLength: 400 }).map((raw) => {
      const message = Buffer.concat([Buffer.from(raw)], Math.max(raw.length, 250))
      cookie.copy(message, 236)
      message.set([1, 1, 6])
      return message
    })
    fc.assert(
      fc.property(fc.oneof(bytes, fc.uint8Array().map(Buffer.from)), (message) => {
        readDhcp(message)
      }),
    )
  })
})
