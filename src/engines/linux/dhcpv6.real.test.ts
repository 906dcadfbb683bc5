import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../kernel/exec/run.ts'
import { deaf, networkSpec, portSpec } from '../../ports/contract/network-specs.ts'
import type { GuestServices, Lease6 } from '../../ports/guest-services.ts'
import { linkLocalOf } from './addresses.ts'
import {
  dhcpv6,
  duidOfMac,
  iaOption,
  option,
  readDhcpv6,
  readOptions,
  writeDhcpv6,
  type Option,
} from './guests/dhcpv6-wire.ts'
import { namesOf } from './names.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'

/** DHCPv6 as a client in a plain namespace sees it; its port's groups let nothing pass. */
let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

const ALL_SERVERS = 'ff02::1:2'
const DESK = 'fe80::a9fe:a9fe'
const own = 'fa:16:3e:00:78:01'
const lease: Lease6 = {
  addresses: ['fd00::5', 'fd00:1::5'],
  dns: [DESK],
  domain: 'example.test',
  seconds: 3600,
  options: [{ name: 'bootfile-url', value: 'tftp://[fd00::9]/x' }],
}
const services: GuestServices = {
  ...deaf,
  lease6: async (_network, asker) =>
    await Promise.resolve(asker.address === linkLocalOf(own) ? lease : undefined),
}
const wish = iaOption({ code: option.iaNa, iaid: Buffer.of(0, 0, 0, 1), addresses: [] }, 0, [])

async function guestIn(id: string, mac: string): Promise<string> {
  const netns = await bed.netns()
  const addresses = lease.addresses.map((address) => ({ address, prefix: 64 }))
  const spec = portSpec(id, '10.0.0.5', { mac, addresses, securityGroups: [] })
  await bed.port.plug(spec, { netns, ifname: 'eth0' })
  await run('ip', [
    '-n',
    bed.nameOf(netns),
    '-6',
    'addr',
    'flush',
    'dev',
    'eth0',
    'scope',
    'global',
  ])
  return netns
}

/** The answer to a message of the guest that calls itself by this MAC; undefined when there is none for a second. */
async function told(
  netns: string,
  type: number,
  options: readonly Option[] = [],
  { mac = own, to = ALL_SERVERS } = {},
): Promise<Buffer | undefined> {
  const message = writeDhcpv6(type, Buffer.of(1, 2, 3), [
    [option.clientId, duidOfMac(mac)],
    ...options,
  ])
  const words = [process.execPath, '-e', client, `${to}%eth0`, message.toString('hex')]
  const said = (await run('nsenter', [`--net=${netns}`, ...words])).trim()
  return said === '' ? undefined : Buffer.from(said, 'hex')
}

const client = `
const [to, hex] = process.argv.slice(1)
const socket = require('dgram').createSocket('udp6')
const end = () => process.exit()
socket.on('message', (answer) => { console.log(answer.toString('hex')); end() })
socket.bind(546, () => socket.send(Buffer.from(hex, 'hex'), 547, to))
setTimeout(end, 1000)`

describe('DHCPv6', () => {
  it('configures a guest that asks, with the addresses of its port and what belongs to them', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.serveGuests(id, services)
    const netns = await guestIn(id, own)
    const advertised = readDhcpv6((await told(netns, dhcpv6.solicit, [wish])) ?? Buffer.alloc(0))
    const { addresses } = lease
    expect(advertised).toMatchObject({ type: dhcpv6.advertise, associations: [{ addresses }] })
    const server: Option = [option.serverId, advertised?.serverId ?? Buffer.alloc(0)]
    for (const to of [ALL_SERVERS, DESK]) {
      const reply = await told(netns, dhcpv6.request, [server, wish], { to })
      expect(readDhcpv6(reply ?? Buffer.alloc(0))).toMatchObject({
        type: dhcpv6.reply,
        associations: [{ addresses }],
      })
    }
    const rest = (await told(netns, dhcpv6.informationRequest)) ?? Buffer.alloc(0)
    const values = new Map(readOptions(rest, 4)?.map(([code, value]) => [code, value.toString()]))
    expect([24, 59].map((code) => values.get(code))).toEqual([
      '\u0007example\u0004test\u0000',
      'tftp://[fd00::9]/x',
    ])
    expect(rest.toString('hex')).toContain('00170010fe8000000000000000000000a9fea9fe')
    await bed.port.removeNetwork(id)
  })

  it('says nothing to a stranger that calls itself another', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.serveGuests(id, services)
    const stranger = await guestIn(id, 'fa:16:3e:00:78:02')
    expect(await told(stranger, dhcpv6.solicit, [wish])).toBeUndefined()
    await bed.port.removeNetwork(id)
  })

  it('is there as long as the network carries IPv6, and keeps nobody from the rest', async () => {
    const id = randomUUID()
    const listens = async (): Promise<boolean> => {
      const words = ['netns', 'exec', namesOf(bed.cloud).network(id), 'cat', '/proc/net/udp6']
      return (await run('ip', words)).includes(':0223 ') // 547
    }
    const seen: boolean[] = []
    for (const mtu of [1400, 1200]) {
      await bed.port.ensureNetwork({ ...networkSpec(id), mtu })
      await bed.port.serveGuests(id, services)
      seen.push(await listens())
    }
    expect(seen).toEqual([true, false])
    await bed.port.removeNetwork(id)
  })
})
