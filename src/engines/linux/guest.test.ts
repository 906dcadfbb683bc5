import { describe, expect, it } from 'vitest'
import { portSpec } from '../../ports/contract/network-specs.ts'
import { destinationText, guestLines, guestSettings, type GuestSeen } from './guest.ts'

const port = portSpec('5a11b0de-0000-4000-8000-000000000001', '10.0.0.5', {
  routes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
})
const at = { netns: '/proc/1/ns/net', ifname: 'eth0' }
const seen: GuestSeen = {
  link: {
    ifname: 'eth0',
    ifindex: 2,
    peerIndex: 9,
    mac: port.mac,
    mtu: 1400,
    up: true,
    speaks: true,
    master: undefined,
    alias: undefined,
    addresses: ['10.0.0.5/24'],
  },
  routes: [
    { destination: 'default', via: '10.0.0.1', dev: undefined, byKernel: false },
    { destination: '10.0.0.0/24', via: undefined, dev: undefined, byKernel: true },
    { destination: '169.254.169.254', via: undefined, dev: undefined, byKernel: false },
    { destination: '192.0.2.0/24', via: '10.0.0.9', dev: undefined, byKernel: false },
  ],
}

describe('what the workload’s end is told', () => {
  it('everything, when it is new', () => {
    expect(guestLines(port, at)).toEqual([
      'link set dev lo up',
      'addr add 10.0.0.5/24 brd + dev eth0',
      'link set dev eth0 up',
      'route replace default via 10.0.0.1 dev eth0 onlink',
      'route replace 169.254.169.254 dev eth0',
      'route replace 192.0.2.0/24 via 10.0.0.9 dev eth0 onlink',
    ])
  })

  it('nothing, when it is as it should be', () => expect(guestLines(port, at, seen)).toEqual([]))

  it('what differs: addresses, MTU, state, routes', () => {
    const other = {
      ...port,
      mtu: 1300,
      routes: [],
      addresses: [{ address: '10.0.0.5', prefix: 24, gateway: '10.0.0.2' }],
    }
    expect(guestLines(other, at, { ...seen, routes: seen.routes })).toEqual([
      'link set dev eth0 mtu 1300',
      'route del 192.0.2.0/24 dev eth0 via 10.0.0.9',
      'route replace default via 10.0.0.2 dev eth0 onlink',
    ])
    const moved = guestLines(
      { ...port, addresses: [{ address: '10.0.0.6', prefix: 24 }] },
      at,
      seen,
    )
    expect(moved.slice(0, 2)).toEqual([
      'addr del 10.0.0.5/24 dev eth0',
      'addr add 10.0.0.6/24 brd + dev eth0',
    ])
    expect(guestLines(port, at, { ...seen, link: { ...seen.link, up: false } })).toContain(
      'route replace 169.254.169.254 dev eth0',
    )
  })

  it('nothing about an address that an allowed pair covers, and away with others', () => {
    const pairs = ['10.0.0.48/28', 'fd00::77'].map((cidr) => ({ mac: port.mac, cidr }))
    const having = (...more: string[]): GuestSeen => ({
      ...seen,
      link: { ...seen.link, addresses: [...seen.link.addresses, ...more] },
    })
    const paired = { ...port, allowedPairs: pairs }
    expect(guestLines(paired, at, having('10.0.0.50/24', 'fd00::77/64'))).toEqual([])
    expect(guestLines(paired, at, having('10.0.0.64/24'))[0]).toBe('addr del 10.0.0.64/24 dev eth0')
    expect(guestLines(port, at, having('10.0.0.50/24'))[0]).toBe('addr del 10.0.0.50/24 dev eth0')
    const own = { ...port, allowedPairs: [{ mac: port.mac, cidr: '10.0.0.0/24' }] }
    expect(guestLines(own, at, seen)).toEqual([])
  })

  it('default routes and the metadata address by the first interface only', () => {
    const second = guestLines(port, { ...at, ifname: 'eth1' })
    expect(second.filter((line) => /default|169/.test(line))).toEqual([])
  })

  it('to switch IPv6 on only where the port has such an address', () => {
    expect(guestSettings(port, 'eth0')).toEqual([])
    const six = { ...port, addresses: [{ address: 'fd00::5', prefix: 64, gateway: 'fd00::1' }] }
    expect(guestSettings(six, 'eth0')).toContain('net/ipv6/conf/eth0/disable_ipv6=0')
    expect(guestLines(six, at)).toContain('addr add fd00::5/64 dev eth0 nodad')
    expect(guestLines(six, at).some((line) => line.includes('169.254'))).toBe(false)
  })

  it.each([
    ['0.0.0.0/0', 'default'],
    ['::/0', 'default'],
    ['10.0.0.7/32', '10.0.0.7'],
    ['10.0.0.7/24', '10.0.0.0/24'],
    ['FD00::1', 'fd00::1'],
  ])('spells the destination %s as ip does: %s', (cidr, text) =>
    expect(destinationText(cidr)).toBe(text),
  )
})
