import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CoProcess } from '../../kernel/exec/coprocess.ts'
import { run, tryRun } from '../../kernel/exec/run.ts'
import {
  allowAll,
  deaf,
  externalSpec,
  groupSpec,
  legSpec,
  networkSpec,
  nextMac,
  portSpec,
  routerSpec,
} from '../../ports/contract/network-specs.ts'
import type { PortSpec, RouterSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { createLinuxNetwork } from './linux-network.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'
import { calls, echoing, listening, pings, reaches, waitFor } from './testbed-talk.ts'

/** Packets through the real thing: plain namespaces are the workloads, busybox their programs. */
let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

const egress = allowAll.filter((rule) => rule.direction === 'egress')
const tcp = (port: number): SecurityGroupSpec['rules'][number] => ({
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: 6,
  portMin: port,
  portMax: port,
})

async function external(): Promise<string> {
  const networkId = randomUUID()
  await bed.port.ensureExternal(externalSpec(networkId, bed.external))
  return networkId
}

const gatewayTo = (
  networkId: string,
  address = bed.external.address,
): NonNullable<RouterSpec['external']> => ({
  networkId,
  mac: nextMac(),
  gateways: [bed.external.gateway],
  snat: true,
  addresses: [{ address, prefix: 24 }],
})

describe('what is listed', () => {
  const listed = async (): Promise<readonly string[]> => (await bed.port.list()).networks
  const digitsOf = (id: string): string => id.replaceAll('-', '').slice(0, 12)

  it('has its own id from the first moment on, and is no leftover of somebody else', async () => {
    const ids: readonly string[] = Array.from({ length: 12 }, () => randomUUID())
    const looks = Array.from({ length: 60 }, async (_, at) => {
      await sleep(at * 2)
      return await listed()
    })
    await Promise.all(
      ids.map(async (id) => await bed.port.ensureNetwork(networkSpec(id, '10.0.0.0/24'))),
    )
    const seen = new Set((await Promise.all(looks)).flat())
    expect([...seen].filter((id) => !ids.includes(id))).toEqual([])
    for (const id of ids) await bed.port.removeNetwork(digitsOf(id))
    expect((await listed()).toSorted()).toEqual(ids.toSorted())
    await Promise.all(ids.map(async (id) => await bed.port.removeNetwork(id)))
    expect(await listed()).toEqual([])
  })

  it('goes by its digits when its maker was killed before it had an id, unless somebody wants it', async () => {
    const [lost, wanted] = [randomUUID(), randomUUID()]
    for (const id of [lost, wanted])
      await run('ip', ['netns', 'add', `sy${bed.cloud}-n-${digitsOf(id)}`])
    expect((await listed()).toSorted()).toEqual([lost, wanted].map(digitsOf).toSorted())
    await Promise.all([
      ...[lost, wanted].map(async (id) => await bed.port.removeNetwork(digitsOf(id))),
      bed.port.ensureNetwork(networkSpec(wanted, '10.0.0.0/24')),
    ])
    expect(await listed()).toEqual([wanted])
    await bed.port.removeNetwork(wanted)
  })
})

describe('security groups', () => {
  it('lets through what a rule allows and nothing else', async () => {
    const net = await bed.network()
    const open = groupSpec([
      ...egress,
      { direction: 'ingress', ethertype: 'IPv4', protocol: 1 },
      tcp(80),
    ])
    const a = await bed.guest(net, '10.0.0.5', { securityGroups: [groupSpec(egress)] })
    const b = await bed.guest(net, '10.0.0.6', { securityGroups: [open] })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    expect(await pings(b.netns, '10.0.0.5')).toBe(false)
    await listening(b.netns, 80, async () =>
      expect(await calls(a.netns, '10.0.0.6', 80)).toBe(true),
    )
    await listening(b.netns, 81, async () =>
      expect(await calls(a.netns, '10.0.0.6', 81)).toBe(false),
    )
    await bed.port.ensureSecurityGroup(net, { ...open, rules: egress })
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    await bed.port.removeNetwork(net)
  })

  it('asks egress rules too, and lets a port without any group neither send nor receive', async () => {
    const net = await bed.network()
    const closed = await bed.guest(net, '10.0.0.5', {
      securityGroups: [groupSpec(allowAll.filter((rule) => rule.direction === 'ingress'))],
    })
    const none = await bed.guest(net, '10.0.0.6', { securityGroups: [] })
    const open = await bed.guest(net, '10.0.0.7')
    expect(await pings(closed.netns, '10.0.0.7')).toBe(false)
    expect(await reaches(open.netns, '10.0.0.5')).toBe(true)
    expect(await pings(none.netns, '10.0.0.7')).toBe(false)
    expect(await pings(open.netns, '10.0.0.6')).toBe(false)
    await bed.port.updatePort(
      { ...none.spec, portSecurity: false },
      { netns: none.netns, ifname: 'eth0' },
    )
    expect(await reaches(open.netns, '10.0.0.6')).toBe(true)
    await bed.port.removeNetwork(net)
  })

  it('follows the members of a remote group', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const own = groupSpec([
      ...egress,
      { direction: 'ingress', ethertype: 'IPv4', remoteMembers: ['10.0.0.9'] },
    ])
    await bed.guest(net, '10.0.0.6', { securityGroups: [own] })
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    const rules = [
      ...egress,
      { direction: 'ingress', ethertype: 'IPv4', remoteMembers: ['10.0.0.9', '10.0.0.5'] } as const,
    ]
    await bed.port.ensureSecurityGroup(net, { ...own, rules })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    await bed.port.ensureSecurityGroup(net, own)
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    await bed.port.removeNetwork(net)
  })

  it('cuts the established flows of a removed rule and leaves the others', async () => {
    const net = await bed.network()
    const group = groupSpec([...egress, tcp(80), tcp(81)])
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6', { securityGroups: [group] })
    const first = await echoing(a.netns, b.netns, '10.0.0.6', 80)
    const second = await echoing(a.netns, b.netns, '10.0.0.6', 81)
    expect([await first.echoes('one'), await second.echoes('one')]).toEqual([true, true])
    await bed.port.ensureSecurityGroup(net, { ...group, rules: [...egress, tcp(81)] })
    expect([await first.echoes('two'), await second.echoes('two')]).toEqual([false, true])
    await Promise.all([first.stop(), second.stop()])
    await bed.port.removeNetwork(net)
  })

  it('drops what comes from a MAC or an address that is not the port’s, unless it is allowed', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6')
    await run('ip', ['-n', bed.nameOf(a.netns), 'addr', 'add', '10.0.0.50/24', 'dev', 'eth0'])
    const spoofs = async (): Promise<boolean> =>
      (await bed.busybox(a.netns, 'ping', '-c', '1', '-W', '1', '-I', '10.0.0.50', '10.0.0.6'))
        .code === 0
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    expect(await spoofs()).toBe(false)
    const pair = { mac: a.spec.mac, cidr: '10.0.0.48/28' }
    await bed.port.updatePort(
      {
        ...a.spec,
        addresses: [...a.spec.addresses, { address: '10.0.0.50', prefix: 24 }],
        allowedPairs: [pair],
      },
      { netns: a.netns, ifname: 'eth0' },
    )
    await run('ip', ['-n', bed.nameOf(b.netns), 'neigh', 'flush', 'dev', 'eth0'])
    await waitFor(spoofs)
    await run('ip', [
      '-n',
      bed.nameOf(a.netns),
      'link',
      'set',
      'dev',
      'eth0',
      'address',
      'fa:16:3e:ff:ff:ff',
    ])
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    await bed.port.removeNetwork(net)
  })
})

describe('networks and routers', () => {
  it('keeps two networks with the same addresses apart, each reaching its own', async () => {
    const [one, two] = [await bed.network(), await bed.network()]
    const a = await bed.guest(one, '10.0.0.5')
    await bed.guest(one, '10.0.0.6')
    const b = await bed.guest(two, '10.0.0.5')
    await bed.guest(two, '10.0.0.7')
    expect([await reaches(a.netns, '10.0.0.6'), await pings(a.netns, '10.0.0.7')]).toEqual([
      true,
      false,
    ])
    expect([await reaches(b.netns, '10.0.0.7'), await pings(b.netns, '10.0.0.6')]).toEqual([
      true,
      false,
    ])
    for (const id of [one, two]) await bed.port.removeNetwork(id)
  })

  it('carries packets too small for IPv6', async () => {
    const net = randomUUID()
    const small = { ...networkSpec(net), mtu: 600 }
    for (const spec of [networkSpec(net), small, small]) await bed.port.ensureNetwork(spec)
    const a = await bed.guest(net, '10.0.0.5', { mtu: 600 })
    await bed.guest(net, '10.0.0.6', { mtu: 600 })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    expect(await bed.port.inspectNetwork(small, [])).toEqual([])
    await bed.port.removeNetwork(net)
  })

  it('speaks IPv6 in a network at once, under its rules', async () => {
    const net = randomUUID()
    await bed.port.ensureNetwork({
      id: net,
      mtu: 1400,
      subnets: [{ id: randomUUID(), cidr: 'fd00::/64' }],
    })
    const six = (address: string): PortSpec['addresses'] => [
      { address, prefix: 64, gateway: 'fd00::1' },
    ]
    const a = await bed.guest(net, '10.0.0.5', {
      addresses: six('fd00::5'),
      securityGroups: [groupSpec(egress)],
    })
    const b = await bed.guest(net, '10.0.0.6', { addresses: six('fd00::6') })
    const pings6 = async (from: string, to: string, seconds: string): Promise<boolean> =>
      (await bed.busybox(from, 'ping', '-6', '-c', '1', '-W', seconds, to)).code === 0
    expect(await pings6(a.netns, 'fd00::6', '4')).toBe(true)
    expect(await pings6(b.netns, 'fd00::5', '1')).toBe(false)
    const routes = await run('ip', ['-n', bed.nameOf(a.netns), '-6', 'route', 'show', 'default'])
    expect(routes).toContain('via fd00::1')
    await bed.port.removeNetwork(net)
  })

  it('joins networks by a router, and only while it is up', async () => {
    const [one, two] = [await bed.network('10.0.0.0/24'), await bed.network('10.0.1.0/24')]
    const a = await bed.guest(one, '10.0.0.5')
    await bed.guest(two, '10.0.1.5')
    expect(await pings(a.netns, '10.0.1.5')).toBe(false)
    const spec = routerSpec({ interfaces: [legSpec(one, '10.0.0.1'), legSpec(two, '10.0.1.1')] })
    await bed.port.ensureRouter(spec)
    expect(await reaches(a.netns, '10.0.1.5')).toBe(true)
    await bed.port.ensureRouter({ ...spec, adminUp: false })
    expect(await pings(a.netns, '10.0.1.5')).toBe(false)
    await bed.port.ensureRouter(spec)
    expect(await reaches(a.netns, '10.0.1.5')).toBe(true)
    await bed.port.ensureRouter({ ...spec, interfaces: spec.interfaces.slice(0, 1) })
    expect(await pings(a.netns, '10.0.1.5')).toBe(false)
    await bed.port.removeRouter(spec.id)
    for (const id of [one, two]) await bed.port.removeNetwork(id)
  })

  it('plugs into the namespace of a process, where IPv6 was off', async () => {
    const net = await bed.network()
    const process = new CoProcess({
      command: 'unshare',
      args: [
        '--net',
        'busybox',
        'sh',
        '-c',
        'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; echo $$ >&2; exec busybox cat',
      ],
      marker: () => '',
      complaint: () => /^/,
    })
    try {
      const pid = await process.ask('').then(() => process.pid)
      const own = `/proc/${pid}/ns/net`
      const spec = portSpec(net, '10.0.0.5', {
        addresses: [
          { address: '10.0.0.5', prefix: 24 },
          { address: 'fd00::5', prefix: 64 },
        ],
      })
      await waitFor(
        async () =>
          (
            await tryRun('nsenter', [
              `--net=${own}`,
              'sysctl',
              '-n',
              'net.ipv6.conf.default.disable_ipv6',
            ])
          ).stdout.trim() === '1',
      )
      await bed.port.plug(spec, { netns: own, ifname: 'eth0' })
      const b = await bed.guest(net, '10.0.0.6', {
        addresses: [
          { address: '10.0.0.6', prefix: 24 },
          { address: 'fd00::6', prefix: 64 },
        ],
      })
      expect(await reaches(b.netns, '10.0.0.5')).toBe(true)
      expect(await reaches(b.netns, 'fd00::5')).toBe(true)
    } finally {
      await process.stop()
    }
    await bed.port.removeNetwork(net)
  })

  it('plugs again after the namespace was made anew', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6')
    await bed.remake(a.netns)
    await bed.port.plug(a.spec, { netns: a.netns, ifname: 'eth0' })
    expect(await reaches(b.netns, '10.0.0.5')).toBe(true)
    await bed.port.removeNetwork(net)
  })

  it('plugs again after the network’s namespace lost its name and lives on in those who hold it', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6')
    const inNet = `sy${bed.cloud}-n-${net.replaceAll('-', '').slice(0, 12)}`
    await run('ip', ['netns', 'del', inNet])
    await bed.port.ensureNetwork(networkSpec(net))
    for (const { spec, netns } of [a, b]) await bed.port.plug(spec, { netns, ifname: 'eth0' })
    expect(await reaches(b.netns, '10.0.0.5')).toBe(true)
    await bed.port.removeNetwork(net)
  })

  it('repairs what was done half or undone from outside', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6')
    await run('ip', ['-n', bed.nameOf(a.netns), 'addr', 'flush', 'dev', 'eth0'])
    const inNet = `sy${bed.cloud}-n-${net.replaceAll('-', '').slice(0, 12)}`
    await run('nsenter', [`--net=/run/netns/${inNet}`, 'nft', 'delete', 'table', 'bridge', 'sg'])
    await bed.port.ensureNetwork(networkSpec(net))
    await bed.port.plug(a.spec, { netns: a.netns, ifname: 'eth0' })
    expect(await reaches(b.netns, '10.0.0.5')).toBe(true)
    expect(await run('ip', ['-n', bed.nameOf(a.netns), 'route'])).toContain('default via 10.0.0.1')
    await bed.port.removeNetwork(net)
  })
})

describe('the way out and in', () => {
  it('reaches servers by floating addresses from the host, and the world under the right address', async () => {
    const [net, ext] = [await bed.network(), await external()]
    const a = await bed.guest(net, '10.0.0.5', {
      securityGroups: [
        groupSpec([
          ...egress,
          { ...tcp(80), remoteCidr: `${bed.external.gateway}/32` },
          { direction: 'ingress', ethertype: 'IPv4', protocol: 1 },
        ]),
      ],
    })
    const b = await bed.guest(net, '10.0.0.6')
    const leg = legSpec(net, '10.0.0.1')
    const spec = routerSpec({ interfaces: [leg], external: gatewayTo(ext) })
    const floating = { id: randomUUID(), floating: bed.external.floating, fixed: '10.0.0.5' }
    await bed.port.ensureRouter(spec)
    expect(await sourceSeenFrom(a.netns)).toBe(bed.external.address)
    await bed.port.ensureRouter({ ...spec, floatingIps: [floating] })
    expect(await sourceSeenFrom(a.netns)).toBe(bed.external.floating)
    expect(await sourceSeenFrom(b.netns)).toBe(bed.external.address)
    const host = '/proc/self/ns/net'
    expect(await reaches(host, bed.external.floating)).toBe(true)
    // the rule names the host's address: it holds only if the source came through unchanged
    await listening(a.netns, 80, async () => {
      expect(await calls(host, bed.external.floating, 80)).toBe(true)
      expect(await calls(b.netns, bed.external.floating, 80)).toBe(false)
    })
    expect(await reaches(b.netns, bed.external.floating)).toBe(true) // hairpin
    await bed.port.ensureRouter(spec)
    expect(await pings(host, bed.external.floating)).toBe(false)
    await bed.port.removeRouter(spec.id)
    await bed.port.removeExternal(ext)
    await bed.port.removeNetwork(net)
  })

  it('reaches what lies beyond the host under the host’s own address, but no metadata service there', async () => {
    const [net, ext] = [await bed.network(), await external()]
    const a = await bed.guest(net, '10.0.0.5')
    const world = await bed.netns()
    const link = `syt${bed.cloud}w`
    // TEST-NET-2: nobody has it; the world knows no way back but to the host
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', world])
    try {
      await run('ip', ['addr', 'add', '198.51.100.1/24', 'dev', link])
      await run('ip', ['link', 'set', link, 'up'])
      const inside = [
        'addr add 198.51.100.9/24 dev eth0',
        'addr add 169.254.200.9/32 dev eth0',
        'link set eth0 up',
      ]
      await run('ip', ['-n', bed.nameOf(world), '-batch', '-'], { input: inside.join('\n') })
      await run('ip', ['route', 'add', '169.254.200.9/32', 'via', '198.51.100.9', 'dev', link])
      const spec = routerSpec({ interfaces: [legSpec(net, '10.0.0.1')], external: gatewayTo(ext) })
      await bed.port.ensureRouter(spec)
      expect(await reaches(a.netns, '198.51.100.9')).toBe(true)
      expect(await reaches('/proc/self/ns/net', '169.254.200.9')).toBe(true)
      expect(await pings(a.netns, '169.254.200.9')).toBe(false)
      await bed.port.removeRouter(spec.id)
    } finally {
      await run('ip', ['link', 'del', link])
    }
    await bed.port.removeExternal(ext)
    await bed.port.removeNetwork(net)
  })

  it('moves a floating address to another router at once', async () => {
    const [one, two, ext] = [await bed.network(), await bed.network(), await external()]
    const guests = [await bed.guest(one, '10.0.0.5'), await bed.guest(two, '10.0.0.5')]
    const specs = [one, two].map((id, at) =>
      routerSpec({
        interfaces: [legSpec(id, '10.0.0.1')],
        external: gatewayTo(ext, bed.external.address.replace(/\d+$/, String(20 + at))),
      }),
    )
    const floatingIps = [{ id: randomUUID(), floating: bed.external.floating, fixed: '10.0.0.5' }]
    for (const spec of specs) await bed.port.ensureRouter(spec)
    for (const [at, spec] of [...specs, ...specs].entries()) {
      await bed.port.ensureRouter({ ...spec, floatingIps })
      await listening(guests[at % 2]?.netns ?? '', 80, async () =>
        expect(await calls('/proc/self/ns/net', bed.external.floating, 80)).toBe(true),
      )
      expect(await reaches(guests[(at + 1) % 2]?.netns ?? '', bed.external.floating)).toBe(true)
      await bed.port.ensureRouter(spec)
    }
    for (const spec of specs) await bed.port.removeRouter(spec.id)
    await bed.port.removeExternal(ext)
    for (const id of [one, two]) await bed.port.removeNetwork(id)
  })

  it('serves two networks of the same addresses their own metadata, and nothing else of the bridge', async () => {
    const [one, two] = [await bed.network(), await bed.network()]
    for (const id of [one, two]) {
      await bed.port.serveGuests(id, {
        ...deaf,
        metadata: (socket, from) => socket.end(`hello ${from.networkId} ${from.address}\n`),
      })
      const a = await bed.guest(id, '10.0.0.5', { securityGroups: [] })
      const said = await bed.busybox(a.netns, 'nc', '-w', '2', '169.254.169.254', '80')
      expect(said.stdout.trim()).toBe(`hello ${id} 10.0.0.5`)
      expect(await pings(a.netns, '169.254.169.254')).toBe(false)
    }
    for (const id of [one, two]) await bed.port.removeNetwork(id)
  })
})

/** Opens a connection to a server on the host and answers which address it came from. */
async function sourceSeenFrom(netns: string): Promise<string | undefined> {
  let seen: string | undefined
  const server = createServer((socket) => {
    seen = socket.remoteAddress
    socket.end('hello\n')
  })
  await new Promise<void>((resolve) => server.listen(0, bed.external.gateway, resolve))
  const { port } = server.address() as AddressInfo // a TCP server's address is never a path
  await bed.busybox(netns, 'nc', '-w', '2', bed.external.gateway, String(port))
  await new Promise((resolve) => server.close(resolve))
  return seen
}

it('goes on where a process before it stopped, and ends what was forbidden meanwhile', async () => {
  const [net, ext] = [await bed.network(), await external()]
  const group = groupSpec([...egress, tcp(80)])
  const a = await bed.guest(net, '10.0.0.5')
  const b = await bed.guest(net, '10.0.0.6', { securityGroups: [group] })
  const router = routerSpec({ interfaces: [legSpec(net, '10.0.0.1')], external: gatewayTo(ext) })
  await bed.port.ensureRouter(router)
  const talk = await echoing(a.netns, b.netns, '10.0.0.6', 80)
  expect(await talk.echoes('one')).toBe(true)
  const next = createLinuxNetwork({ cloud: bed.cloud, log: { debug: () => undefined } })
  try {
    const held = await next.list()
    expect([
      held.networks.includes(net),
      held.routers.includes(router.id),
      held.externals.includes(ext),
    ]).toEqual([true, true, true])
    expect([...(await next.pluggedPorts(net))].sort()).toEqual([a.spec.id, b.spec.id].sort())
    await next.ensureNetwork(networkSpec(net))
    await next.ensureRouter(router)
    await next.plug(b.spec, { netns: b.netns, ifname: 'eth0' })
    expect(await talk.echoes('two')).toBe(true)
    await next.plug(
      { ...b.spec, securityGroups: [{ ...group, rules: egress }] },
      { netns: b.netns, ifname: 'eth0' },
    )
    expect(await talk.echoes('three')).toBe(false)
    expect(await sourceSeenFrom(a.netns)).toBe(bed.external.address)
    await next.unplug(a.spec.id, net)
    await next.removeSecurityGroup(net, a.spec.securityGroups[0]?.id ?? '')
    await next.removeRouter(router.id)
    await next.removeNetwork(net)
    await next.removeExternal(ext)
    const left = Object.values(await next.list()).flat()
    expect([net, router.id, ext].filter((id) => left.includes(id))).toEqual([])
  } finally {
    await talk.stop()
    await next.close()
  }
})

it('leaves the host as it was', async () => {
  const own = await linuxBed()
  const before = await hostState()
  const [net, ext] = [randomUUID(), randomUUID()]
  await own.port.ensureNetwork(networkSpec(net))
  await own.port.ensureExternal(externalSpec(ext, own.external))
  const spec = portSpec(net, '10.0.0.5')
  const netns = await own.netns()
  await own.port.plug(spec, { netns, ifname: 'eth0' })
  await own.port.serveGuests(net, deaf)
  await own.port.ensureRouter(routerSpec({ interfaces: [legSpec(net, '10.0.0.1')] }))
  expect(await hostState()).not.toEqual(before)
  await own.close() // purge, not one removal after another
  expect(await hostState()).toEqual(before)
})

/** Only what carries no counter and belongs to nobody else's test at this moment. */
async function hostState(): Promise<string[]> {
  const [netns, links, tables, rules] = await Promise.all([
    run('ip', ['netns', 'list']),
    run('ip', ['-o', 'link', 'show']),
    run('nft', ['list', 'tables']),
    run('iptables', ['-w', '10', '-S']),
  ])
  const lines = [netns, links.replaceAll(/^\d+: (\S+?)[@:].*$/gm, '$1'), tables, rules]
    .join('\n')
    .split('\n')
  return lines
    .map((line) => line.replace(/ \(id: \d+\)/, ''))
    .filter((line) => !/veth/.test(line))
    .sort()
}
