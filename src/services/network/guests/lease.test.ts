import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Lease6 } from '../../../ports/guest-services.ts'
import { eui64, formatIp, parseIp } from '../addressing/address.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'

/** What guests are told by DHCPv6, by what Neutron's DHCP agent tells dnsmasq of each kind of subnet. */
let cloud: TestNetwork
beforeAll(async () => {
  cloud = await startTestNetwork()
})
afterAll(async () => await cloud.close())

const DESK = 'fe80::a9fe:a9fe'
const stateful = { ipv6_address_mode: 'dhcpv6-stateful', ipv6_ra_mode: 'dhcpv6-stateful' }
const stateless = { ipv6_address_mode: 'dhcpv6-stateless', ipv6_ra_mode: 'dhcpv6-stateless' }
const slaac = { ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' }

interface Guest {
  readonly networkId: string
  readonly mac: string
  readonly addresses: readonly string[]
}

/** A plugged port in a network of its own with these subnets, of IPv6 unless they say otherwise. */
async function guest(subnets: readonly object[], wish: object = {}): Promise<Guest> {
  const { network } = await cloud.ask('demo', 'POST', '/networks', { network: { name: 'n' } })
  for (const [at, more] of subnets.entries()) {
    const subnet = { network_id: network.id, ip_version: 6, cidr: `fd00:${at}::/64`, ...more }
    await cloud.ask('demo', 'POST', '/subnets', { subnet })
  }
  const { port } = await cloud.ask('demo', 'POST', '/ports', {
    port: { network_id: network.id, ...wish },
  })
  await cloud.service.face.plugPort(cloud.ctx(), port.id, { netns: '/run/n', ifname: 'eth0' })
  await cloud.settle()
  const addresses = port.fixed_ips.map((each: { ip_address: string }) => each.ip_address)
  return { networkId: network.id, mac: port.mac_address, addresses }
}

function linkLocal(mac: string): string {
  const prefix = parseIp('fe80::')
  return prefix === undefined ? '' : formatIp(eui64(prefix, mac))
}

const told = async ({ networkId, mac }: Guest): Promise<Lease6 | undefined> =>
  await cloud.engine.askLease6(networkId, { address: linkLocal(mac) })

describe('DHCPv6', () => {
  it('gives a guest the addresses of its port, with names and lifetimes', async () => {
    const own = await guest([stateful, stateful], {
      fixed_ips: [{ ip_address: 'fd00:0::5' }, { ip_address: 'fd00:1::5' }],
    })
    expect(await told(own)).toEqual({
      addresses: ['fd00::5', 'fd00:1::5'],
      dns: [DESK],
      domain: 'openstacklocal',
      seconds: 86_400,
      options: [],
    })
  })

  it.each([
    ['addresses where no mode is set', {}, 'addresses'],
    ['the rest only where guests make their own', stateless, 'rest'],
    ['nothing where routers tell all', slaac, 'nothing'],
    ['nothing where only routers have a mode', { ipv6_ra_mode: 'dhcpv6-stateful' }, 'nothing'],
    ['nothing where it is off', { enable_dhcp: false }, 'nothing'],
  ])('tells %s', async (_what, modes, what) => {
    const own = await guest([modes])
    const lease = await told(own)
    expect(lease?.addresses).toEqual(
      { addresses: own.addresses, rest: [], nothing: undefined }[what],
    )
    expect(lease?.dns).toEqual(what === 'nothing' ? undefined : [DESK])
  })

  it('tells each the name servers of its subnets, and the options of its port for IPv6', async () => {
    const opts = [
      { opt_name: 'ntp-server', opt_value: 'fd00::9', ip_version: 6 },
      { opt_name: 'mtu', opt_value: '1300' },
    ]
    const four = { ip_version: 4, cidr: '10.0.0.0/24', dns_nameservers: ['10.0.0.2'] }
    const subnets = [
      { ...stateful, dns_nameservers: ['fd00::53', 'fd00::54'] },
      { ...stateless, dns_nameservers: ['fd00::54', 'fd00::55'] },
      { ...slaac, dns_nameservers: ['fd00::56'] },
    ]
    const own = await guest([four, ...subnets], { extra_dhcp_opts: opts })
    expect(await told(own)).toMatchObject({
      dns: ['fd00::53', 'fd00::54', 'fd00::55'],
      addresses: own.addresses.filter((each) => each.startsWith('fd00:1:')),
      options: [{ name: 'ntp-server', value: 'fd00::9' }],
    })
  })

  it('does not take a guarded guest for another, whatever MAC it says', async () => {
    const own = await guest([stateful])
    const ask = async (address: string, mac?: string): Promise<unknown> =>
      await cloud.engine.askLease6(own.networkId, { address, ...(mac && { mac }) })
    expect(await ask(linkLocal('fa:16:3e:99:99:99'), own.mac)).toBeUndefined()
    expect(await ask('fe80::1', own.mac)).toBeUndefined()
    expect(await ask('fe80::1')).toBeUndefined()
    expect(await ask(linkLocal(own.mac), 'fa:16:3e:99:99:99')).toMatchObject({
      addresses: own.addresses,
    })
  })

  it('believes the MAC that an unguarded guest says when its address tells none', async () => {
    const own = await guest([stateful], { port_security_enabled: false })
    const asker = { address: 'fe80::1', mac: own.mac }
    expect((await cloud.engine.askLease6(own.networkId, asker))?.addresses).toEqual(own.addresses)
  })

  it('is silent where the network is off its DHCP agent', async () => {
    const own = await guest([stateful])
    const { agents } = await cloud.ask('admin', 'GET', '/agents?agent_type=DHCP agent')
    const path = `/agents/${agents[0].id}/dhcp-networks`
    await cloud.ask('admin', 'DELETE', `${path}/${own.networkId}`)
    expect(await told(own)).toBeUndefined()
    await cloud.ask('admin', 'POST', path, { network_id: own.networkId })
    expect((await told(own))?.addresses).toEqual(own.addresses)
  })
})
