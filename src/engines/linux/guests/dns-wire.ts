import packet, { type Answer, type OptAnswer, type Packet } from 'dns-packet'
import type { NameQuestion, NameRecord } from '../../../ports/guest-services.ts'

/** Messages of the domain name system, read and written; pure, and never throws at what a guest sent. */

export const rcode = {
  ok: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const

export interface Query {
  readonly question: NameQuestion
  /** The largest UDP answer the guest can take. */
  readonly limit: number
  readonly decoded: Packet
}

/** A message that is no query at all (too short, an answer) gets nothing; one that cannot be served gets a code. */
export type Read =
  | { readonly kind: 'query'; readonly query: Query }
  | { readonly kind: 'refusal'; readonly code: number }
  | { readonly kind: 'nothing' }

const HEADER = 12
const PLAIN_LIMIT = 512
/** What fits through every path unfragmented. */
const EDNS_LIMIT = 1232
/** Names follow their ports at once: nobody is to remember an answer for long. */
const TTL_SECONDS = 5

const ANSWER_BIT = 0x8000
const OPCODE_BITS = 0x7800
const TRUNCATED = packet.TRUNCATED_RESPONSE

export function readQuery(message: Buffer): Read {
  if (message.length < HEADER) return { kind: 'nothing' }
  const flags = message.readUInt16BE(2)
  if ((flags & ANSWER_BIT) !== 0) return { kind: 'nothing' }
  if ((flags & OPCODE_BITS) !== 0) return { kind: 'refusal', code: rcode.notImplemented }
  if (message.readUInt16BE(4) !== 1) return { kind: 'refusal', code: rcode.formatError }
  try {
    const decoded = packet.decode(message)
    const [question] = decoded.questions ?? []
    if (question === undefined) return { kind: 'refusal', code: rcode.formatError }
    if (question.class !== 'IN') return { kind: 'refusal', code: rcode.refused }
    const name = question.name.toLowerCase().replace(/\.$/, '')
    const limit = Math.max(optOf(decoded)?.udpPayloadSize ?? 0, PLAIN_LIMIT)
    return { kind: 'query', query: { question: { name, type: question.type }, limit, decoded } }
  } catch {
    return { kind: 'refusal', code: rcode.formatError }
  }
}

const optOf = (decoded: Packet): OptAnswer | undefined =>
  decoded.additionals?.find((each): each is OptAnswer => each.type === 'OPT')

/** Header and nothing else: all that can be said about a message that was not understood. */
export function refusal(message: Buffer, code: number): Buffer {
  const header = Buffer.alloc(HEADER)
  message.copy(header, 0, 0, 4)
  header.writeUInt16BE(ANSWER_BIT | (message.readUInt16BE(2) & (OPCODE_BITS | 0x0100)) | code, 2)
  return header
}

/** Without records the answer is the code alone; over UDP one that is too long tells the guest to come by TCP. */
export function reply(
  query: Query,
  code: number,
  records: readonly NameRecord[],
  over: 'udp' | 'tcp',
): Buffer {
  const whole = encode(query, code, records, 0)
  const limit = Math.min(query.limit, EDNS_LIMIT)
  return over === 'tcp' || whole.length <= limit ? whole : encode(query, code, [], TRUNCATED)
}

function encode(
  { decoded }: Query,
  code: number,
  records: readonly NameRecord[],
  more: number,
): Buffer {
  const name = decoded.questions?.[0]?.name ?? ''
  const authoritative = code === rcode.ok || code === rcode.noSuchName
  return packet.encode({
    type: 'response',
    id: decoded.id ?? 0,
    flags:
      ((decoded.flags ?? 0) & packet.RECURSION_DESIRED) |
      packet.RECURSION_AVAILABLE |
      (authoritative ? packet.AUTHORITATIVE_ANSWER : 0) |
      more |
      code,
    questions: decoded.questions ?? [],
    answers: records.map(({ type, data }): Answer => ({
      type,
      name,
      ttl: TTL_SECONDS,
      class: 'IN',
      data,
    })),
    additionals: optOf(decoded) === undefined ? [] : [ourOpt],
  })
}

const ourOpt: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: EDNS_LIMIT,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

/** Id and question of a message as one text, the name's case apart: what an answer must have in common with its question. */
export function fingerprint(message: Buffer): string | undefined {
  if (message.length < HEADER || message.readUInt16BE(4) !== 1) return undefined
  let at = HEADER
  while (at < message.length && message[at] !== 0) {
    const length = message[at] ?? 0
    if (length > 63) return undefined
    at += length + 1
  }
  const end = at + 5
  if (end > message.length) return undefined
  return `${message.readUInt16BE(0)} ${message.toString('latin1', HEADER, end).toLowerCase()}`
}

export const isAnswer = (message: Buffer): boolean =>
  message.length >= HEADER && (message.readUInt16BE(2) & ANSWER_BIT) !== 0

export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message)
  copy.writeUInt16BE(id, 0)
  return copy
}
