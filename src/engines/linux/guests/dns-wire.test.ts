import packet from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprint, isAnswer, rcode, readQuery, refusal, reply, withId } from './dns-wire.ts'

const question = (name: string, more: Parameters<typeof packet.encode>[0] = {}): Buffer =>
  packet.encode({
    type: 'query',
    id: 4711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
    ...more,
  })

const queryOf = (message: Buffer) => {
  const read = readQuery(message)
  if (read.kind !== 'query') throw new Error(read.kind)
  return read.query
}

describe('a query', () => {
  it('is read whatever its case, and answered with the spelling it had', () => {
    const query = queryOf(question('Web.OpenStackLocal'))
    expect(query.question).toEqual({ name: 'web.openstacklocal', type: 'A' })
    const answer = packet.decode(reply(query, rcode.ok, [{ type: 'A', data: '10.0.0.5' }], 'udp'))
    expect([answer.id, answer.type, answer.questions?.[0]?.name]).toEqual([
      4711,
      'response',
      'Web.OpenStackLocal',
    ])
    expect(answer.answers).toMatchObject([{ name: 'Web.OpenStackLocal', data: '10.0.0.5' }])
  })

  it('that is none gets nothing or a code', () => {
    expect(readQuery(Buffer.alloc(11)).kind).toBe('nothing')
    expect(readQuery(packet.encode({ type: 'response', id: 1 })).kind).toBe('nothing')
    const update = question('web')
    update.writeUInt16BE(5 << 11, 2)
    expect(readQuery(update)).toEqual({ kind: 'refusal', code: rcode.notImplemented })
    const two = packet.encode({
      id: 1,
      questions: [
        { type: 'A', name: 'a' },
        { type: 'A', name: 'b' },
      ],
    })
    expect(readQuery(two)).toEqual({ kind: 'refusal', code: rcode.formatError })
    expect(refusal(two, rcode.formatError).subarray(0, 2)).toEqual(two.subarray(0, 2))
    const chaos = question('version.bind', {
      questions: [{ type: 'TXT', name: 'version.bind', class: 'CH' }],
    })
    expect(readQuery(chaos)).toEqual({ kind: 'refusal', code: rcode.refused })
  })

  it('whose answer does not fit is sent to TCP', () => {
    const many = Array.from({ length: 60 }, (_, at) => ({
      type: 'A' as const,
      data: `10.0.0.${at}`,
    }))
    const query = queryOf(question('web'))
    const short = packet.decode(reply(query, rcode.ok, many, 'udp'))
    expect([short.flag_tc, short.answers?.length]).toEqual([true, 0])
    expect(packet.decode(reply(query, rcode.ok, many, 'tcp')).answers).toHaveLength(60)
    const roomy = queryOf(
      question('web', {
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 4096,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ],
      }),
    )
    const whole = packet.decode(reply(roomy, rcode.ok, many.slice(0, 40), 'udp'))
    expect([whole.flag_tc, whole.answers?.length, whole.additionals?.length]).toEqual([
      false,
      40,
      1,
    ])
  })

  it('is never thrown at, whatever bytes it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const message = Buffer.from(bytes)
        const read = readQuery(message)
        fingerprint(message)
        if (read.kind === 'refusal') refusal(message, read.code)
        if (read.kind === 'query') reply(read.query, rcode.refused, [], 'udp')
      }),
    )
  })

  it('is never thrown at when one byte of a good one is broken', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(255), (at, byte) => {
        const message = question('web.openstacklocal')
        message[at % message.length] = byte
        const read = readQuery(message)
        if (read.kind === 'query')
          reply(read.query, rcode.ok, [{ type: 'A', data: '10.0.0.5' }], 'udp')
      }),
    )
  })
})

describe('an answer', () => {
  it('belongs to the question with its id and its name, in any case', () => {
    const asked = question('web.example.org')
    const answer = packet.encode({
      type: 'response',
      id: 4711,
      questions: [{ type: 'A', name: 'WEB.example.org' }],
    })
    expect(isAnswer(answer) && !isAnswer(asked)).toBe(true)
    expect(fingerprint(answer)).toBe(fingerprint(asked))
    expect(fingerprint(withId(answer, 4712))).not.toBe(fingerprint(asked))
    expect(fingerprint(question('web.example.com'))).not.toBe(fingerprint(asked))
  })
})
