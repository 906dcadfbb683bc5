import { createSocket, type Socket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packet from 'dns-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  dhcpv6,
  duidOfMac,
  option,
  readDhcpv6,
} from '../../../src/engines/linux/guests/dhcpv6-wire.ts'
import { askDhcpv6, wish } from '../../../src/engines/linux/testbed-dhcpv6.ts'
import { run, tryRun } from '../../../src/kernel/exec/run.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../../support/cloud-process.ts'
import { namespaceOf } from '../../support/packet-agent.ts'
import { ok, Session, until } from '../../support/session.ts'
import { createServer, makeNetwork, serverIn, uploadBusybox } from '../../support/tenant.ts'

/** What guests are told by the network they are in: who they are, names, their address. Asked by programs inside. */
const DESK = '169.254.169.254'
const SAME = '10.93.0.10'
/** Where the world's name server listens: a loopback address that nobody else uses, as servers are asked at port 53. */
const WORLD = '127.53.93.1'
const ELSEWHERE = '198.51.100.7'

interface Guest {
  readonly id: string
  readonly name: string
  readonly netns: string
}

let cloud: CloudProcess
let data: string
let demo: Session
let world: Socket
let one: Guest
let other: Guest
let friend: Guest

beforeAll(async () => {
  world = await nameServer()
  data = temporaryData()
  writeFileSync(join(data, 'stackyard.yaml'), JSON.stringify({ network: { dns: [WORLD] } }))
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
  const image = await uploadBusybox(demo, 'idle', ['sleep', '100000'])
  const [left, right] = [
    await makeNetwork(demo, 'left', '10.93.0.0/24'),
    await makeNetwork(demo, 'right', '10.93.0.0/24'),
  ]
  ;[one, other, friend] = await Promise.all([
    place('one', image, left.networkId, SAME),
    place('other', image, right.networkId, SAME),
    place('friend', image, left.networkId, '10.93.0.11'),
  ])
}, 120_000)

afterAll(async () => {
  world.close()
  await cloud.stop()
  await purge(data)
})

/** Knows one address for every name. */
async function nameServer(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const { id, questions = [] } = packet.decode(message)
    const answers = questions.map(
      ({ name }) => ({ type: 'A', name, ttl: 5, data: ELSEWHERE }) as const,
    )
    socket.send(
      packet.encode({ type: 'response', id, questions, answers }),
      from.port,
      from.address,
    )
  })
  await new Promise<void>((done) => {
    socket.bind(53, WORLD, done)
  })
  return socket
}

async function place(name: string, image: string, uuid: string, fixed_ip: string): Promise<Guest> {
  const userData = `I am ${name}`
  const id = await createServer(demo, { name, image, networks: [{ uuid, fixed_ip }], userData })
  await serverIn(demo, id, 'ACTIVE')
  return { id, name, netns: await namespaceOf(id) }
}

const inside = async (guest: Guest, ...words: string[]): Promise<string> =>
  await run('nsenter', [`--net=${guest.netns}`, ...words])

async function told(guest: Guest, path: string): Promise<string> {
  const program = `fetch('http://${DESK}${path}').then((r) => r.text()).then((t) => console.log(t))`
  return (await inside(guest, process.execPath, '-e', program)).trim()
}

async function ask(guest: Guest, type: 'A' | 'PTR', name: string) {
  const flags = packet.RECURSION_DESIRED
  const question = packet.encode({ type: 'query', id: 7, flags, questions: [{ type, name }] })
  const said = await inside(guest, process.execPath, '-e', asker, question.toString('hex'))
  const [hex = '', ms = ''] = said.trim().split(' ')
  const answer = packet.decode(Buffer.from(hex, 'hex'))
  const answers = (answer.answers ?? []).map((each) => ('data' in each ? each.data : undefined))
  return { rcode: (answer.flags ?? 0) & 15, answers, ms: Number(ms) }
}

const asker = `
const socket = require('dgram').createSocket('udp4'), began = Date.now()
socket.on('message', (answer) => { console.log(answer.toString('hex'), Date.now() - began); process.exit() })
socket.send(Buffer.from(process.argv[1], 'hex'), 53, '${DESK}')
setTimeout(() => process.exit(1), 4000)`

async function knowThemselves(): Promise<void> {
  for (const guest of [one, other]) {
    const seen: unknown = JSON.parse(await told(guest, '/openstack/latest/meta_data.json'))
    expect(seen).toMatchObject({ uuid: guest.id, name: guest.name })
    expect(seen).toHaveProperty('hostname', expect.stringMatching(new RegExp(`^${guest.name}\\b`)))
    for (const path of ['/openstack/latest/user_data', '/latest/user-data'])
      expect(await told(guest, path)).toBe(`I am ${guest.name}`)
  }
}

async function knowNames(): Promise<void> {
  const found = { rcode: 0, answers: ['10.93.0.11'] }
  expect(await ask(one, 'A', 'friend')).toMatchObject(found)
  expect(await ask(one, 'A', 'friend.openstacklocal')).toMatchObject(found)
  const reverse = await ask(one, 'PTR', '11.0.93.10.in-addr.arpa')
  expect(reverse).toMatchObject({ rcode: 0, answers: ['friend.openstacklocal'] })
  expect(await ask(other, 'A', 'friend')).toMatchObject({ rcode: 3, answers: [] })
  const took: number[] = []
  for (let turn = 0; turn < 3; turn++) {
    const nobody = await ask(one, 'A', 'nobody')
    expect(nobody).toMatchObject({ rcode: 3, answers: [] })
    took.push(nobody.ms)
  }
  // at once; one turn or another may meet a busy machine
  expect(Math.min(...took)).toBeLessThan(1000)
  const far = await ask(one, 'A', 'www.example.com')
  expect(far).toMatchObject({ rcode: 0, answers: [ELSEWHERE] })
}

/** The address that a client without one is given. */
async function leased(guest: Guest): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'stackyard-dhcp-'))
  try {
    const script = join(folder, 'script')
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && echo "ip=$ip"\nexit 0\n', { mode: 0o755 })
    const words = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '3', '-T', '1', '-s', script]
    const { stdout } = await tryRun('nsenter', [`--net=${guest.netns}`, 'busybox', ...words])
    return /^ip=(.*)$/m.exec(stdout)?.[1]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Its port gets an address in a new subnet whose addresses are given by DHCPv6. Answers the port's MAC. */
async function addSix({ id }: Guest, address: string, cidr: string): Promise<string> {
  const { ports } = ok(await demo.network.get(`/ports?device_id=${id}`))
  const [{ id: portId, network_id, mac_address, fixed_ips }] = ports
  const mode = 'dhcpv6-stateful'
  const modes = { ipv6_address_mode: mode, ipv6_ra_mode: mode }
  ok(await demo.network.post('/subnets', { subnet: { network_id, cidr, ip_version: 6, ...modes } }))
  const port = { fixed_ips: [...fixed_ips, { ip_address: address }] }
  ok(await demo.network.put(`/ports/${portId}`, { port }))
  return mac_address as string // Neutron's answer
}

describe('guests', () => {
  it('with the same address in two networks read their own metadata', knowThemselves)

  it('resolve the names of their own network, and of the world', knowNames)

  it('are answered the same by a cloud that was started again', async () => {
    await cloud.stop()
    cloud = await startCloudProcess({ data })
    demo = await Session.login(cloud.credentials('demo')) // its port is another
    const again = { what: 'metadata again', timeoutMs: 10_000, everyMs: 100 }
    for (const guest of [one, other])
      await until(
        async () => await told(guest, '/latest/user-data').catch(() => ''),
        (text) => text !== '',
        again,
      )
    await knowThemselves()
    await knowNames()
  })

  it('are given their own address when they have lost it', async () => {
    await inside(friend, 'ip', 'addr', 'flush', 'dev', 'eth0')
    expect(await leased(friend)).toBe('10.93.0.11')
  })

  it('are given their IPv6 address too, when they ask for it', async () => {
    const mac = await addSix(friend, 'fd93::11', 'fd93::/64')
    await inside(friend, 'ip', '-6', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global')
    const name = [option.clientId, duidOfMac(mac)] as const
    const given = await until(
      async () => await askDhcpv6(friend.netns, dhcpv6.solicit, [name, wish]),
      (answer) => answer !== undefined,
      { what: 'an answer to DHCPv6', timeoutMs: 10_000, everyMs: 100 },
    )
    expect(readDhcpv6(given ?? Buffer.alloc(0))?.associations).toMatchObject([
      { addresses: ['fd93::11'] },
    ])
  })
})
