import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, tryRun } from '../../kernel/exec/run.ts'
import { groupSpec, networkSpec, portSpec } from '../../ports/contract/network-specs.ts'
import type { PortPlace, PortSpec } from '../../ports/network.ts'
import { namesOf, portLink } from './names.ts'
import { linuxBed, type Guest, type LinuxBed } from './testbed.ts'
import { arp, arriving, udp } from './testbed-frames.ts'
import { hasIperf, rate } from './testbed-rate.ts'
import { busybox, pings, reaches } from './testbed-talk.ts'

/** Sub-ports of trunks, with packets: all of it holds both where the kernel makes VLANs and where it makes none. */
let bed: LinuxBed
let makesVlans: boolean
beforeAll(async () => {
  bed = await linuxBed()
  const add = ['-n', bed.nameOf(await bed.netns()), 'link', 'add']
  await run('ip', [...add, 'one', 'type', 'veth', 'peer', 'name', 'other'])
  const vlan = ['link', 'one', 'name', 'one.1', 'type', 'vlan', 'id', '1']
  makesVlans = (await tryRun('ip', [...add, ...vlan])).code === 0
})
afterAll(async () => await bed.close())

interface Trunk {
  readonly outer: string
  readonly inner: string
  readonly parent: Guest
  readonly sub: PortSpec
  /** Of the sub-port. */
  readonly at: PortPlace
  /** In the parent's network. */
  readonly neighbour: Guest
  /** In the sub-port's network. */
  readonly peer: Guest
}

const both = (last: number): PortSpec['addresses'] => [
  { address: `10.0.1.${last}`, prefix: 24 },
  { address: `fd01::${last}`, prefix: 64 },
]

async function trunk(of: Partial<PortSpec> = {}, sub: Partial<PortSpec> = {}): Promise<Trunk> {
  const [outer, inner] = [await bed.network('10.0.0.0/24'), await bed.network('10.0.1.0/24')]
  const parent = await bed.guest(outer, '10.0.0.5', of)
  const place = { parentPortId: parent.spec.id, parentNetworkId: outer, vlan: 100 }
  const trunk = {
    outer,
    inner,
    parent,
    sub: portSpec(inner, '10.0.1.5', { trunk: place, addresses: both(5), ...sub }),
    at: { netns: parent.netns, ifname: 'eth0.100' },
    neighbour: await bed.guest(outer, '10.0.0.6', of),
    peer: await bed.guest(inner, '10.0.1.6', { ...of, addresses: both(6) }),
  }
  await bed.port.plug(trunk.sub, trunk.at)
  return trunk
}

const close = async ({ outer, inner }: Trunk): Promise<void> => {
  for (const id of [outer, inner]) await bed.port.removeNetwork(id)
}

const inNetwork = (id: string): string => namesOf(bed.cloud).network(id)

async function linkAt({ netns, ifname }: PortPlace): Promise<Record<string, unknown>> {
  const said = await run('ip', ['-n', bed.nameOf(netns), '-d', '-j', 'link', 'show', 'dev', ifname])
  const [link = {}] = JSON.parse(said) as Record<string, unknown>[] // `ip -j` prints a list of objects
  return link
}

const hasNoSubports = async (netns: string): Promise<boolean> =>
  !(await busybox(netns, 'ifconfig', '-a')).stdout.includes('eth0.')

describe('a sub-port', () => {
  it('is in another network than its parent, under its own rules', async () => {
    const all = await trunk()
    const { inner, parent, sub, at, neighbour, peer } = all
    const link = await linkAt(at)
    expect(link).toMatchObject({
      address: sub.mac,
      ...(makesVlans
        ? { link: 'eth0', linkinfo: { info_kind: 'vlan', info_data: { id: 100 } } }
        : { linkinfo: { info_kind: 'veth' } }),
    })
    await bed.port.plug(sub, at)
    expect(await linkAt(at)).toEqual(link)
    expect([...(await bed.port.pluggedPorts(inner))].sort()).toEqual([sub.id, peer.spec.id].sort())
    expect(await reaches(peer.netns, '10.0.1.5')).toBe(true)
    expect(await reaches(parent.netns, '10.0.1.6')).toBe(true)
    expect(await reaches(parent.netns, 'fd01::6')).toBe(true)
    const largest = ['-s', String(sub.mtu - 28), '10.0.1.6']
    expect((await busybox(parent.netns, 'ping', '-c', '1', ...largest)).code).toBe(0)
    expect(await reaches(neighbour.netns, '10.0.0.5')).toBe(true)
    await bed.port.updatePort({ ...sub, securityGroups: [groupSpec([])] }, at)
    expect(await pings(peer.netns, '10.0.1.5')).toBe(false)
    await bed.port.updatePort({ ...sub, adminUp: false }, at)
    expect(await pings(peer.netns, '10.0.1.5')).toBe(false)
    expect(await reaches(neighbour.netns, '10.0.0.5')).toBe(true)
    await bed.port.updatePort(sub, at)
    expect(await reaches(peer.netns, '10.0.1.5')).toBe(true)
    await close(all)
  })

  it('may be in the network of its parent', async () => {
    const all = await trunk()
    const { outer, parent, neighbour } = all
    const at = { netns: parent.netns, ifname: 'eth0.7' }
    const place = { parentPortId: parent.spec.id, parentNetworkId: outer, vlan: 7 }
    const sub = portSpec(outer, '10.0.2.5', { trunk: place })
    await neighbour.change({
      addresses: [...neighbour.spec.addresses, { address: '10.0.2.6', prefix: 24 }],
    })
    await bed.port.plug(sub, at)
    const link = await linkAt(at)
    await bed.port.plug(sub, at)
    expect(await linkAt(at)).toEqual(link)
    expect(await reaches(neighbour.netns, '10.0.2.5')).toBe(true)
    expect(await bed.port.inspectNetwork(networkSpec(outer), [{ spec: sub, at }])).toEqual([])
    await close(all)
  })

  it('is heard in its own network only, and as itself only', async () => {
    // limits lead what is sent through another link and back
    const qos = { egress: { kbps: 10_000 }, ingress: { kbps: 10_000 } }
    const all = await trunk({ portSecurity: false, qos })
    const { parent, sub, neighbour, peer } = all
    const macs = [parent.spec, neighbour.spec, sub, peer.spec].map(({ mac }) => mac)
    for (const { netns } of [neighbour, peer]) await count(netns, macs)
    const own = { mac: sub.mac, address: '10.0.1.5' }
    const frames = [
      arp(own),
      arp({ ...own, address: '10.0.1.7' }),
      udp({ ...own, mac: parent.spec.mac }, '10.0.1.6'),
      udp(own, '10.0.1.6'),
    ]
    const heard = await arriving(parent.netns, peer.netns, frames, 'eth0.100')
    expect(heard).toEqual([true, false, false, true])
    expect(await reaches(neighbour.netns, '10.0.0.5')).toBe(true)
    expect(await reaches(peer.netns, '10.0.1.5')).toBe(true)
    expect(await counted(neighbour.netns)).toEqual([parent.spec.mac])
    expect(await counted(peer.netns)).toEqual([sub.mac])
    await close(all)
  })

  it('cannot be spoken into by a neighbour’s own tags', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5', { portSecurity: false })
    const b = await bed.guest(net, '10.0.0.6', { portSecurity: false })
    await count(b.netns, [])
    // by hand, since not every kernel makes such links; an ear would not hear the tag
    const to = `${b.spec.mac}${a.spec.mac}`.replaceAll(':', '')
    const frames = [`${to}81000064080045000014`, `${to}88b500000000`]
    expect((await arriving(a.netns, b.netns, frames)).at(-1)).toBe(true)
    expect(await counted(b.netns)).toEqual([])
    await bed.port.removeNetwork(net)
  })

  it.runIf(hasIperf)('is held to its rate', async () => {
    const qos = { egress: { kbps: 20_000 }, ingress: { kbps: 40_000 } }
    const all = await trunk({}, { qos })
    const { parent, sub, at, peer } = all
    const there = { from: parent.netns, in: peer.netns, address: '10.0.1.6' }
    const [sent, got] = [await rate(there), await rate({ ...there, reverse: true })]
    expect(sent).toBeGreaterThan(14)
    expect(sent).toBeLessThan(22)
    expect(got).toBeGreaterThan(28)
    expect(got).toBeLessThan(44)
    await bed.port.updatePort({ ...sub, qos: {} }, at)
    expect(await rate(there)).toBeGreaterThan(60)
    await close(all)
  })
})

describe('what a sub-port is made of', () => {
  it('comes after its parent, goes before it or with it, and comes back', async () => {
    const all = await trunk()
    const { outer, inner, parent, sub, at, peer } = all
    for (const parentFirst of [false, true]) {
      if (parentFirst) await bed.port.unplug(parent.spec.id, outer)
      await bed.port.unplug(sub.id, inner, at)
      await bed.port.unplug(parent.spec.id, outer)
      await bed.port.unplug(sub.id, inner, at)
      expect(await bed.port.pluggedPorts(inner)).toEqual([peer.spec.id])
      expect(await hasNoSubports(at.netns)).toBe(true)
      await expect(bed.port.plug(sub, at)).rejects.toThrow('is not plugged')
      await parent.change({})
      await bed.port.plug(sub, at)
      expect(await reaches(peer.netns, '10.0.1.5')).toBe(true)
    }
    await bed.port.unplug(sub.id, inner, at)
    await bed.port.plug(sub, at)
    expect(await reaches(parent.netns, '10.0.1.6')).toBe(true)
    await close(all)
  })

  it('is missed when any of it is taken away, and is whole again after a plug', async () => {
    const qos = { egress: { kbps: 1000 }, ingress: { kbps: 1000 } }
    const all = await trunk({}, { qos })
    const { outer, inner, parent, sub, at, peer } = all
    const look = async (): Promise<string[]> =>
      (await bed.port.inspectNetwork(networkSpec(inner), [{ spec: sub, at }])).map(({ id }) => id)
    expect(await look()).toEqual([])
    const parts = [
      { netns: inNetwork(inner), link: portLink(sub.id), carries: true },
      { netns: bed.nameOf(at.netns), link: at.ifname, carries: true },
      { netns: inNetwork(outer), link: portLink(parent.spec.id), carries: makesVlans },
    ]
    // also when nobody looked before it is mended
    for (const looked of [true, false])
      for (const { netns, link, carries } of parts) {
        await run('ip', ['-n', netns, 'link', 'del', link])
        if (looked) expect(await look(), link).toEqual(carries ? [sub.id] : [])
        await parent.change({})
        await bed.port.plug(sub, at)
        expect(await look(), link).toEqual([])
        expect(await reaches(peer.netns, '10.0.1.5')).toBe(true)
      }
    await close(all)
  })
})

/** From now on, what comes in there with a tag or from one of these. */
async function count(netns: string, macs: readonly string[]): Promise<void> {
  const rules = ['ether type 8021q', ...macs.map((mac) => `ether saddr ${mac}`)]
  const chain = `type filter hook ingress device "eth0" priority 0; ${rules.map((rule) => `${rule} counter;`).join(' ')}`
  const table = `table netdev t { chain c { ${chain} }; }`
  await run('nsenter', [`--net=${netns}`, 'nft', '-f', '-'], { input: table })
}

/** Who of them was heard; `8021q` when anything had a tag. */
async function counted(netns: string): Promise<string[]> {
  const said = await run('nsenter', [`--net=${netns}`, 'nft', 'list', 'ruleset'])
  return [...said.matchAll(/(\S+) counter packets [1-9]/g)].map(([, what = '']) => what)
}
