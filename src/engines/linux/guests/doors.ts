import { Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { receiveSockets, type HandedSocket } from '../../../kernel/exec/handed-sockets.ts'
import { netnsPath } from '../names.ts'
import type { Namespaces } from '../namespaces.ts'

interface Door {
  readonly inode: number
  readonly names: readonly string[]
  readonly listening: HandedSocket[]
  readonly connections: Set<Socket>
  broken: boolean
}

/** Attends a socket that was opened inside a namespace, from the moment it is there. */
export interface Attendants {
  /** By name: `tcp/80`. */
  readonly tcp: Readonly<Record<string, (connection: Socket) => void>>
  /** By name: `udp/53`, or `udp/547/ff02::1:2%br0` for one that hears what is sent to such a group too. */
  readonly udp: Readonly<Record<string, (socket: Exclude<HandedSocket, Server>) => void>>
}

// Beside this file under the same ending, whether it runs as it is or compiled.
const childPath = fileURLToPath(
  new URL(`./doors-child${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

/** Sockets of this one process inside many namespaces: those of a namespace are opened together, and closed when it goes. */
export class Doors {
  readonly #open = new Map<string, Door>()
  readonly #namespaces: Namespaces
  #opening: Promise<unknown> = Promise.resolve()

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces
  }

  /** Repeating it is a no-op while the same sockets live; `attend` of the first call stays. */
  async open(netns: string, attendants: Attendants): Promise<void> {
    const inode = this.#namespaces.inode(netns)
    if (inode === undefined) throw new Error(`the namespace ${netns} is not on this host`)
    const names = [...Object.keys(attendants.tcp), ...Object.keys(attendants.udp)]
    const known = this.#open.get(netns)
    if (known?.inode === inode && !known.broken && isDeepStrictEqual(known.names, names)) return
    await this.close(netns)
    const door: Door = { inode, names, listening: [], connections: new Set(), broken: false }
    // One helper at a time: each is a whole Node, and none is in anyone's way.
    const opened = this.#opening.then(async () => {
      if (this.#namespaces.inode(netns) === inode) await receive(netns, door, attendants)
    })
    this.#opening = opened.catch(() => undefined)
    try {
      await opened
      if (this.#namespaces.inode(netns) !== inode)
        throw new Error(`the namespace ${netns} went away while its sockets were opened`)
    } catch (cause) {
      await shut(door)
      throw cause
    }
    this.#open.set(netns, door)
  }

  /** The next call opens it anew: a socket is in no group of a link that was made again. */
  doubt(netns: string): void {
    const known = this.#open.get(netns)
    if (known !== undefined) known.broken = true
  }

  /** An open socket would keep the namespace alive after its removal. */
  async close(netns: string): Promise<void> {
    const door = this.#open.get(netns)
    this.#open.delete(netns)
    if (door !== undefined) await shut(door)
  }

  async closeAll(): Promise<void> {
    await this.#opening
    await Promise.all([...this.#open.keys()].map(async (netns) => await this.close(netns)))
  }
}

async function receive(netns: string, door: Door, attendants: Attendants): Promise<void> {
  await receiveSockets(
    'nsenter',
    [`--net=${netnsPath(netns)}`, process.execPath, childPath, ...door.names],
    (name, socket) => {
      door.listening.push(socket)
      socket.on('error', () => (door.broken = true))
      if (socket instanceof Server)
        socket.on('connection', (connection) => {
          door.connections.add(connection)
          connection.once('close', () => door.connections.delete(connection))
          attendants.tcp[name]?.(connection)
        })
      else attendants.udp[name]?.(socket)
    },
  )
}

async function shut(door: Door): Promise<void> {
  const closed = door.listening.map(
    async (socket) =>
      await new Promise<void>((resolve) => {
        if (socket instanceof Server) socket.close(() => resolve())
        else socket.close(resolve)
      }),
  )
  for (const connection of door.connections) connection.destroy()
  await Promise.all(closed)
}
