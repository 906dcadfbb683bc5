import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../kernel/exec/run.ts'
import {
  gatewaySpec,
  legSpec,
  networkSpec,
  portSpec,
  routerSpec,
} from '../../ports/contract/network-specs.ts'
import type { ExternalSpec, PortForwardingSpec, RouterSpec } from '../../ports/network.ts'
import { namesOf, netnsPath } from './names.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'
import { hasIperf, rate } from './testbed-rate.ts'
import { calls, echoing, HOST, listening, pings, reaches } from './testbed-talk.ts'

/** What routers and external networks do with packets: plain namespaces are the workloads. */
let bed: LinuxBed
let outside: ExternalSpec
let one: string
let two: string
/** In `one`, which is 10.0.0.0/24 and fd00:0:0:1::/64. */
let near: string
/** In `two`, which is 10.0.1.0/24 and fd00:0:0:2::/64. */
let far: string

beforeAll(async () => {
  bed = await linuxBed()
  const { external } = bed
  outside = {
    networkId: randomUUID(),
    mtu: 1400,
    subnets: [external, external.six].map(({ cidr, gateway }) => ({ cidr, gateway })),
  }
  await bed.port.ensureExternal(outside)
  ;[one, two] = [randomUUID(), randomUUID()]
  await bed.port.ensureNetwork(networkSpec(one, '10.0.0.0/24'))
  await bed.port.ensureNetwork(networkSpec(two, '10.0.1.0/24'))
  near = await guest(one, '10.0.0.5', 'fd00:0:0:1::')
  far = await guest(two, '10.0.1.5', 'fd00:0:0:2::')
})
afterAll(async () => await bed.close())

async function guest(networkId: string, address: string, prefix6: string): Promise<string> {
  const netns = await bed.netns()
  const { addresses } = portSpec(networkId, address)
  const six = { address: `${prefix6}5`, prefix: 64, gateway: `${prefix6}1` }
  const spec = portSpec(networkId, address, { addresses: [...addresses, six] })
  await bed.port.plug(spec, { netns, ifname: 'eth0' })
  return netns
}

/** Both networks, both families, and a way out. */
function dualRouter(more: Partial<NonNullable<RouterSpec['external']>> = {}): RouterSpec {
  const leg = (networkId: string, four: string, six: string): RouterSpec['interfaces'][number] => ({
    ...legSpec(networkId, four),
    addresses: [
      { address: four, prefix: 24 },
      { address: six, prefix: 64 },
    ],
  })
  const gateway = gatewaySpec(outside.networkId, bed.external)
  const { six } = bed.external
  return routerSpec({
    interfaces: [leg(one, '10.0.0.1', 'fd00:0:0:1::1'), leg(two, '10.0.1.1', 'fd00:0:0:2::1')],
    external: {
      ...gateway,
      addresses: [...gateway.addresses, { address: six.address, prefix: 64 }],
      gateways: [...gateway.gateways, six.gateway],
      ...more,
    },
  })
}

function wayOut(spec: RouterSpec): NonNullable<RouterSpec['external']> {
  if (spec.external === undefined) throw new Error('the router has no way out')
  return spec.external
}

async function routed<T>(spec: RouterSpec, use: (spec: RouterSpec) => Promise<T>): Promise<T> {
  await bed.port.ensureRouter(spec)
  try {
    return await use(spec)
  } finally {
    await bed.port.removeRouter(spec.id)
  }
}

const floatingTo = (fixed: string): RouterSpec['floatingIps'][number] => ({
  id: randomUUID(),
  floating: bed.external.floating,
  fixed,
})

const forwarding = (
  external: number,
  fixed: string,
  internal = external,
): PortForwardingSpec & { readonly floating: string } => ({
  id: randomUUID(),
  protocol: 'tcp',
  floating: bed.external.floating,
  externalPorts: [external, external],
  fixed,
  internalPorts: [internal, internal],
})

/** Opens a connection to a server on the host and answers which address it came from. */
async function sourceSeenFrom(netns: string, address: string): Promise<string | undefined> {
  let seen: string | undefined
  const server = createServer((socket) => {
    seen = socket.remoteAddress
    socket.on('error', () => undefined).end('hello\n')
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const { port } = server.address() as AddressInfo // a TCP server's address is never a path
  await bed.busybox(netns, 'nc', '-w', '2', address, String(port))
  await new Promise((resolve) => server.close(resolve))
  return seen
}

describe('IPv6', () => {
  it('is routed between networks, and translated on its way out unless the outside knows the way back', async () => {
    const { six } = bed.external
    await routed(dualRouter(), async (spec) => {
      expect(await reaches(near, 'fd00:0:0:2::5')).toBe(true)
      expect(await sourceSeenFrom(near, six.gateway)).toBe(six.address)
      expect(await pings(HOST, 'fd00:0:0:1::5')).toBe(false)
      const external = wayOut(spec)
      await bed.port.ensureRouter({
        ...spec,
        external: { ...external, routed: ['fd00:0:0:1::/64'] },
      })
      expect(await sourceSeenFrom(near, six.gateway)).toBe('fd00:0:0:1::5')
      expect(await sourceSeenFrom(far, six.gateway)).toBe(six.address)
      expect(await reaches(HOST, 'fd00:0:0:1::5')).toBe(true)
      await bed.port.ensureRouter({ ...spec, external: { ...external, snat: false } })
      expect(await sourceSeenFrom(near, six.gateway)).toBeUndefined()
    })
    expect(await run('ip', ['-6', 'route'])).not.toContain('fd00:0:0:1::')
  })

  it('reaches a guest that the router speaks for, from the host and from a neighbour in the external network', async () => {
    const proxied = { ndpProxies: [{ id: randomUUID(), address: 'fd00:0:0:1::5' }] }
    await routed({ ...dualRouter(), ...proxied }, async (spec) => {
      const neighbour = await outsider()
      expect(await reaches(HOST, 'fd00:0:0:1::5')).toBe(true)
      expect(await reaches(neighbour, 'fd00:0:0:1::5')).toBe(true)
      expect(await sourceSeenFrom(near, bed.external.six.gateway)).toBe('fd00:0:0:1::5')
      await bed.port.ensureRouter({ ...spec, ndpProxies: [] })
      // Who asks anew is not told any more; who remembers finds out when he asks again.
      await run('ip', ['-n', bed.nameOf(neighbour), 'neigh', 'flush', 'dev', 'eth0'])
      expect(await pings(neighbour, 'fd00:0:0:1::5')).toBe(false)
      expect(await sourceSeenFrom(near, bed.external.six.gateway)).toBe(bed.external.six.address)
    })
  })
})

/** Somebody with a link of his own in the external network, who takes a tenant's prefix for his own segment. */
async function outsider(): Promise<string> {
  const netns = await bed.netns()
  const ext = namesOf(bed.cloud).external(outside.networkId)
  const name = bed.nameOf(netns)
  const address = bed.external.six.address.replace(/10$/, '77')
  await run('ip', ['-n', ext, '-batch', '-'], {
    input: `link add o0 type veth peer name eth0 netns ${name}\nlink set dev o0 master br-ext up\n`,
  })
  await run('ip', ['-n', name, '-batch', '-'], {
    input: `link set dev eth0 up\naddr add ${address}/64 dev eth0 nodad\nroute add fd00:0:0:1::/64 dev eth0\n`,
  })
  return netns
}

describe('what was connected', () => {
  it('ends with its floating address, with its forwarding and with its leg, and only that', async () => {
    const { floating } = bed.external
    await routed({ ...dualRouter(), floatingIps: [floatingTo('10.0.0.5')] }, async (spec) => {
      const talk = await echoing(HOST, near, floating, 7001)
      expect(await talk.echoes('one')).toBe(true)
      await bed.port.ensureRouter({
        ...spec,
        routes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
      })
      expect(await talk.echoes('two')).toBe(true)
      await bed.port.ensureRouter({ ...spec, floatingIps: [] })
      expect(await talk.echoes('three')).toBe(false)
      await talk.stop()
      const both = [forwarding(8001, '10.0.0.5', 7002), forwarding(8002, '10.0.1.5', 7003)]
      await bed.port.ensureRouter({ ...spec, floatingIps: [], portForwardings: both })
      const [first, second] = [
        await echoing(HOST, near, floating, 8001, 7002),
        await echoing(HOST, far, floating, 8002, 7003),
      ]
      expect([await first.echoes('one'), await second.echoes('one')]).toEqual([true, true])
      const left = { ...spec, floatingIps: [], portForwardings: both.slice(1) }
      await bed.port.ensureRouter(left)
      expect([await first.echoes('two'), await second.echoes('two')]).toEqual([false, true])
      await bed.port.ensureRouter({ ...left, interfaces: spec.interfaces.slice(0, 1) })
      expect(await second.echoes('three')).toBe(false)
      await Promise.all([first.stop(), second.stop()])
    })
  })

  it('rests while the router is down, which answers nobody itself, and goes on after', async () => {
    const { floating, address } = bed.external
    await routed({ ...dualRouter(), floatingIps: [floatingTo('10.0.0.5')] }, async (spec) => {
      const talk = await echoing(HOST, near, floating, 7004)
      expect(await talk.echoes('one')).toBe(true)
      await bed.port.ensureRouter({ ...spec, adminUp: false })
      expect(await talk.echoes('two')).toBe(false)
      expect(await pings(HOST, address)).toBe(false)
      expect(await pings(near, '10.0.0.1')).toBe(false)
      expect(await pings(near, '10.0.1.5')).toBe(false)
      await bed.port.ensureRouter(spec)
      expect(await reaches(HOST, floating)).toBe(true)
      expect(await reaches(near, '10.0.1.5')).toBe(true)
      await talk.stop()
    })
  })
})

describe('a floating address', () => {
  it('forwards ports to guests of two networks, also for a guest inside', async () => {
    const { floating } = bed.external
    const portForwardings = [forwarding(8001, '10.0.0.5', 80), forwarding(8002, '10.0.1.5', 80)]
    await routed({ ...dualRouter(), portForwardings }, async (spec) => {
      await listening(near, 80, async () => {
        expect(await calls(HOST, floating, 8001)).toBe(true)
        expect(await calls(far, floating, 8001)).toBe(true)
        expect(await calls(near, floating, 8001)).toBe(true)
        expect(await calls(HOST, floating, 8002)).toBe(false)
      })
      await listening(far, 80, async () => expect(await calls(near, floating, 8002)).toBe(true))
      await bed.port.ensureRouter({ ...spec, portForwardings: [] })
      expect(await pings(HOST, floating)).toBe(false)
    })
  })

  it('has its connections understood by a helper: an FTP server names the address it is reached by', async () => {
    const { floating } = bed.external
    const spec: RouterSpec = {
      ...dualRouter(),
      floatingIps: [floatingTo('10.0.0.5')],
      conntrackHelpers: [{ id: randomUUID(), helper: 'ftp', protocol: 'tcp', port: 2121 }],
    }
    await routed(spec, async () => {
      const said = await listening(
        near,
        2121,
        async () => (await bed.busybox(HOST, 'nc', '-w', '2', floating, '2121')).stdout,
        // In two packets, as a real server: the helper reads from the second line on.
        [
          'sh',
          '-c',
          String.raw`printf '220 hi\r\n'; sleep 1; printf '227 at (10,0,0,5,200,10)\r\n'`,
        ],
      )
      expect(said).toContain(`(${floating.replaceAll('.', ',')},`)
    })
  })
})

describe('limits', () => {
  it.runIf(hasIperf)(
    'hold for a floating address in both directions, and for the gateway',
    async () => {
      const { floating, gateway } = bed.external
      const limited = {
        ...floatingTo('10.0.0.5'),
        qos: { egress: { kbps: 8000 }, ingress: { kbps: 16_000 } },
      }
      const spec = dualRouter({ qos: { egress: { kbps: 20_000 }, ingress: { kbps: 30_000 } } })
      await routed({ ...spec, floatingIps: [limited] }, async () => {
        const [sent, got] = await rates(near, gateway)
        const [sentByAll, gotByAll] = await rates(far, gateway)
        expect(Math.abs(sent - 8)).toBeLessThan(2)
        expect(Math.abs(got - 16)).toBeLessThan(3)
        expect(Math.abs(sentByAll - 20)).toBeLessThan(4)
        expect(Math.abs(gotByAll - 30)).toBeLessThan(5)
        expect(await reaches(HOST, floating)).toBe(true)
        const { qos: _qos, ...external } = wayOut(spec)
        await bed.port.ensureRouter({ ...spec, external })
        expect((await rates(far, gateway))[0]).toBeGreaterThan(60)
      })
    },
  )
})

/** Megabits per second that a guest sends to the host, and gets from it. */
const rates = async (from: string, address: string): Promise<readonly [number, number]> => [
  await rate({ from, address }),
  await rate({ from, address, reverse: true }),
]

describe('inspection', () => {
  it('sees whatever is taken away behind our back, and an ensure brings it back', async () => {
    const qos = { egress: { kbps: 1000 } }
    const spec: RouterSpec = {
      ...dualRouter({ qos, routed: ['fd00:0:0:1::/64'] }),
      floatingIps: [floatingTo('10.0.0.5')],
      metering: [{ labelId: randomUUID(), rules: [{ direction: 'ingress', excluded: false }] }],
    }
    const names = namesOf(bed.cloud)
    const inRouter = ['-n', names.router(spec.id)]
    const at = `--net=${netnsPath(names.router(spec.id))}`
    const qg = `qg-${spec.id.replaceAll('-', '').slice(0, 12)}`
    const peer = `r${spec.interfaces[0]?.portId.replaceAll('-', '').slice(0, 12) ?? ''}`
    const link = names.hostLink(outside.networkId)
    const table = names.hostTable(outside.networkId)
    const damages: readonly (readonly [string, 'router' | 'external', string, ...string[]])[] = [
      ['its namespace', 'router', 'ip', 'netns', 'del', names.router(spec.id)],
      ['ip nat', 'router', 'nsenter', at, 'nft', 'delete', 'table', 'ip', 'nat'],
      ['chain post', 'router', 'nsenter', at, 'nft', 'flush', 'chain', 'ip', 'nat', 'post'],
      ['map fip_dnat', 'router', 'nsenter', at, 'nft', 'flush', 'map', 'ip', 'nat', 'fip_dnat'],
      ['does not count', 'router', 'nsenter', at, 'nft', 'delete', 'table', 'inet', 'metering'],
      [
        'address',
        'router',
        'ip',
        ...inRouter,
        'addr',
        'del',
        `${bed.external.floating}/32`,
        'dev',
        qg,
      ],
      ['route to default', 'router', 'ip', ...inRouter, 'route', 'del', 'default'],
      ['route to default', 'router', 'ip', ...inRouter, '-6', 'route', 'del', 'default'],
      ['leg', 'router', 'ip', ...inRouter, 'link', 'del', 'dev', qg],
      ['down at one', 'router', 'ip', '-n', names.network(one), 'link', 'set', 'dev', peer, 'down'],
      [
        'is not on br0',
        'router',
        'ip',
        '-n',
        names.network(one),
        'link',
        'set',
        'dev',
        peer,
        'nomaster',
      ],
      ['limits', 'router', 'tc', ...inRouter, 'qdisc', 'del', 'dev', qg, 'root'],
      ['no route to', 'router', 'ip', '-6', 'route', 'del', 'fd00:0:0:1::/64', 'dev', link],
      ['table ip', 'external', 'nft', 'delete', 'table', 'ip', table],
      ['chain postrouting', 'external', 'nft', 'flush', 'chain', 'ip6', table, 'postrouting'],
      ['address', 'external', 'ip', 'addr', 'del', `${bed.external.six.gateway}/64`, 'dev', link],
      ['link', 'external', 'ip', 'link', 'del', 'dev', link],
      [
        'bridge',
        'external',
        'ip',
        '-n',
        names.external(outside.networkId),
        'link',
        'del',
        'br-ext',
      ],
    ]
    await routed(spec, async () => {
      const whole = async (): Promise<void> => {
        await bed.port.ensureExternal(outside)
        await bed.port.ensureRouter(spec)
        expect(await bed.port.inspectExternal(outside)).toEqual([])
        expect(await bed.port.inspectRouter(spec)).toEqual([])
        expect(await reaches(HOST, bed.external.floating)).toBe(true)
      }
      await whole()
      for (const [said, kind, command, ...words] of damages) {
        await run(command, words)
        const found =
          kind === 'router'
            ? await bed.port.inspectRouter(spec)
            : await bed.port.inspectExternal(outside)
        expect(found.map(({ what }) => what).join('; '), words.join(' ')).toContain(said)
        await whole()
      }
    })
  })
})
