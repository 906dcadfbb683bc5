import type { Socket as UdpSocket } from 'node:dgram'
import type { Lease6 } from '../../../ports/guest-services.ts'
import type { NetworkLog } from '../log.ts'
import { steadyMac } from '../names.ts'
import { talk, type Answer, type DhcpGuests } from './dhcp-talk.ts'
import { leaseOptions6, refreshTime } from './dhcpv6-options.ts'
import {
  dhcpv6,
  duidOfMac,
  iaAddress,
  iaOption,
  macOfDuid,
  option,
  readDhcpv6,
  status,
  statusCode,
  writeDhcpv6,
  type Dhcpv6Request,
  type IdentityAssociation,
  type Option,
} from './dhcpv6-wire.ts'

/**
 * DHCPv6 for guests that ask, by the same rule: the port's own addresses and no others, nothing remembered, and silence towards
 * what no port has. The server's name is made of the bridge's MAC, so a client finds it again after any restart.
 */
export function serveDhcpv6(socket: UdpSocket, guests: DhcpGuests, log: NetworkLog): void {
  const { networkId, services } = guests
  const server = duidOfMac(steadyMac(networkId))
  const answer = async (
    request: Dhcpv6Request,
    from: string,
    unknown: string[],
  ): Promise<Answer | undefined> => {
    if (!isValid(request, server)) return undefined
    const mac = request.clientId === undefined ? undefined : macOfDuid(request.clientId)
    const address = from.replace(/%.*$/, '')
    const asker = { address, ...(mac === undefined ? {} : { mac }) }
    const lease = await services.lease6(networkId, asker)
    const message = lease === undefined ? undefined : replyTo6(request, lease, server, unknown)
    return message === undefined ? undefined : { message, to: from }
  }
  talk(socket, guests, { clientPort: 546, read: readDhcpv6, answer }, log)
}

/** RFC 8415, section 16: what carries other names than it must, or is no client's, is not answered. */
function isValid(request: Dhcpv6Request, server: Buffer): boolean {
  const { type, clientId, serverId, associations } = request
  const isOurs = serverId?.equals(server)
  switch (type) {
    case dhcpv6.solicit:
    case dhcpv6.confirm:
    case dhcpv6.rebind:
      return clientId !== undefined && serverId === undefined
    case dhcpv6.request:
    case dhcpv6.renew:
    case dhcpv6.release:
    case dhcpv6.decline:
      return clientId !== undefined && isOurs === true
    case dhcpv6.informationRequest:
      return isOurs !== false && associations.length === 0
    default:
      return false
  }
}

/** What to say to a valid message, by RFC 8415, section 18.3; undefined for those that want no answer. */
export function replyTo6(
  request: Dhcpv6Request,
  lease: Lease6,
  server: Buffer,
  unknown: string[] = [],
): Buffer | undefined {
  const { clientId, transactionId } = request
  const names: Option[] = [
    ...(clientId === undefined ? [] : [[option.clientId, clientId] as const]),
    [option.serverId, server],
  ]
  const say = (type: number, options: readonly Option[]): Buffer =>
    writeDhcpv6(type, transactionId, [...names, ...options])
  const tell = (type: number, options: readonly Option[]): Buffer =>
    say(type, [...options, ...leaseOptions6(lease, unknown)])
  switch (request.type) {
    case dhcpv6.solicit:
      return request.rapidCommit && lease.addresses.length > 0
        ? tell(dhcpv6.reply, [[option.rapidCommit, Buffer.alloc(0)], ...granted(request, lease)])
        : tell(dhcpv6.advertise, [BEST, ...granted(request, lease)])
    case dhcpv6.request:
      return tell(dhcpv6.reply, granted(request, lease))
    case dhcpv6.renew:
    case dhcpv6.rebind:
      return tell(dhcpv6.reply, kept(request, lease))
    case dhcpv6.informationRequest:
      return tell(dhcpv6.reply, [refreshTime(lease)])
    case dhcpv6.confirm: {
      const named = request.associations.flatMap(({ addresses }) => addresses)
      return named.length === 0 ? undefined : say(dhcpv6.reply, [confirmed(named, lease)])
    }
    default: // release and decline: its address stays its own
      return say(dhcpv6.reply, [statusCode(status.success, 'noted'), ...unbound(request, lease)])
  }
}

/** No other server can be on the network, so clients need not wait for one. */
const BEST: Option = [option.preference, Buffer.of(255)]

const confirmed = (named: readonly string[], lease: Lease6): Option =>
  named.every((address) => lease.addresses.includes(address))
    ? statusCode(status.success, 'all its own')
    : statusCode(status.notOnLink, 'not its own here')

/** All its addresses, whatever it wishes; nothing else is given to anybody. */
function granted(request: Dhcpv6Request, lease: Lease6): Option[] {
  return request.associations.map((ia) => {
    const own = shareOf(ia, request, lease)
    if (own.length > 0) return holding(ia, lease.seconds, own)
    return ia.code === option.iaPd
      ? refused(ia, status.noPrefixAvail, 'no prefixes are delegated here')
      : refused(ia, status.noAddrsAvail, 'no addresses for this')
  })
}

/** What it holds and is not its own any more is taken from it. */
function kept(request: Dhcpv6Request, lease: Lease6): Option[] {
  return request.associations.map((ia) => {
    const own = shareOf(ia, request, lease)
    const stale = ia.addresses.filter((address) => !lease.addresses.includes(address))
    return own.length + stale.length > 0
      ? holding(ia, lease.seconds, own, stale)
      : refused(ia, status.noBinding, 'nothing is known of this')
  })
}

const unbound = (request: Dhcpv6Request, lease: Lease6): Option[] =>
  request.associations
    .filter((ia) => !ia.addresses.some((address) => lease.addresses.includes(address)))
    .map((ia) => refused(ia, status.noBinding, 'nothing is known of this'))

/** An IA_NA has which it names, and the first that names none of them has the others. */
function shareOf(
  ia: IdentityAssociation,
  { associations }: Dhcpv6Request,
  { addresses }: Lease6,
): string[] {
  if (ia.code !== option.iaNa) return []
  const all = associations.filter(({ code }) => code === option.iaNa)
  const named = all.flatMap((each) => each.addresses)
  const first = all.find((each) => !addresses.some((own) => each.addresses.includes(own)))
  return addresses.filter(
    (own) => ia.addresses.includes(own) || (ia === (first ?? all[0]) && !named.includes(own)),
  )
}

const holding = (
  ia: IdentityAssociation,
  seconds: number,
  own: readonly string[],
  stale: readonly string[] = [],
): Option =>
  iaOption(ia, own.length > 0 ? seconds : 0, [
    ...own.map((address) => iaAddress(address, seconds)),
    ...stale.map((address) => iaAddress(address, 0)),
  ])

const refused = (ia: IdentityAssociation, code: number, why: string): Option =>
  iaOption(ia, 0, [statusCode(code, why)])
