import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packet from 'dns-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../kernel/exec/run.ts'
import {
  allowAll,
  deaf,
  groupSpec,
  legSpec,
  networkSpec,
  portSpec,
  routerSpec,
} from '../../ports/contract/network-specs.ts'
import type { GuestServices, Lease } from '../../ports/guest-services.ts'
import { linkLocalOf } from './addresses.ts'
import { namesOf } from './names.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'

/** What guests get from their network, asked with plain programs from inside plain namespaces. */
let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

const names: GuestServices['resolve'] = async (networkId, { name, type }) => {
  if (name === 'elsewhere.test') return await Promise.resolve({ kind: 'elsewhere', servers: [] })
  if (name !== `web.${networkId}`) return { kind: 'noSuchName' }
  return { kind: 'known', records: type === 'A' ? [{ type: 'A', data: '10.0.0.7' }] : [] }
}

const both = [
  { address: '10.0.0.5', prefix: 24 },
  { address: 'fd00::5', prefix: 64 },
]

async function guestIn(id: string, more: Parameters<typeof portSpec>[2] = {}): Promise<string> {
  const netns = await bed.netns()
  await bed.port.plug(portSpec(id, '10.0.0.5', { securityGroups: [], ...more }), {
    netns,
    ifname: 'eth0',
  })
  return netns
}

const indexOf = (link: string): number =>
  existsSync(`${link}/ifindex`) ? Number(readFileSync(`${link}/ifindex`, 'utf8')) : 0

describe('a network’s services', () => {
  it('answers for names over UDP and TCP, on IPv4 and IPv6, at once', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.serveGuests(id, { ...deaf, resolve: names })
    const netns = await guestIn(id, { addresses: both })
    for (const server of ['169.254.169.254', 'fe80::a9fe:a9fe%eth0'])
      for (const over of ['udp', 'tcp'] as const) {
        const answer = await ask(netns, server, over, `WEB.${id}`)
        expect([server, over, answer.rcode, answer.answers]).toEqual([
          server,
          over,
          0,
          ['10.0.0.7'],
        ])
      }
    const start = performance.now()
    expect((await ask(netns, '169.254.169.254', 'udp', 'nobody')).rcode).toBe(3)
    expect((await ask(netns, '169.254.169.254', 'udp', 'elsewhere.test')).rcode).toBe(5)
    expect(performance.now() - start).toBeLessThan(3000)
    await bed.port.removeNetwork(id)
  })

  it('gives metadata by IPv6 to a guest, known by the address its MAC makes', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.serveGuests(id, {
      ...deaf,
      metadata: (socket, from) => socket.end(`hello ${from.address}\n`),
    })
    const mac = 'fa:16:3e:00:77:01'
    const netns = await guestIn(id, { mac, addresses: [{ address: 'fd00::5', prefix: 64 }] })
    const caller = `require('net').connect(80, 'fe80::a9fe:a9fe%eth0').pipe(process.stdout)`
    const said = await run('nsenter', [`--net=${netns}`, process.execPath, '-e', caller])
    expect(said.trim()).toBe(`hello ${linkLocalOf(mac)}`)
    await bed.port.removeNetwork(id)
  })

  it('has a link whose number this host knows; behind another it hangs up on IPv6, and serves by IPv4', async () => {
    const spec = networkSpec(randomUUID())
    await bed.port.ensureNetwork(spec)
    const br0 = ['-n', namesOf(bed.cloud).network(spec.id), 'link']
    const known = readdirSync('/sys/class/net').map((link) => indexOf(`/sys/class/net/${link}`))
    const shown = JSON.parse(await run('ip', ['-j', ...br0, 'show', 'br0'])) as [
      { ifindex: number },
    ] // ip's own
    expect(known).toContain(shown[0].ifindex)
    await run('ip', [...br0, 'del', 'br0'])
    await run('ip', [...br0, 'add', 'br0', 'index', '123456789', 'type', 'bridge'])
    await bed.port.ensureNetwork(spec)
    await bed.port.serveGuests(spec.id, {
      ...deaf,
      metadata: (socket, from) => socket.end(`hello ${from.address}\n`),
    })
    const netns = await guestIn(spec.id, { addresses: both })
    const said = async (address: string): Promise<string> =>
      (await bed.busybox(netns, 'nc', '-w', '5', address, '80')).stdout.trim()
    expect(await said('fe80::a9fe:a9fe%eth0')).toBe('')
    expect(await said('169.254.169.254')).toBe('hello 10.0.0.5')
    await bed.port.removeNetwork(spec.id)
  })

  it('gives metadata through a router to a guest without another way, and to nobody who calls the router', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    const router = routerSpec({ interfaces: [legSpec(id, '10.0.0.1')] })
    await bed.port.ensureRouter(router)
    await bed.port.serveRouterGuests(router.id, {
      metadata: (socket, from) => socket.end(`hello ${from.networkId} ${from.address}\n`),
    })
    const netns = await guestIn(id, { securityGroups: [groupSpec(allowAll)] })
    await run('nsenter', [`--net=${netns}`, 'ip', 'route', 'del', '169.254.169.254'])
    const said = await bed.busybox(netns, 'nc', '-w', '2', '169.254.169.254', '80')
    expect(said.stdout.trim()).toBe(`hello ${id} 10.0.0.5`)
    const direct = await bed.busybox(netns, 'nc', '-w', '1', '10.0.0.1', '9697')
    expect(direct.stdout).toBe('')
    expect(await bed.port.inspectRouter(router)).toEqual([])
    await bed.port.removeRouter(router.id)
    await bed.port.removeNetwork(id)
  })

  it('configures a guest that asks, with the address of its port and no other', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    const lease: Lease = {
      address: '10.0.0.5',
      prefix: 24,
      gateway: '10.0.0.1',
      routes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
      dns: ['169.254.169.254'],
      domain: 'example.test',
      hostname: 'web',
      mtu: 1400,
      seconds: 3600,
      options: [{ name: 'ntp-server', value: '10.0.0.8' }],
    }
    const mac = 'fa:16:3e:00:77:02'
    await bed.port.serveGuests(id, {
      ...deaf,
      lease: async (_network, asker) =>
        await Promise.resolve(asker.mac === mac ? lease : undefined),
    })
    const netns = await guestIn(id, { mac })
    await run('nsenter', [`--net=${netns}`, 'ip', 'addr', 'flush', 'dev', 'eth0'])
    const told = await dhcpClient(netns)
    expect(told).toMatchObject({
      ip: '10.0.0.5',
      subnet: '255.255.255.0',
      router: '10.0.0.1',
      dns: '169.254.169.254',
      domain: 'example.test',
      hostname: 'web',
      mtu: '1400',
      lease: '3600',
      serverid: '169.254.169.254',
      ntpsrv: '10.0.0.8',
    })
    expect(told['staticroutes']).toBe('192.0.2.0/24 10.0.0.9 0.0.0.0/0 10.0.0.1')
    const stranger = await guestIn(id, { mac: 'fa:16:3e:00:77:03' })
    expect(await dhcpClient(stranger)).toEqual({})
    await bed.port.removeNetwork(id)
  })
})

/** What busybox's client was told, as the variables its script gets; nothing when nobody answered. */
async function dhcpClient(netns: string): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'stackyard-dhcp-'))
  try {
    const script = join(folder, 'script')
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && env\nexit 0\n', { mode: 0o755 })
    const options = ['mtu', 'staticroutes', 'ntpsrv'].flatMap((name) => ['-O', name])
    const words = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '2', '-T', '1', '-s', script]
    const { stdout } = await bed.busybox(netns, ...words, ...options)
    const pairs = stdout.split('\n').flatMap((line) => {
      const at = line.indexOf('=')
      return at > 0 && /^[a-z]/.test(line) ? [[line.slice(0, at), line.slice(at + 1)] as const] : []
    })
    return Object.fromEntries(pairs)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A question asked by a program in the namespace; `nc` would do for TCP, but not for UDP. */
async function ask(
  netns: string,
  server: string,
  over: 'udp' | 'tcp',
  name: string,
): Promise<{ rcode: number; answers: unknown[] }> {
  const question = packet.encode({
    type: 'query',
    id: 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
  })
  const said = await run('nsenter', [
    `--net=${netns}`,
    process.execPath,
    '-e',
    asker,
    server,
    over,
    question.toString('hex'),
  ])
  const answer = packet.decode(Buffer.from(said.trim(), 'hex'))
  return {
    rcode: (answer.flags ?? 0) & 15,
    answers: (answer.answers ?? []).map((each) => ('data' in each ? each.data : undefined)),
  }
}

const asker = `
const [server, over, hex] = process.argv.slice(1)
const message = Buffer.from(hex, 'hex')
const say = (answer) => { console.log(answer.toString('hex')); process.exit(0) }
setTimeout(() => process.exit(1), 4000)
if (over === 'udp') {
  const socket = require('dgram').createSocket(server.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', say)
  socket.send(message, 53, server)
} else {
  const socket = require('net').connect(53, server)
  let all = Buffer.alloc(0)
  socket.write(Buffer.concat([Buffer.from([0, message.length]), message]))
  socket.on('data', (chunk) => { all = Buffer.concat([all, chunk]); if (all.length > 2 && all.length >= 2 + all.readUInt16BE(0)) say(all.subarray(2)) })
}`
