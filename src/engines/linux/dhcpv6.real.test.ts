import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../kernel/exec/run.ts'
import { deaf, networkSpec, portSpec } from '../../ports/contract/network-specs.ts'
import type { GuestServices, Lease6 } from '../../ports/guest-services.ts'
import type { PortSpec } from '../../ports/network.ts'
import { linkLocalOf } from './addresses.ts'
import {
  dhcpv6,
  duidOfMac,
  option,
  readDhcpv6,
  readOptions,
  type Option,
} from './guests/dhcpv6-wire.ts'
import { namesOf } from './names.ts'
import { ALL_SERVERS, askDhcpv6, wish } from './testbed-dhcpv6.ts'
import { linuxBed, type LinuxBed } from './testbed.ts'

/** DHCPv6 as a client in a plain namespace sees it; its port's groups let nothing pass. */
let bed: LinuxBed
beforeAll(async () => {
  bed = await linuxBed()
})
afterAll(async () => await bed.close())

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
const name: Option = [option.clientId, duidOfMac(own)]

const guestSpec = (id: string, mac: string): PortSpec => {
  const addresses = lease.addresses.map((address) => ({ address, prefix: 64 }))
  return portSpec(id, '10.0.0.5', { mac, addresses, securityGroups: [] })
}

async function guestIn(id: string, mac: string, spec = guestSpec(id, mac)): Promise<string> {
  const netns = await bed.netns()
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

describe('DHCPv6', () => {
  it('configures a guest that asks, with the addresses of its port and what belongs to them', async () => {
    const id = randomUUID()
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.serveGuests(id, services)
    const netns = await guestIn(id, own)
    const advertised = readDhcpv6(
      (await askDhcpv6(netns, dhcpv6.solicit, [name, wish])) ?? Buffer.alloc(0),
    )
    const { addresses } = lease
    expect(advertised).toMatchObject({ type: dhcpv6.advertise, associations: [{ addresses }] })
    const server: Option = [option.serverId, advertised?.serverId ?? Buffer.alloc(0)]
    for (const to of [ALL_SERVERS, DESK]) {
      const reply = await askDhcpv6(netns, dhcpv6.request, [name, server, wish], to)
      expect(readDhcpv6(reply ?? Buffer.alloc(0))).toMatchObject({
        type: dhcpv6.reply,
        associations: [{ addresses }],
      })
    }
    const rest = (await askDhcpv6(netns, dhcpv6.informationRequest, [name])) ?? Buffer.alloc(0)
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
    expect(await askDhcpv6(stranger, dhcpv6.solicit, [name, wish])).toBeUndefined()
    await bed.port.removeNetwork(id)
  })

  it('is there as long as the network carries IPv6, and keeps nobody from the rest', async () => {
    const id = randomUUID()
    const listens = async (): Promise<boolean> => {
      const words = ['netns', 'exec', namesOf(bed.cloud).network(id), 'cat', '/proc/net/udp6']
      return (await run('ip', words)).includes(':0223 ') // 547
    }
    const seen: boolean[] = []
    for (const mtu of [1400, 1200, 1400]) {
      await bed.port.ensureNetwork({ ...networkSpec(id), mtu })
      await bed.port.serveGuests(id, services)
      seen.push(await listens())
    }
    expect(seen).toEqual([true, false, true])
    const words = ['-n', namesOf(bed.cloud).network(id), '-6', '-br', 'addr', 'show', 'br0']
    expect((await run('ip', words)).match(/fe80::[^/]+/g)).toEqual([DESK]) // and none of the kernel's
    await bed.port.removeNetwork(id)
  })

  it('hears its guests on a bridge that was made again', async () => {
    const id = randomUUID()
    const spec = guestSpec(id, own)
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.serveGuests(id, services)
    const netns = await guestIn(id, own, spec)
    await run('ip', ['-n', namesOf(bed.cloud).network(id), 'link', 'del', 'br0'])
    await bed.port.ensureNetwork(networkSpec(id))
    await bed.port.plug(spec, { netns, ifname: 'eth0' })
    await bed.port.serveGuests(id, services)
    let heard: Buffer | undefined
    for (let turn = 0; turn < 5 && heard === undefined; turn++)
      heard = await askDhcpv6(netns, dhcpv6.solicit, [name, wish])
    expect(heard?.[0]).toBe(dhcpv6.advertise)
    await bed.port.removeNetwork(id)
  })
})
