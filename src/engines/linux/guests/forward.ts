import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { isIPv6 } from 'node:net'
import { fingerprint, isAnswer, withId } from './dns-wire.ts'
import { frames, framed } from './dns-frames.ts'

const PER_SERVER_MS = 1_500
/** A server that said nothing is not asked again for this long: guests must not wait for it one after another. */
const SILENT_MS = 10_000
const IN_FLIGHT = 200
const IN_FLIGHT_PER_NETWORK = 50
const DNS_PORT = 53

export interface ForwarderSettings {
  /** Where name servers listen; 53 but in tests. */
  readonly port?: number
  readonly perServerMs?: number
}

/**
 * Carries questions of guests to name servers of the world, from the host's own network. Every question goes from a socket and
 * with an id of its own, and only the answer to it is taken. Nothing is remembered but which servers were silent of late.
 */
export class Forwarder {
  readonly #silentUntil = new Map<string, number>()
  readonly #inFlight = new Map<string, number>()
  readonly #port: number
  readonly #perServerMs: number
  #total = 0

  constructor({ port = DNS_PORT, perServerMs = PER_SERVER_MS }: ForwarderSettings = {}) {
    this.#port = port
    this.#perServerMs = perServerMs
  }

  /** The answer with the guest's own id; undefined when nobody gave one in time, or too many questions are under way. */
  async ask(
    networkId: string,
    message: Buffer,
    servers: readonly string[],
    over: 'udp' | 'tcp',
  ): Promise<Buffer | undefined> {
    const mine = this.#inFlight.get(networkId) ?? 0
    if (this.#total >= IN_FLIGHT || mine >= IN_FLIGHT_PER_NETWORK) return undefined
    this.#count(networkId, 1)
    try {
      for (const server of servers.slice(0, 3)) {
        if ((this.#silentUntil.get(server) ?? 0) > Date.now()) continue
        const answer = await this.#askOne(message, server, over)
        if (answer !== undefined) return withId(answer, message.readUInt16BE(0))
      }
      return undefined
    } finally {
      this.#count(networkId, -1)
    }
  }

  #count(networkId: string, by: number): void {
    this.#total += by
    const now = (this.#inFlight.get(networkId) ?? 0) + by
    if (now === 0) this.#inFlight.delete(networkId)
    else this.#inFlight.set(networkId, now)
  }

  async #askOne(message: Buffer, server: string, over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const question = withId(message, randomInt(0x1_0000))
    const ask = over === 'udp' ? byUdp : byTcp
    const outcome = await ask(question, { server, port: this.#port, timeoutMs: this.#perServerMs })
    if (outcome === 'silence') this.#silentUntil.set(server, Date.now() + SILENT_MS)
    else this.#silentUntil.delete(server)
    return typeof outcome === 'string' ? undefined : outcome
  }
}

interface Target {
  readonly server: string
  readonly port: number
  readonly timeoutMs: number
}

/** `refused`: somebody said at once that nobody is there. */
type Outcome = Buffer | 'silence' | 'refused'

const answers = (question: Buffer, reply: Buffer): boolean =>
  isAnswer(reply) && fingerprint(reply) === fingerprint(question)

async function byUdp(question: Buffer, { server, port, timeoutMs }: Target): Promise<Outcome> {
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
  try {
    return await new Promise<Outcome>((resolve) => {
      const timer = setTimeout(() => resolve('silence'), timeoutMs)
      const end = (outcome: Outcome): void => {
        clearTimeout(timer)
        resolve(outcome)
      }
      socket.on('error', () => end('refused'))
      socket.on('message', (reply) => {
        if (answers(question, reply)) end(reply)
      })
      // connected: the kernel takes packets of this server alone, and tells when nobody listens there
      socket.connect(port, server, (failure?: Error) => {
        if (failure === undefined) socket.send(question)
        else end('refused')
      })
    })
  } finally {
    socket.close()
  }
}

async function byTcp(question: Buffer, { server, port, timeoutMs }: Target): Promise<Outcome> {
  const connection = connect({ host: server, port })
  const state = { late: false }
  const timer = setTimeout(() => {
    state.late = true
    connection.destroy()
  }, timeoutMs)
  try {
    connection.write(framed(question))
    for await (const reply of frames(connection)) if (answers(question, reply)) return reply
    return state.late ? 'silence' : 'refused'
  } catch {
    return state.late ? 'silence' : 'refused'
  } finally {
    clearTimeout(timer)
    connection.destroy()
  }
}
