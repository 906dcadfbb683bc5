import type { Socket as UdpSocket } from 'node:dgram'
import { GUEST_SERVICE_ADDRESS, type Lease } from '../../../ports/guest-services.ts'
import type { NetworkLog } from '../log.ts'
import { leaseOptions, nextServer } from './dhcp-options.ts'
import { talk, type Answer, type DhcpGuests } from './dhcp-talk.ts'
import { dhcp, readDhcp, writeDhcp, type DhcpRequest } from './dhcp-wire.ts'

const EVERYBODY = '255.255.255.255'
const NONE = '0.0.0.0'
const SERVER = GUEST_SERVICE_ADDRESS[4]

/**
 * DHCP for guests that ask. It hands out what the network has decided long before: a guest gets the addresses of its port and no
 * others, one that no port has is not answered, and nothing is remembered here. Answers go to everybody on the bridge: a
 * client without an address hears nothing else, and the transaction id tells it which answer is its own.
 */
export function serveDhcp(socket: UdpSocket, guests: DhcpGuests, log: NetworkLog): void {
  socket.setBroadcast(true)
  const answer = async (
    request: DhcpRequest,
    _from: string,
    unknown: string[],
  ): Promise<Answer | undefined> => {
    if (request.server !== undefined && request.server !== SERVER) return undefined // another was chosen
    const wanted = request.requested ?? (request.current === NONE ? undefined : request.current)
    const asker = { mac: request.mac, ...(wanted === undefined ? {} : { requested: wanted }) }
    const lease = await guests.services.lease(guests.networkId, asker)
    return lease === undefined ? undefined : replyTo(request, lease, wanted, unknown)
  }
  talk(socket, guests, { clientPort: 68, read: readDhcp, answer }, log)
}

/** What to say, by RFC 2131 §4.3; undefined for messages that want no answer. */
export function replyTo(
  request: DhcpRequest,
  lease: Lease,
  wanted: string | undefined,
  unknown: string[] = [],
): Answer | undefined {
  const next = nextServer(lease)
  const say = (type: number, address: string, options = leaseOptions(lease, unknown)): Answer => ({
    message: writeDhcp(request, {
      type,
      address,
      server: SERVER,
      options,
      ...(next === undefined ? {} : { nextServer: next }),
    }),
    // a client that has its address can be told directly; it renews so
    to: request.current === NONE || type === dhcp.nak ? EVERYBODY : request.current,
  })
  switch (request.type) {
    case dhcp.discover:
      return say(dhcp.offer, lease.address)
    case dhcp.request:
      return wanted === lease.address
        ? say(dhcp.ack, lease.address)
        : say(dhcp.nak, NONE, new Map())
    case dhcp.inform:
      return say(dhcp.ack, NONE)
    default: // release and decline: its address stays its own
      return undefined
  }
}
