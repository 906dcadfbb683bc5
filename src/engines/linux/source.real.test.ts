import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { networkSpec, portSpec } from '../../ports/contract/network-specs.ts'
import type { NetworkPort, PortSpec } from '../../ports/network.ts'
import { linkLocalOf } from './addresses.ts'
import { createLinuxNetwork } from './linux-network.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'
import { arp, arriving, neighbour, tcp, udp } from './testbed-frames.ts'

/** Who a port may say it is, frame by frame: what comes of it to a neighbour that takes everything. */
let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

const [own, near, third] = ['fa:16:3e:0a:00:05', 'fa:16:3e:0a:00:06', 'fa:16:3e:0a:00:07']
const TO = '10.0.0.6'
const TO6 = 'fd00::6'
const at = (mac: string, address: string) => ({ mac, address })
const local = at(own, linkLocalOf(own))
const six = at(own, 'fd00::5')
const any6 = at(own, '::')

const addresses = (four: string): PortSpec['addresses'] => [
  { address: four, prefix: 24 },
  { address: 'fd00::5', prefix: 64 },
]

interface Pair {
  readonly netns: string
  readonly spec: PortSpec
  readonly neighbour: string
}

async function pair(): Promise<Pair> {
  const network = networkSpec(randomUUID())
  await bed.port.ensureNetwork(network)
  const [netns, neighbour] = [await bed.netns(), await bed.netns()]
  const spec = portSpec(network.id, '10.0.0.5', { mac: own, addresses: addresses('10.0.0.5') })
  await bed.port.plug(spec, { netns, ifname: 'eth0' })
  const other = {
    mac: near,
    addresses: [...addresses(TO).slice(0, 1), { address: TO6, prefix: 64 }],
  }
  const deaf = portSpec(network.id, TO, { ...other, portSecurity: false })
  await bed.port.plug(deaf, { netns: neighbour, ifname: 'eth0' })
  return { netns, spec, neighbour }
}

/** Every frame with a name; those that came, and those that did not. `sure` is one that comes. */
async function sorted(
  { netns, neighbour: to }: Pair,
  frames: Readonly<Record<string, string>>,
  sure: string,
): Promise<Record<string, boolean>> {
  const came = await arriving(netns, to, [...Object.values(frames), sure])
  return Object.fromEntries(Object.keys(frames).map((name, index) => [name, came[index] === true]))
}

const all = (names: Readonly<Record<string, string>>, come: boolean): Record<string, boolean> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, come]))

const honest = at(own, '10.0.0.5')
const SURE = udp(honest, TO, [1, 1])

it('is heard as itself only, in every protocol', async () => {
  const guests = await pair()
  const heard = {
    udp: udp(honest, TO),
    tcp: tcp(honest, TO),
    arp: arp(honest),
    'arp probe': arp(honest, at(own, '0.0.0.0')),
    'dhcp question': udp(at(own, '0.0.0.0'), '255.255.255.255', [68, 67]),
    'udp over IPv6': udp(six, TO6),
    'tcp over IPv6': tcp(six, TO6),
    'link-local': udp(local, TO6),
    'dhcpv6 question': udp(local, 'ff02::1:2', [546, 547]),
    advertisement: neighbour(six, TO6, 136, six.address),
    'duplicate address detection': neighbour(any6, 'ff02::1', 135, six.address),
  }
  const dropped = {
    'another address': udp(at(own, TO), TO),
    'another address, tcp': tcp(at(own, '10.0.0.9'), TO),
    'no address': udp(at(own, '0.0.0.0'), TO),
    'another MAC': udp(at(near, '10.0.0.5'), TO),
    'all of its neighbour': udp(at(near, TO), TO),
    'all of its neighbour, tcp': tcp(at(near, TO), TO),
    'arp of another address': arp(honest, at(own, TO)),
    'arp of another MAC': arp(honest, at(near, '10.0.0.5')),
    'arp from another MAC': arp(at(near, '10.0.0.5'), honest),
    'arp probe from another MAC': arp(at(near, '0.0.0.0')),
    'dhcp question from another MAC': udp(at(near, '0.0.0.0'), '255.255.255.255', [68, 67]),
    'dhcp answer': udp(honest, TO, [67, 68]),
    'dhcpv6 question from another MAC': udp(at(near, local.address), 'ff02::1:2', [546, 547]),
    'dhcpv6 answer': udp(local, TO6, [547, 546]),
    'another IPv6 address': udp(at(own, TO6), TO6),
    'IPv6 from another MAC': udp(at(near, six.address), TO6),
    'no IPv6 address': udp(any6, TO6),
    'advertisement of another’s': neighbour(six, TO6, 136, TO6),
    'advertisement from another MAC': neighbour(at(near, six.address), TO6, 136, six.address),
    'router advertisement': neighbour(local, 'ff02::1', 134, six.address),
    'detection from another MAC': neighbour(at(near, '::'), 'ff02::1', 135, TO6),
  }
  expect(await sorted(guests, { ...heard, ...dropped }, SURE)).toEqual({
    ...all(heard, true),
    ...all(dropped, false),
  })
  await bed.port.removeNetwork(guests.spec.networkId)
})

it('is heard as its allowed pairs too, until they go', async () => {
  const guests = await pair()
  const place = { netns: guests.netns, ifname: 'eth0' }
  const single = {
    'a second address': udp(at(own, '10.0.0.77'), TO),
    'arp of it': arp(at(own, '10.0.0.77')),
    'a pair': udp(at(third, '10.0.0.78'), TO),
    'a pair, tcp': tcp(at(third, '10.0.0.78'), TO),
    'arp of the pair': arp(at(third, '10.0.0.78')),
    'a pair of IPv6': udp(at(third, 'fd00::78'), TO6),
    'advertisement of it': neighbour(at(third, 'fd00::78'), TO6, 136, 'fd00::78'),
  }
  const range = {
    'an address of a range': udp(at(own, '10.0.9.9'), TO),
    'arp of it, too': arp(at(own, '10.0.9.9')),
    'an IPv6 address of a range': udp(at(own, 'fd09::9'), TO6),
    'advertisement of one of a range': neighbour(at(own, 'fd09::9'), TO6, 136, 'fd09::8'),
  }
  const never = {
    'a pair’s address from the own MAC': udp(at(own, '10.0.0.78'), TO),
    'the own address from a pair’s MAC': udp(honestFrom(third), TO),
    'arp of the pair from the own MAC': arp(honest, at(third, '10.0.0.78')),
    'an address beyond the range': udp(at(own, '10.0.10.1'), TO),
    'a range’s address from a pair’s MAC': udp(at(third, '10.0.9.9'), TO),
    'dhcp answer, still': udp(at(own, '10.0.9.9'), TO, [67, 68]),
  }
  const always = {
    itself: udp(honest, TO),
    'itself, tcp': tcp(honest, TO),
    'arp of itself': arp(honest),
  }
  const frames = { ...single, ...range, ...never, ...always }
  const look = async (): Promise<Record<string, boolean>> => await sorted(guests, frames, SURE)
  const expected = (singles: boolean, ranges: boolean): Record<string, boolean> => ({
    ...all(single, singles),
    ...all(range, ranges),
    ...all(never, false),
    ...all(always, true),
  })
  const singles = [
    { mac: own, cidr: '10.0.0.77/32' },
    { mac: third, cidr: '10.0.0.78' },
    { mac: third, cidr: 'fd00::78' },
  ]
  const ranges = [
    { mac: own, cidr: '10.0.9.0/24' },
    { mac: own, cidr: 'fd09::/64' },
  ]
  const pairs = async (allowedPairs: PortSpec['allowedPairs']): Promise<void> =>
    await bed.port.updatePort({ ...guests.spec, allowedPairs }, place)
  expect(await look()).toEqual(expected(false, false))
  await pairs(singles)
  expect(await look()).toEqual(expected(true, false))
  await pairs([...singles, ...ranges])
  expect(await look()).toEqual(expected(true, true))
  await pairs([])
  expect(await look()).toEqual(expected(false, false))
  await bed.port.removeNetwork(guests.spec.networkId)
})

const honestFrom = (mac: string) => at(mac, honest.address)

it('is heard at its new address and no longer at the old one, whichever process gives it', async () => {
  const guests = await pair()
  const place = { netns: guests.netns, ifname: 'eth0' }
  const next = createLinuxNetwork({ cloud: bed.cloud, log: { debug: () => undefined } })
  const hosts = ['10.0.0.5', '10.0.0.55', '10.0.0.56'] as const
  const move = async (port: NetworkPort, four: string): Promise<void> =>
    await port.plug({ ...guests.spec, addresses: addresses(four) }, place)
  const heard = async (sure: string): Promise<unknown> => {
    const frames = Object.fromEntries(hosts.map((host) => [host, udp(at(own, host), TO)]))
    const came = await sorted(guests, frames, udp(at(own, sure), TO, [1, 1]))
    return Object.keys(came).filter((host) => came[host])
  }
  try {
    await move(bed.port, '10.0.0.55')
    expect(await heard('10.0.0.55')).toEqual(['10.0.0.55'])
    await next.ensureNetwork(networkSpec(guests.spec.networkId))
    await move(next, '10.0.0.56')
    expect(await heard('10.0.0.56')).toEqual(['10.0.0.56'])
    await next.removeNetwork(guests.spec.networkId)
  } finally {
    await next.close()
  }
})
