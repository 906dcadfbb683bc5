import type { Socket as UdpSocket } from 'node:dgram'
import {
  GUEST_SERVICE_ADDRESS,
  type GuestServices,
  type Lease,
} from '../../../ports/guest-services.ts'
import type { NetworkLog } from '../log.ts'
import type { Allowance } from './allowance.ts'
import { leaseOptions, nextServer } from './dhcp-options.ts'
import { dhcp, readDhcp, writeDhcp, type DhcpRequest } from './dhcp-wire.ts'

const CLIENT_PORT = 68
const EVERYBODY = '255.255.255.255'
const NONE = '0.0.0.0'
const SERVER = GUEST_SERVICE_ADDRESS[4]

export interface DhcpGuests {
  readonly networkId: string
  readonly services: Pick<GuestServices, 'lease'>
  readonly allowance: Allowance
}

/**
 * DHCP for guests that ask. It hands out what the network has decided long before: a guest gets the addresses of its port and no
 * others, one that no port has is not answered, and nothing is remembered here. Answers go to everybody on the bridge: a
 * client without an address hears nothing else, and the transaction id tells it which answer is its own.
 */
export function serveDhcp(socket: UdpSocket, guests: DhcpGuests, log: NetworkLog): void {
  socket.setBroadcast(true)
  socket.on('message', (message) => {
    const request = readDhcp(message)
    if (request === undefined || !guests.allowance.take()) return
    answer(request, guests, log).then(
      (reply) => {
        if (reply !== undefined) send(socket, reply.message, reply.to)
      },
      (error: unknown) =>
        log.debug({ err: error, network: guests.networkId }, 'answering a DHCP client'),
    )
  })
}

interface Answer {
  readonly message: Buffer
  readonly to: string
}

async function answer(
  request: DhcpRequest,
  { networkId, services }: DhcpGuests,
  log: NetworkLog,
): Promise<Answer | undefined> {
  if (request.server !== undefined && request.server !== SERVER) return undefined // another was chosen
  const wanted = request.requested ?? (request.current === NONE ? undefined : request.current)
  const asker = { mac: request.mac, ...(wanted === undefined ? {} : { requested: wanted }) }
  const lease = await services.lease(networkId, asker)
  if (lease === undefined) return undefined
  const unknown: string[] = []
  const reply = replyTo(request, lease, wanted, unknown)
  if (unknown.length > 0)
    log.debug({ mac: request.mac, options: unknown }, 'DHCP options that nobody knows')
  return reply
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

function send(socket: UdpSocket, message: Buffer, to: string): void {
  try {
    socket.send(message, CLIENT_PORT, to, () => undefined)
  } catch {
    // closed in the meantime
  }
}
