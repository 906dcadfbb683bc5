import { addressBytes, macText } from './dhcp-values.ts'

/** DHCP on the wire (RFC 2131, options RFC 2132), as far as a server of known guests needs it. Pure. */
export const dhcp = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const

export interface DhcpRequest {
  readonly type: number
  /** Transaction id. */
  readonly xid: number
  /** The flags field: its first bit asks for answers by broadcast. */
  readonly flags: number
  /** The address the client has and uses; 0.0.0.0 when none. */
  readonly current: string
  /** Lower case. */
  readonly mac: string
  /** Option 50. */
  readonly requested: string | undefined
  /** Option 54: the server that the client has chosen. */
  readonly server: string | undefined
}

export type DhcpOptions = ReadonlyMap<number, Buffer>

const REQUEST = 1
const REPLY = 2
const ETHERNET = 1
const COOKIE = 0x63825363
const FIXED_BYTES = 240
/** Old clients throw away what is shorter than a BOOTP message. */
const LEAST_BYTES = 300
const LONGEST_OPTION = 255
const option = { pad: 0, requested: 50, type: 53, server: 54, end: 255 } as const

/** Undefined for what is no request of an Ethernet client. Never throws. */
export function readDhcp(message: Buffer): DhcpRequest | undefined {
  if (message.length < FIXED_BYTES || message.readUInt32BE(236) !== COOKIE) return undefined
  const isRequest = message[0] === REQUEST && message[1] === ETHERNET && message[2] === 6
  const options = readOptions(message.subarray(FIXED_BYTES))
  const type = options?.get(option.type)?.[0]
  if (!isRequest || options === undefined || type === undefined) return undefined
  return {
    type,
    xid: message.readUInt32BE(4),
    flags: message.readUInt16BE(10),
    current: addressIn(message, 12),
    mac: macText(message.subarray(28, 34)),
    requested: addressOf(options.get(option.requested)),
    server: addressOf(options.get(option.server)),
  }
}

/** Parts of one option are joined (RFC 3396); undefined when a length does not add up. */
function readOptions(bytes: Buffer): DhcpOptions | undefined {
  const found = new Map<number, Buffer>()
  for (let at = 0; at < bytes.length;) {
    const code = bytes.readUInt8(at)
    if (code === option.end) return found
    if (code === option.pad) {
      at += 1
      continue
    }
    const length = bytes[at + 1]
    if (length === undefined || at + 2 + length > bytes.length) return undefined
    const part = bytes.subarray(at + 2, at + 2 + length)
    found.set(code, Buffer.concat([found.get(code) ?? Buffer.alloc(0), part]))
    at += 2 + length
  }
  return found
}

export interface DhcpReply {
  readonly type: number
  /** The address that the client gets; 0.0.0.0 for none. */
  readonly address: string
  readonly server: string
  readonly nextServer?: string
  readonly options: DhcpOptions
}

export function writeDhcp(request: DhcpRequest, reply: DhcpReply): Buffer {
  const head = Buffer.alloc(FIXED_BYTES)
  head.set([REPLY, ETHERNET, 6])
  head.writeUInt32BE(request.xid, 4)
  head.writeUInt16BE(request.flags, 10)
  if (reply.type === dhcp.ack) addressBytes(request.current).copy(head, 12)
  addressBytes(reply.address).copy(head, 16)
  addressBytes(reply.nextServer ?? '0.0.0.0').copy(head, 20)
  head.set(
    request.mac.split(':').map((byte) => Number.parseInt(byte, 16)),
    28,
  )
  head.writeUInt32BE(COOKIE, 236)
  const options = [
    ...encode(option.type, Buffer.of(reply.type)),
    ...encode(option.server, addressBytes(reply.server)),
    ...[...reply.options].flatMap(([code, value]) => encode(code, value)),
    Buffer.of(option.end),
  ]
  const whole = Buffer.concat([head, ...options])
  return whole.length >= LEAST_BYTES ? whole : Buffer.concat([whole], LEAST_BYTES)
}

/** What is longer than 255 bytes goes in parts (RFC 3396). */
function encode(code: number, value: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at === 0 || at < value.length; at += LONGEST_OPTION) {
    const part = value.subarray(at, at + LONGEST_OPTION)
    parts.push(Buffer.of(code, part.length), part)
  }
  return parts
}

const addressIn = (message: Buffer, at: number): string =>
  [...message.subarray(at, at + 4)].join('.')

const addressOf = (value: Buffer | undefined): string | undefined =>
  value?.length === 4 ? addressIn(value, 0) : undefined
