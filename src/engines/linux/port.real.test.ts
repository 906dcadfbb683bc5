import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, tryRun } from '../../kernel/exec/run.ts'
import {
  allowAll,
  deaf,
  groupSpec,
  networkSpec,
  portSpec,
} from '../../ports/contract/network-specs.ts'
import type { PortSpec, PublishedPortSpec, SecurityGroupSpec } from '../../ports/network.ts'
import { createLinuxNetwork } from './linux-network.ts'
import { namesOf, netnsPath, portLink } from './names.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'
import { hasIperf, rate } from './testbed-rate.ts'
import { calls, echoing, HOST, listening, pings, reaches } from './testbed-talk.ts'

/** What happens at a port, with packets: plain namespaces are the workloads. */
let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

const inside = async (networkId: string, ...words: string[]): Promise<string> => {
  const path = netnsPath(namesOf(bed.cloud).network(networkId))
  return await run('nsenter', [`--net=${path}`, ...words])
}

describe('switched off', () => {
  it('a network lets nothing pass and answers nobody, until it is on again', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    await bed.guest(net, '10.0.0.6')
    await bed.port.serveGuests(net, { ...deaf, metadata: (socket) => socket.end('hello\n') })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    expect(await calls(a.netns, '169.254.169.254', 80)).toBe(true)
    await bed.port.ensureNetwork({ ...networkSpec(net), adminUp: false })
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    expect(await calls(a.netns, '169.254.169.254', 80)).toBe(false)
    await bed.port.ensureNetwork(networkSpec(net))
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    expect(await calls(a.netns, '169.254.169.254', 80)).toBe(true)
    await bed.port.removeNetwork(net)
  })

  it('a port hears and says nothing, until it is on again', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6')
    await b.change({ adminUp: false })
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    await b.change({})
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    await bed.port.removeNetwork(net)
  })
})

describe('quality of service', () => {
  it.runIf(hasIperf)('holds what a guest sends and gets to its rate, live', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5')
    const b = await bed.guest(net, '10.0.0.6')
    await a.change({ qos: { egress: { kbps: 20_000 }, ingress: { kbps: 40_000 } } })
    const [sent, got] = [
      await rate({ from: a.netns, in: b.netns, address: '10.0.0.6' }),
      await rate({ from: b.netns, in: a.netns, address: '10.0.0.5' }),
    ]
    expect(sent).toBeGreaterThan(14)
    expect(sent).toBeLessThan(22)
    expect(got).toBeGreaterThan(28)
    expect(got).toBeLessThan(44)
    await a.change({})
    expect(await rate({ from: a.netns, in: b.netns, address: '10.0.0.6' })).toBeGreaterThan(60)
    await bed.port.removeNetwork(net)
  })

  it('changes, goes, and leaves no queue behind, whoever made it', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5', { qos: { egress: { kbps: 1000, burstKbits: 100 } } })
    const link = portLink(a.spec.id)
    expect(await inside(net, 'tc', 'qdisc', 'show')).toMatch(/tbf .*rate 1Mbit/)
    await a.change({ qos: { egress: { kbps: 3000 }, ingress: { kbps: 2000 } } })
    const both = await inside(net, 'tc', 'qdisc', 'show')
    expect(both).toMatch(/tbf .*rate 3Mbit/)
    expect(both).toMatch(new RegExp(`tbf .*dev ${link} .*rate 2Mbit`))
    // the next process does not know what this one made
    const next = createLinuxNetwork({ cloud: bed.cloud, log: { debug: () => undefined } })
    try {
      const { qos: _qos, ...plain } = a.spec
      await next.updatePort(plain, { netns: a.netns, ifname: 'eth0' })
      expect(await inside(net, 'tc', 'qdisc', 'show')).not.toMatch(/tbf|ingress/)
      expect(await inside(net, 'ip', 'link', 'show', 'type', 'ifb')).toBe('')
    } finally {
      await next.close()
    }
    await bed.port.unplug(a.spec.id, net)
    const b = await bed.guest(net, '10.0.0.6', { qos: { egress: { kbps: 1000 } } })
    await bed.port.unplug(b.spec.id, net)
    expect(await inside(net, 'ip', 'link', 'show', 'type', 'ifb')).toBe('')
    await bed.port.removeNetwork(net)
  })

  it('marks every packet a guest sends, of both families', async () => {
    const net = await bed.network()
    const addresses = (last: number): PortSpec['addresses'] => [
      { address: `10.0.0.${last}`, prefix: 24 },
      { address: `fd00::${last}`, prefix: 64 },
    ]
    const a = await bed.guest(net, '10.0.0.5', { addresses: addresses(5), qos: { dscp: 46 } })
    const b = await bed.guest(net, '10.0.0.6', { addresses: addresses(6) })
    await run('nsenter', [`--net=${b.netns}`, 'nft', '-f', '-'], {
      input:
        'table inet t { chain c { type filter hook prerouting priority 0; ip dscp ef drop; ip6 dscp ef icmpv6 type echo-request drop; }; }',
    })
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    expect(await pings(a.netns, 'fd00::6')).toBe(false)
    await a.change({ qos: {} })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    expect(await reaches(a.netns, 'fd00::6')).toBe(true)
    await bed.port.removeNetwork(net)
  })
})

describe('stateless security groups', () => {
  const ipv4 = (
    direction: 'ingress' | 'egress',
    more = {},
  ): SecurityGroupSpec['rules'][number] => ({
    direction,
    ethertype: 'IPv4',
    ...more,
  })
  const out = [ipv4('egress')]

  it('let no reply in without a rule of its own', async () => {
    const net = await bed.network()
    const group = { ...groupSpec(out), stateful: false }
    const a = await bed.guest(net, '10.0.0.5', { securityGroups: [group] })
    await bed.guest(net, '10.0.0.6')
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    await bed.port.ensureSecurityGroup(net, {
      ...group,
      rules: [...out, ipv4('ingress', { protocol: 1, portMin: 0, portMax: 0 })],
    })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    await bed.port.ensureSecurityGroup(net, { ...group, stateful: true })
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    await bed.port.ensureSecurityGroup(net, group)
    expect(await pings(a.netns, '10.0.0.6')).toBe(false)
    await bed.port.removeNetwork(net)
  })

  it('beside a stateful one take no promise back', async () => {
    const net = await bed.network()
    const stateless = { ...groupSpec([]), stateful: false }
    const a = await bed.guest(net, '10.0.0.5', { securityGroups: [stateless, groupSpec(out)] })
    await bed.guest(net, '10.0.0.6')
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    await bed.port.removeNetwork(net)
  })
})

describe('published ports', () => {
  const [first, second] = [20_000, 20_001].map((port) => port + Math.floor(Math.random() * 9000))
  const at = (hostPort = 0, more: Partial<PublishedPortSpec> = {}): PublishedPortSpec => ({
    protocol: 'tcp',
    hostAddress: '0.0.0.0',
    hostPort,
    port: 80,
    ...more,
  })

  it('lead to the guest from the host and from outside, whatever its groups say, and end with the wish', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5', { securityGroups: [] })
    const b = await bed.guest(net, '10.0.0.6')
    const world = await bed.netns()
    const link = `syt${bed.cloud}w`
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', world])
    try {
      await run('ip', ['addr', 'add', '198.51.100.1/24', 'dev', link])
      await run('ip', ['link', 'set', link, 'up'])
      await run('ip', ['-n', bed.nameOf(world), 'addr', 'add', '198.51.100.9/24', 'dev', 'eth0'])
      await run('ip', ['-n', bed.nameOf(world), 'link', 'set', 'eth0', 'up'])
      await a.change({ securityGroups: [], published: [at(first)] })
      await listening(a.netns, 80, async () => {
        expect(await calls(HOST, '127.0.0.1', first ?? 0)).toBe(true)
        expect(await calls(HOST, '198.51.100.1', first ?? 0)).toBe(true)
        expect(await calls(world, '198.51.100.1', first ?? 0)).toBe(true)
        expect(await pings(b.netns, '10.0.0.5')).toBe(false)
        // the way in is no way out
        const words = ['-o', '-4', 'addr', 'show', namesOf(bed.cloud).transitLink(net)]
        const near = /inet (169\.254\.[\d.]+)/.exec(await run('ip', words))?.[1] ?? ''
        expect(await reaches(HOST, near)).toBe(true)
        await run('ip', ['-n', bed.nameOf(b.netns), 'route', 'replace', 'default', 'dev', 'eth0'])
        expect(await pings(b.netns, near)).toBe(false)
        await a.change({ securityGroups: [], published: [at(first, { hostAddress: '127.0.0.1' })] })
        expect(await calls(HOST, '127.0.0.1', first ?? 0)).toBe(true)
        expect(await calls(world, '198.51.100.1', first ?? 0)).toBe(false)
        // nor by a neighbour who writes the host's loopback address on his packets
        await run('nsenter', [
          `--net=${world}`,
          'sysctl',
          '-qw',
          'net.ipv4.conf.all.route_localnet=1',
        ])
        await run('ip', [
          '-n',
          bed.nameOf(world),
          'route',
          'add',
          '127.0.0.1',
          'via',
          '198.51.100.1',
          'table',
          '5',
        ])
        await run('ip', [
          '-n',
          bed.nameOf(world),
          'rule',
          'add',
          'pref',
          '0',
          'to',
          '127.0.0.1',
          'table',
          '5',
        ])
        await run('ip', ['-n', bed.nameOf(world), 'rule', 'add', 'pref', '1', 'table', 'local'])
        await run('ip', ['-n', bed.nameOf(world), 'rule', 'del', 'pref', '0', 'table', 'local'])
        expect(await calls(world, '127.0.0.1', first ?? 0)).toBe(false)
      })
    } finally {
      await run('ip', ['link', 'del', link])
    }
    await bed.port.removeNetwork(net)
  })

  it('carry datagrams, and cut what was connected when they go', async () => {
    const net = await bed.network()
    const a = await bed.guest(net, '10.0.0.5', {
      published: [at(first), at(second, { protocol: 'udp', port: 53 })],
    })
    const talk = await echoing(HOST, a.netns, '127.0.0.1', first ?? 0, 80)
    expect(await talk.echoes('one')).toBe(true)
    const server = python(a.netns, UDP_SERVER, '53')
    expect(await python(HOST, UDP_CLIENT, String(second))).toBe('served datagram\n')
    await server
    await a.change({ published: [] })
    expect(await talk.echoes('two')).toBe(false)
    await talk.stop()
    expect(await tryRun('ip', ['link', 'show', namesOf(bed.cloud).transitLink(net)])).toMatchObject(
      {
        code: 1,
      },
    )
    expect(
      (await run('nft', ['list', 'tables'])).includes(namesOf(bed.cloud).transitTable(net)),
    ).toBe(false)
    expect(await inside(net, 'sysctl', '-n', 'net.ipv4.ip_forward')).toBe('0\n')
    await bed.port.removeNetwork(net)
  })

  it('refuse a port of the host that is taken, by a program or by another port, and say so', async () => {
    const net = await bed.network()
    const server = createServer()
    server.listen({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    const address = server.address()
    const taken = typeof address === 'object' ? (address?.port ?? 0) : 0
    const a = await bed.guest(net, '10.0.0.5', { published: [at(first)] })
    const b = await bed.guest(net, '10.0.0.6')
    await expect(b.change({ published: [at(first)] })).rejects.toThrow('published by another port')
    await expect(b.change({ published: [at(taken)] })).rejects.toThrow(String(taken))
    server.close()
    // two addresses of the host, one port: told apart inside
    await a.change({ published: [at(first, { hostAddress: '127.0.0.1' })] })
    await b.change({ published: [at(first, { hostAddress: '127.0.0.2' })] })
    await listening(b.netns, 80, async () => {
      expect(await calls(HOST, '127.0.0.2', first ?? 0)).toBe(true)
      expect(await calls(HOST, '127.0.0.1', first ?? 0)).toBe(false)
    })
    await bed.port.unplug(a.spec.id, net)
    await bed.port.removeNetwork(net)
    expect((await run('nft', ['list', 'tables'])).includes(`stackyard_${bed.cloud}_t`)).toBe(false)
  })
})

describe('inspection', () => {
  it('sees whatever is taken away behind our back, and an ensure brings it back', async () => {
    const spec = networkSpec(randomUUID())
    const net = spec.id
    await bed.port.ensureNetwork(spec)
    const group = groupSpec(allowAll, ['10.0.0.5'])
    const qos = { egress: { kbps: 1000 }, ingress: { kbps: 1000 } }
    const a = await bed.guest(net, '10.0.0.5', { securityGroups: [group], qos })
    const b = await bed.guest(net, '10.0.0.6', { securityGroups: [group] })
    const ports = [a, b].map((each) => ({
      spec: each.spec,
      at: { netns: each.netns, ifname: 'eth0' },
    }))
    const seen = async (): Promise<string[]> =>
      (await bed.port.inspectNetwork(spec, ports)).map(({ kind, id }) => `${kind} ${id}`)
    const link = portLink(a.spec.id)
    const everything = [net, a.spec.id, b.spec.id, group.id]
    const harm: readonly (readonly [string, ...string[]])[] = [
      [`network ${net}`, 'ip', 'link', 'set', 'br0', 'down'],
      [`network ${net}`, 'ip', 'addr', 'flush', 'dev', 'br0'],
      [`network ${net}`, 'ip', 'link', 'del', 'br0'],
      [`network ${net}`, 'nft', 'flush chain bridge sg input_local'],
      [`network ${net}`, 'nft', 'delete table bridge sg'],
      [`network ${net}`, 'nft', 'flush ruleset'],
      [`port ${a.spec.id}`, 'ip', 'link', 'set', link, 'down'],
      [`port ${a.spec.id}`, 'ip', 'link', 'set', link, 'nomaster'],
      [`port ${a.spec.id}`, 'tc', 'qdisc', 'del', 'dev', link, 'root'],
      [`port ${a.spec.id}`, 'ip', 'link', 'del', link.replace('p', 'i')],
      [`port ${a.spec.id}`, 'nft', 'flush set bridge sg hosts4'],
      [
        `port ${a.spec.id}`,
        'nft',
        `add element bridge sg hosts4 { "${link}" . ${b.spec.mac} . 10.0.0.6 }`,
      ],
      [`port ${a.spec.id}`, 'nft', `delete element bridge sg byto { "${link}" }`],
      [`port ${a.spec.id}`, 'ip', 'link', 'del', link],
      [
        `group ${group.id}`,
        'nft',
        `flush chain bridge sg gto_${group.id.replaceAll('-', '').slice(0, 12)}`,
      ],
    ]
    expect(await seen()).toEqual([])
    for (const [what, ...command] of harm) {
      await inside(net, ...command)
      const found = await seen()
      expect(found, command.join(' ')).toContain(what)
      expect(everything).toEqual(expect.arrayContaining(found.map((each) => each.split(' ')[1])))
      await bed.port.ensureNetwork(spec)
      for (const each of ports) await bed.port.updatePort(each.spec, each.at)
      await bed.port.ensureSecurityGroup(net, group)
      expect(await seen(), command.join(' ')).toEqual([])
    }
    expect(await reaches(a.netns, '10.0.0.6')).toBe(true)
    await bed.port.removeNetwork(net)
    expect(await seen()).toEqual([`network ${net}`])
  })
})

const python = async (netns: string, program: string, ...words: string[]): Promise<string> =>
  await run('nsenter', [`--net=${netns}`, 'python3', '-c', program, ...words], { timeoutMs: 8000 })

const UDP_SERVER = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[1])))
words, caller = s.recvfrom(99)
s.sendto(b"served " + words, caller)`

/** Asks again until the server is there. */
const UDP_CLIENT = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.3)
for tried in range(15):
  s.sendto(b"datagram", ("127.0.0.1", int(sys.argv[1])))
  try:
    print(s.recv(99).decode())
    break
  except OSError:
    pass`

describe('handed over', () => {
  const onHost = async (...words: string[]) =>
    (await tryRun('ip', ['-j', '-d', 'link', 'show', ...words])).stdout

  it('a port’s other end waits on the host for whoever moves it, and is found there or anywhere', async () => {
    const net = await bed.network()
    const other = await bed.guest(net, '10.0.0.6')
    const spec = portSpec(net, '10.0.0.5')
    const ifname = `t_t${spec.id.slice(0, 8)}`
    const at = { netns: await bed.netns(), ifname, handedOver: true }
    await bed.port.plug(spec, at)
    const seen = JSON.parse(await onHost('dev', ifname)) as Record<string, unknown>[]
    expect(seen).toMatchObject([{ address: spec.mac, operstate: 'DOWN' }])
    // as the Docker Engine does it
    await run('ip', ['link', 'set', 'dev', ifname, 'netns', at.netns])
    const lines = [
      `link set dev ${ifname} name eth0`,
      'addr add 10.0.0.5/24 dev eth0',
      'link set dev eth0 up',
    ]
    for (const line of lines) await run('nsenter', [`--net=${at.netns}`, 'ip', ...line.split(' ')])
    await bed.port.plug(spec, at)
    expect(await onHost('dev', ifname)).toBe('')
    expect(await reaches(at.netns, '10.0.0.6')).toBe(true)
    expect(await reaches(other.netns, '10.0.0.5')).toBe(true)
    expect(await bed.port.inspectNetwork(networkSpec(net), [{ spec, at }])).toEqual([])
    await bed.port.unplug(spec.id, net, at)
    expect(
      await tryRun('nsenter', [`--net=${at.netns}`, 'ip', 'link', 'show', 'dev', 'eth0']),
    ).toMatchObject({ code: 1 })
  })

  it('another interface of that name on the host stays as it is', async () => {
    const net = await bed.network()
    const spec = portSpec(net, '10.0.0.5')
    const ifname = `t_t${spec.id.slice(0, 8)}`
    await run('ip', ['link', 'add', ifname, 'type', 'bridge'])
    try {
      const at = { netns: await bed.netns(), ifname, handedOver: true }
      await expect(bed.port.plug(spec, at)).rejects.toThrow('another interface')
      expect(await onHost('dev', ifname)).toContain('bridge')
    } finally {
      await run('ip', ['link', 'del', ifname])
    }
  })
})
