import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { PublishedPortSpec } from '../../ports/network.ts'

/**
 * Ports of the host that published ports hold: a socket of ours on each, so that no other program takes it and one that has it
 * already is noticed. Nothing ever arrives on these sockets; the host's rules translate it before.
 */
interface Held {
  readonly owner: string
  readonly networkId: string
  readonly socket: Server | DatagramSocket
}

export class HostPortHolds {
  readonly #held = new Map<string, Held>()

  /** Holds exactly these for the port; says which one somebody else has. */
  async hold(
    owner: string,
    networkId: string,
    wanted: readonly PublishedPortSpec[],
  ): Promise<void> {
    const keys = new Set(wanted.map(keyOf))
    this.#drop(([key, held]) => held.owner === owner && !keys.has(key))
    for (const each of wanted) {
      const key = keyOf(each)
      const there = this.#held.get(key)
      if (there?.owner === owner) continue
      if (there !== undefined) throw new Error(`${wordsFor(each)} is published by another port`)
      this.#held.set(key, { owner, networkId, socket: await bound(each) })
    }
  }

  has(port: Omit<PublishedPortSpec, 'port'>): boolean {
    return this.#held.has(keyOf(port))
  }

  release(owner: string): void {
    this.#drop(([, held]) => held.owner === owner)
  }

  releaseNetwork(networkId: string): void {
    this.#drop(([, held]) => held.networkId === networkId)
  }

  releaseAll(): void {
    this.#drop(() => true)
  }

  #drop(goes: (entry: [string, Held]) => boolean): void {
    for (const entry of [...this.#held].filter(goes)) {
      this.#held.delete(entry[0])
      entry[1].socket.close()
    }
  }
}

const keyOf = ({ protocol, hostAddress, hostPort }: Omit<PublishedPortSpec, 'port'>): string =>
  `${protocol} ${hostAddress} ${hostPort}`

const wordsFor = ({ protocol, hostAddress, hostPort }: PublishedPortSpec): string =>
  `the host's port ${hostAddress}:${hostPort}/${protocol}`

async function bound(port: PublishedPortSpec): Promise<Server | DatagramSocket> {
  const { protocol, hostAddress: host, hostPort } = port
  try {
    if (protocol === 'udp') {
      const socket = createSocket('udp4').unref()
      socket.bind({ address: host, port: hostPort, exclusive: true })
      await once(socket, 'listening')
      return socket
    }
    const server = createServer((caller) => caller.destroy()).unref()
    server.listen({ host, port: hostPort, exclusive: true })
    await once(server, 'listening')
    return server
  } catch (cause) {
    throw new Error(`${wordsFor(port)} cannot be used`, { cause })
  }
}
