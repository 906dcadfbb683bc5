import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import packet from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { framed, frames } from './dns-frames.ts'
import { withId } from './dns-wire.ts'
import { Forwarder } from './forward.ts'

/** A name server on the loopback, and what it answers. */
const open: (Socket | Server)[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

async function upstream(answer: (question: Buffer) => readonly Buffer[]): Promise<number> {
  const udp = createSocket('udp4')
  open.push(udp)
  udp.on('message', (question, from) => {
    for (const each of answer(question)) udp.send(each, from.port, from.address)
  })
  const tcp = createServer((connection) => {
    void (async () => {
      for await (const question of frames(connection))
        for (const each of answer(question)) connection.write(framed(each))
    })().catch(() => undefined)
  })
  open.push(tcp)
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo // it listens on TCP
  // a port that is free for TCP may be in use for UDP: then another one
  try {
    udp.bind(port, '127.0.0.1')
    await once(udp, 'listening')
    return port
  } catch {
    return await upstream(answer)
  }
}

const question = packet.encode({ id: 7, questions: [{ type: 'A', name: 'example.org' }] })
const answerTo = (message: Buffer, name = 'example.org', data = '192.0.2.1'): Buffer =>
  packet.encode({
    type: 'response',
    id: message.readUInt16BE(0),
    questions: [{ type: 'A', name }],
    answers: [{ type: 'A', name, data }],
  })
const dataOf = (answer: Buffer | undefined): unknown =>
  answer === undefined ? undefined : packet.decode(answer).answers?.[0]

describe('a question to the world', () => {
  it.each(['udp', 'tcp'] as const)('comes back over %s with the guest’s own id', async (over) => {
    const ids: number[] = []
    const port = await upstream((asked) => {
      ids.push(asked.readUInt16BE(0))
      return [answerTo(asked)]
    })
    const forwarder = new Forwarder({ port })
    for (let turn = 0; turn < 3; turn++) {
      const answer = await forwarder.ask('n', question, ['127.0.0.1'], over)
      expect(answer?.readUInt16BE(0)).toBe(7)
      expect(dataOf(answer)).toMatchObject({ data: '192.0.2.1' })
    }
    expect(new Set(ids).size).toBeGreaterThan(1)
  })

  it('is not answered by what has another id, or another question', async () => {
    const port = await upstream((asked) => [
      withId(answerTo(asked, 'example.org', '6.6.6.6'), asked.readUInt16BE(0) ^ 1),
      answerTo(asked, 'example.com', '6.6.6.6'),
      asked,
      answerTo(asked),
    ])
    const answer = await new Forwarder({ port }).ask('n', question, ['127.0.0.1'], 'udp')
    expect(dataOf(answer)).toMatchObject({ data: '192.0.2.1' })
  })

  it('goes to the next server at once where nobody listens', async () => {
    const port = await upstream((asked) => [answerTo(asked)])
    const start = performance.now()
    const answer = await new Forwarder({ port, perServerMs: 15_000 }).ask(
      'n',
      question,
      ['127.0.0.2', '127.0.0.1'],
      'udp',
    )
    expect(dataOf(answer)).toMatchObject({ data: '192.0.2.1' })
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  it('is given up when a server is silent, and that server left alone for a while', async () => {
    let heard = 0
    const port = await upstream(() => {
      heard += 1
      return []
    })
    const forwarder = new Forwarder({ port, perServerMs: 50 })
    for (let turn = 0; turn < 3; turn++)
      expect(await forwarder.ask('n', question, ['127.0.0.1'], 'udp')).toBeUndefined()
    expect(heard).toBe(1)
  })

  it('is refused when a network has too many under way', async () => {
    const port = await upstream(() => [])
    const forwarder = new Forwarder({ port, perServerMs: 1000 })
    const many = Array.from({ length: 50 }, () =>
      forwarder.ask('n', question, ['127.0.0.1'], 'udp'),
    )
    let answered = false
    const all = Promise.all(many).finally(() => (answered = true))
    expect(await forwarder.ask('n', question, ['127.0.0.3'], 'udp')).toBeUndefined()
    expect(answered).toBe(false) // it did not wait for any of them
    await all
  })
})
