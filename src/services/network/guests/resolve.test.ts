import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NameAnswer } from '../../../ports/guest-services.ts'
import { startTestNetwork, type TestNetwork } from '../test-network.ts'
import { addressOfReverse } from './reverse.ts'

let cloud: TestNetwork
let network: string
beforeAll(async () => {
  cloud = await startTestNetwork()
  network = await makeNetwork({ name: 'n' }, '10.0.0.0/24')
  await makePort({ dns_name: 'Web', fixed_ips: [{ ip_address: '10.0.0.5' }] })
  await makePort({ dns_name: 'web', fixed_ips: [{ ip_address: '10.0.0.6' }] })
  await makePort({ fixed_ips: [{ ip_address: '10.0.0.7' }] })
  await makePort({
    dns_name: 'mail',
    dns_domain: 'example.org.',
    fixed_ips: [{ ip_address: '10.0.0.8' }],
  })
})
afterAll(async () => await cloud.close())

async function makeNetwork(wish: object, cidr: string, more: object = {}): Promise<string> {
  const { network: made } = await cloud.ask('demo', 'POST', '/networks', { network: wish })
  await cloud.ask('demo', 'POST', '/subnets', {
    subnet: { network_id: made.id, ip_version: 4, cidr, ...more },
  })
  const { port } = await cloud.ask('demo', 'POST', '/ports', { port: { network_id: made.id } })
  await cloud.service.face.plugPort(cloud.ctx(), port.id, {
    netns: `/run/netns/${made.id}`,
    ifname: 'eth0',
  })
  await cloud.settle()
  return made.id
}

async function makePort(wish: object): Promise<void> {
  await cloud.ask('demo', 'POST', '/ports', { port: { network_id: network, ...wish } })
}

const ask = async (name: string, type = 'A', of = network): Promise<NameAnswer> =>
  await cloud.engine.ask(of, { name, type })
const known = (...records: readonly (readonly [type: 'A' | 'AAAA' | 'PTR', data: string])[]) => ({
  kind: 'known',
  records: records.map(([type, data]) => ({ type, data })),
})

describe('a network’s resolver', () => {
  it.each(['web', 'web.openstacklocal'])('knows all who are called %s', async (name) => {
    expect(await ask(name)).toEqual(known(['A', '10.0.0.5'], ['A', '10.0.0.6']))
  })

  it('knows a port without a name by its address, and its own domain', async () => {
    expect(await ask('host-10-0-0-7.openstacklocal')).toEqual(known(['A', '10.0.0.7']))
    expect(await ask('host-10-0-0-7')).toEqual(known(['A', '10.0.0.7']))
    expect(await ask('mail.example.org')).toEqual(known(['A', '10.0.0.8']))
    expect(await ask('mail')).toEqual(known(['A', '10.0.0.8']))
  })

  it('has nothing of other types for a name it knows', async () => {
    for (const type of ['AAAA', 'MX', 'TXT']) expect(await ask('web', type)).toEqual(known())
  })

  it('knows names of addresses', async () => {
    expect(await ask('5.0.0.10.in-addr.arpa', 'PTR')).toEqual(known(['PTR', 'web.openstacklocal']))
    expect(await ask('8.0.0.10.in-addr.arpa', 'PTR')).toEqual(known(['PTR', 'mail.example.org']))
    expect(await ask('7.0.0.10.in-addr.arpa', 'PTR')).toEqual(
      known(['PTR', 'host-10-0-0-7.openstacklocal']),
    )
    expect(await ask('99.0.0.10.in-addr.arpa', 'PTR')).toEqual({ kind: 'noSuchName' })
  })

  it.each(['nobody', 'nobody.openstacklocal', 'host-10-0-0-99', 'openstacklocal'])(
    'says that there is no %s',
    async (name) => expect(await ask(name)).toEqual({ kind: 'noSuchName' }),
  )

  it.each(['example.com', 'web.example.org', 'nobody.example.org', '8.8.8.8.in-addr.arpa', ''])(
    'passes %s on',
    async (name) => expect(await ask(name)).toEqual({ kind: 'elsewhere', servers: ['9.9.9.9'] }),
  )

  it('knows nothing of another network, and has a domain of its own when it is given one', async () => {
    const other = await makeNetwork({ name: 'o', dns_domain: 'tenant.example.' }, '10.0.0.0/24')
    expect(await ask('web', 'A', other)).toEqual({ kind: 'noSuchName' })
    await cloud.ask('demo', 'POST', '/ports', {
      port: { network_id: other, dns_name: 'db', fixed_ips: [{ ip_address: '10.0.0.5' }] },
    })
    expect(await ask('db.tenant.example', 'A', other)).toEqual(known(['A', '10.0.0.5']))
    expect(await ask('5.0.0.10.in-addr.arpa', 'PTR', other)).toEqual(
      known(['PTR', 'db.tenant.example']),
    )
    expect(await ask('db', 'A')).toEqual({ kind: 'noSuchName' })
  })
})

it('reads names of addresses', () => {
  expect(addressOfReverse('5.0.0.10.in-addr.arpa')).toBe('10.0.0.5')
  expect(addressOfReverse(`5.${'0.'.repeat(27)}0.d.f.ip6.arpa`)).toBeUndefined()
  expect(addressOfReverse(`5.${'0.'.repeat(29)}d.f.ip6.arpa`)).toBe('fd00::5')
  for (const name of ['0.10.in-addr.arpa', '999.0.0.10.in-addr.arpa', 'web', 'in-addr.arpa'])
    expect(addressOfReverse(name)).toBeUndefined()
})
