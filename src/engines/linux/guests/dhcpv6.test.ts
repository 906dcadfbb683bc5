import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Lease6, LeaseAsker6 } from '../../../ports/guest-services.ts'
import { Allowance } from './allowance.ts'
import { leaseOptions6 } from './dhcpv6-options.ts'
import { replyTo6, serveDhcpv6 } from './dhcpv6-server.ts'
import {
  dhcpv6,
  duidOfMac,
  iaAddress,
  iaOption,
  option,
  readDhcpv6,
  readOptions,
  writeDhcpv6,
  type Dhcpv6Request,
  type IdentityAssociation,
  type Option,
} from './dhcpv6-wire.ts'

const lease: Lease6 = {
  addresses: ['fd00::5', 'fd00:1::5'],
  dns: ['10.0.0.2', 'fd00::2'],
  domain: 'example.test',
  seconds: 3600,
  options: [],
}
const server = duidOfMac('02:aa:bb:cc:dd:ee')
const clientId = duidOfMac('fa:16:3e:00:00:01')
const ia = (...addresses: string[]): IdentityAssociation => ({
  code: option.iaNa,
  iaid: Buffer.of(0, 0, 0, addresses.length),
  addresses,
})
const [temporary, delegated] = [
  { ...ia(), code: option.iaTa },
  { ...ia(), code: option.iaPd },
]
const request: Dhcpv6Request = {
  type: dhcpv6.solicit,
  transactionId: Buffer.of(1, 2, 3),
  clientId,
  serverId: undefined,
  rapidCommit: false,
  associations: [ia()],
}

/** What is said, in words: the type, a status for all, then each IA with the addresses that it is given, or why not. */
function said(asked: Partial<Dhcpv6Request>, of: Partial<Lease6> = {}): string | undefined {
  const message = replyTo6({ ...request, ...asked }, { ...lease, ...of }, server)
  if (message === undefined) return undefined
  const type = Object.entries(dhcpv6).find(([, code]) => code === message[0])?.[0] ?? ''
  return [type, ...wordsOf(readOptions(message, 4) ?? [])].join(' | ')
}

function wordsOf(options: readonly Option[]): string[] {
  return options.flatMap(([code, value]) => {
    if (code === option.statusCode) return [`status ${value.readUInt16BE(0)}`]
    if (code === option.rapidCommit) return ['rapid']
    if (code === option.iaAddr)
      return [`${value.subarray(0, 4).toString('hex')}:${value.readUInt32BE(20)}`]
    const name = { [option.iaNa]: 'NA', [option.iaTa]: 'TA', [option.iaPd]: 'PD' }[code]
    if (name === undefined) return []
    const inside = readOptions(value, code === option.iaTa ? 4 : 12) ?? []
    return [[name, ...wordsOf(inside)].join(' ')]
  })
}

const ALL = 'fd000000:3600 fd000001:3600'

describe('what a guest is told', () => {
  const hex = (of: Partial<Lease6>, code: number): string | undefined =>
    leaseOptions6({ ...lease, ...of })
      .find(([each]) => each === code)?.[1]
      .toString('hex')

  it.each([
    ['the resolvers it can reach', 23, 'fd000000000000000000000000000002'],
    ['its domain', 24, '076578616d706c65047465737400'],
  ])('%s', (_what, code, expected) => {
    expect(hex({}, code)).toBe(expected)
  })

  const nine = 'fd000000000000000000000000000009'
  it.each([
    ['dns-server', 'fd00::9,[fd00::9]', 23, `${nine}${nine}`],
    ['option6:domain-search', 'a.test, b.', 24, '01610474657374000162 00'.replace(' ', '')],
    [
      'ntp-server',
      'fd00::9,t.test',
      56,
      `00010010${nine}0003000801740474657374 00`.replace(' ', ''),
    ],
    ['bootfile-url', 'tftp://x', 59, Buffer.from('tftp://x').toString('hex')],
    ['bootfile-param', 'a,bc', 60, '00016100026263'],
    ['31', 'fd00::9', 31, nine],
    ['information-refresh-time', '600', 32, '00000258'],
    ['1234', 'text', 1234, Buffer.from('text').toString('hex')],
  ])('the port’s own option %s', (name, value, code, expected) => {
    expect(hex({ options: [{ name, value }] }, code)).toBe(expected)
  })

  it('leaves out what it does not know or is the protocol’s own, and says so', () => {
    const unknown: string[] = []
    const names = ['moon-phase', 'mtu', '2', '26', '70000', 'domain-search', '32']
    const options = names.map((name) => ({ name, value: 'a..b' }))
    expect(leaseOptions6({ ...lease, options }, unknown).map(([code]) => code)).toEqual([23, 24])
    expect(unknown).toEqual(names)
  })
})

describe('the talk', () => {
  it.each([
    ['offers', {}, `advertise | NA ${ALL}`],
    [
      'offers its own, whatever it wishes',
      { associations: [ia('fd00::9')] },
      `advertise | NA ${ALL}`,
    ],
    ['gives at once when asked so', { rapidCommit: true }, `reply | rapid | NA ${ALL}`],
    ['gives', { type: dhcpv6.request }, `reply | NA ${ALL}`],
    [
      'shares out',
      { type: dhcpv6.request, associations: [ia('fd00:1::5'), ia()] },
      'reply | NA fd000001:3600 | NA fd000000:3600',
    ],
    [
      'gives nothing twice',
      { type: dhcpv6.request, associations: [ia(), ia()] },
      `reply | NA ${ALL} | NA status 2`,
    ],
    [
      'delegates no prefix and gives no temporary address',
      { associations: [ia(), temporary, delegated] },
      `advertise | NA ${ALL} | TA status 2 | PD status 6`,
    ],
    ['renews', { type: dhcpv6.renew, associations: [ia('fd00::5')] }, `reply | NA ${ALL}`],
    [
      'takes away what is not its own',
      { type: dhcpv6.rebind, associations: [ia('fd00::9')] },
      `reply | NA ${ALL} fd000000:0`,
    ],
    [
      'does not renew a prefix',
      { type: dhcpv6.renew, associations: [delegated] },
      'reply | PD status 3',
    ],
    ['confirms', { type: dhcpv6.confirm, associations: [ia('fd00::5')] }, 'reply | status 0'],
    [
      'confirms no other address',
      { type: dhcpv6.confirm, associations: [ia('fd00::5', 'fd00::9')] },
      'reply | status 4',
    ],
    ['has nothing to confirm', { type: dhcpv6.confirm }, undefined],
    [
      'hears that it goes',
      { type: dhcpv6.release, associations: [ia('fd00::5')] },
      'reply | status 0',
    ],
    [
      'hears of what is not its own',
      { type: dhcpv6.decline, associations: [ia('fd00::9')] },
      'reply | status 0 | NA status 3',
    ],
    ['tells the rest', { type: dhcpv6.informationRequest, associations: [] }, 'reply'],
  ])('%s', (_what, asked, expected) => {
    expect(said(asked)).toBe(expected)
  })

  it.each([
    ['offers nothing', { rapidCommit: true }, 'advertise | NA status 2'],
    ['knows of nothing', { type: dhcpv6.renew }, 'reply | NA status 3'],
    ['takes away', { type: dhcpv6.rebind, associations: [ia('fd00::9')] }, 'reply | NA fd000000:0'],
  ])('%s where a guest makes its own addresses', (_what, asked, expected) => {
    expect(said(asked, { addresses: [] })).toBe(expected)
  })

  it('names both sides and repeats the transaction', () => {
    const message = replyTo6(request, lease, server) ?? Buffer.alloc(0)
    const { transactionId } = request
    expect(readDhcpv6(message)).toMatchObject({ transactionId, clientId, serverId: server })
  })

  it('tells when to ask again to those who hold nothing', () => {
    const asked = { ...request, type: dhcpv6.informationRequest, associations: [] }
    const told = readOptions(replyTo6(asked, lease, server) ?? Buffer.alloc(0), 4)
    expect(told).toContainEqual([32, Buffer.of(0, 0, 0x0e, 0x10)])
  })
})

describe('a server', () => {
  const NETWORK = '5a11b0de-0000-4000-8000-000000000001'
  const ours = duidOfMac('02:5a:11:b0:de:00')
  const named = {
    client: [option.clientId, clientId] as const,
    server: [option.serverId, ours] as const,
  }
  const other: Option = [option.serverId, server]
  const wish = iaOption(ia(), 0, [iaAddress('fd00::5', 0)])

  /** The type of the answer, and whom it was told to be from. */
  async function answered(message: Buffer, from = 'fe80::1%eth9') {
    const socket = new EventEmitter()
    const asked: LeaseAsker6[] = []
    const sent: { type: number | undefined; port: number; to: string }[] = []
    const send = (reply: Buffer, port: number, to: string): void => {
      sent.push({ type: reply[0], port, to })
    }
    const services = {
      lease: async () => await Promise.resolve(undefined),
      lease6: async (_network: string, asker: LeaseAsker6) => {
        asked.push(asker)
        return await Promise.resolve(lease)
      },
    }
    serveDhcpv6(
      Object.assign(socket, { send }) as never, // of a socket, it needs these two
      { networkId: NETWORK, services, allowance: new Allowance(1, 1) },
      { debug: () => undefined },
    )
    socket.emit('message', message, { address: from })
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    return { asked, sent }
  }

  const write = (type: number, ...options: Option[]): Buffer =>
    writeDhcpv6(type, Buffer.of(1, 2, 3), options)

  it('answers to where the question came from, and asks by that and by the DUID', async () => {
    const { asked, sent } = await answered(write(dhcpv6.solicit, named.client, wish))
    expect(sent).toEqual([{ type: dhcpv6.advertise, port: 546, to: 'fe80::1%eth9' }])
    expect(asked).toEqual([{ address: 'fe80::1', mac: 'fa:16:3e:00:00:01' }])
  })

  it.each([
    ['a request to it', dhcpv6.request, [named.client, named.server, wish]],
    ['a question without a name', dhcpv6.informationRequest, []],
  ])('answers %s', async (_what, type, options) => {
    expect((await answered(write(type, ...options))).sent).toMatchObject([{ type: dhcpv6.reply }])
  })

  it.each([
    ['a solicitation without a name', dhcpv6.solicit, [wish]],
    ['a solicitation to one server', dhcpv6.solicit, [named.client, named.server]],
    ['a request to another server', dhcpv6.request, [named.client, other, wish]],
    ['a request to none', dhcpv6.request, [named.client, wish]],
    ['a release to another server', dhcpv6.release, [named.client, other, wish]],
    ['a rebinding with a server', dhcpv6.rebind, [named.client, named.server, wish]],
    ['a question with wishes', dhcpv6.informationRequest, [named.client, wish]],
    ['a question to another server', dhcpv6.informationRequest, [named.client, other]],
    ['an advertisement', dhcpv6.advertise, [named.client, named.server]],
    ['a reply', dhcpv6.reply, [named.client, named.server]],
    ['what a relay forwards', 12, [named.client]],
  ])('is silent to %s', async (_what, type, options) => {
    expect(await answered(write(type, ...options))).toEqual({ asked: [], sent: [] })
  })

  it('is silent to what is malformed', async () => {
    const cut = write(dhcpv6.solicit, named.client, wish).subarray(0, -3)
    expect(await answered(cut)).toEqual({ asked: [], sent: [] })
  })
})
