import type { Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { receiveServer } from '../../kernel/exec/handed-server.ts'
import type { MetadataPeer } from '../../ports/network.ts'
import { METADATA_ADDRESS } from './filters.ts'
import { netnsPath, type Names } from './names.ts'
import type { Namespaces } from './namespaces.ts'

type Accept = (socket: Socket, from: MetadataPeer) => void

interface Served {
  readonly inode: number
  readonly server: Server
  readonly sockets: Set<Socket>
}

// Beside this file under the same ending, whether it runs as it is or compiled.
const childPath = fileURLToPath(
  new URL(`./metadata-child${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

/** The metadata address of every network, served by this one process through sockets opened inside the namespaces. */
export class MetadataDoors {
  readonly #served = new Map<string, Served>()
  readonly #namespaces: Namespaces
  readonly #names: Names
  #opening: Promise<unknown> = Promise.resolve()

  constructor(namespaces: Namespaces, names: Names) {
    this.#namespaces = namespaces
    this.#names = names
  }

  async serve(networkId: string, accept: Accept): Promise<void> {
    const netns = this.#names.network(networkId)
    const inode = this.#namespaces.inode(netns)
    if (inode === undefined) throw new Error(`network ${networkId} is not on this host`)
    const served = this.#served.get(networkId)
    if (served?.inode === inode && served.server.listening) return
    await this.close(networkId)
    const sockets = new Set<Socket>()
    // One helper at a time: each is a whole Node, and none is in anyone's way.
    const opened = this.#opening.then(() =>
      receiveServer(
        'nsenter',
        [`--net=${netnsPath(netns)}`, process.execPath, childPath, METADATA_ADDRESS, '80'],
        (socket) => attend(socket, networkId, sockets, accept),
      ),
    )
    this.#opening = opened.catch(() => undefined)
    const server = await opened
    if (this.#namespaces.inode(netns) !== inode) {
      server.close()
      for (const socket of sockets) socket.destroy()
      throw new Error(`network ${networkId} went away while its metadata address was opened`)
    }
    this.#served.set(networkId, { inode, server, sockets })
    server.on('error', () => void this.close(networkId))
  }

  /** An open socket would keep the namespace alive after its removal. */
  async close(networkId: string): Promise<void> {
    const served = this.#served.get(networkId)
    if (served === undefined) return
    this.#served.delete(networkId)
    const closed = new Promise((resolve) => served.server.close(resolve))
    for (const socket of served.sockets) socket.destroy()
    await closed
  }

  async closeAll(): Promise<void> {
    await this.#opening
    await Promise.all([...this.#served.keys()].map((id) => this.close(id)))
  }
}

function attend(socket: Socket, networkId: string, sockets: Set<Socket>, accept: Accept): void {
  const address = socket.remoteAddress
  if (address === undefined) {
    socket.destroy() // gone before it was looked at
    return
  }
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
  accept(socket, { networkId, address })
}
