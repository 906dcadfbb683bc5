import type { Socket as UdpSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import type { GuestServices, NameAnswer } from '../../../ports/guest-services.ts'
import type { NetworkLog } from '../log.ts'
import type { Allowance } from './allowance.ts'
import { framed, frames } from './dns-frames.ts'
import { rcode, readQuery, refusal, reply, type Query } from './dns-wire.ts'
import type { Forwarder } from './forward.ts'

const IDLE_MS = 10_000

/** The guests of one network, as their resolver sees them. */
export interface NameGuests {
  readonly networkId: string
  readonly services: Pick<GuestServices, 'resolve'>
  readonly allowance: Allowance
}

/**
 * The resolver of every network: names of the network from whoever knows them, names of the world from the forwarder. It is
 * never silent, whatever happens: a guest whose resolver says nothing waits for 10 to 20 seconds per lookup.
 */
export class NameServer {
  readonly #forwarder: Forwarder
  readonly #log: NetworkLog

  constructor(forwarder: Forwarder, log: NetworkLog) {
    this.#forwarder = forwarder
    this.#log = log
  }

  udp(socket: UdpSocket, guests: NameGuests): void {
    socket.on('message', (message, from) => {
      void this.#answer(message, guests, 'udp').then((answer) => {
        // whoever asked may be gone, and so may the socket
        if (answer !== undefined) send(socket, answer, from.port, from.address)
      })
    })
  }

  tcp(connection: Socket, guests: NameGuests): void {
    connection.setTimeout(IDLE_MS, () => connection.destroy())
    const talk = async (): Promise<void> => {
      for await (const message of frames(connection)) {
        const answer = await this.#answer(message, guests, 'tcp')
        if (answer === undefined) break
        connection.write(framed(answer))
      }
    }
    talk()
      .catch(() => undefined) // a connection that broke has nobody to tell
      .finally(() => connection.end())
  }

  async #answer(
    message: Buffer,
    guests: NameGuests,
    over: 'udp' | 'tcp',
  ): Promise<Buffer | undefined> {
    const read = readQuery(message)
    if (read.kind === 'nothing') return undefined
    if (read.kind === 'refusal') return refusal(message, read.code)
    if (!guests.allowance.take()) return reply(read.query, rcode.refused, [], over)
    try {
      const answer = await guests.services.resolve(guests.networkId, read.query.question)
      return await this.#tell(answer, { message, query: read.query, over, guests })
    } catch (error) {
      this.#log.debug({ err: error, network: guests.networkId }, 'resolving a name')
      return reply(read.query, rcode.serverFailure, [], over)
    }
  }

  async #tell(
    answer: NameAnswer,
    asked: {
      readonly message: Buffer
      readonly query: Query
      readonly over: 'udp' | 'tcp'
      readonly guests: NameGuests
    },
  ): Promise<Buffer> {
    const { message, query, over, guests } = asked
    switch (answer.kind) {
      case 'known':
        return reply(query, rcode.ok, answer.records, over)
      case 'noSuchName':
        return reply(query, rcode.noSuchName, [], over)
      case 'elsewhere': {
        if (answer.servers.length === 0) return reply(query, rcode.refused, [], over)
        const found = await this.#forwarder.ask(guests.networkId, message, answer.servers, over)
        return found ?? reply(query, rcode.serverFailure, [], over)
      }
    }
  }
}

function send(socket: UdpSocket, answer: Buffer, port: number, address: string): void {
  try {
    socket.send(answer, port, address, () => undefined)
  } catch {
    // closed in the meantime
  }
}
