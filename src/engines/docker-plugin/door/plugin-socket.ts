import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import type { Server as HttpServer } from 'node:http'
import { connect, createServer as createLock, type Server } from 'node:net'
import { dirname } from 'node:path'

/**
 * The socket in Docker's plugin folder. Several clouds of one host may want the same name: the first keeps it as long as it
 * lives. Who owns it holds a lock that the kernel gives back when its process ends, however it ends (a socket of the same
 * name without a place in the file system); the file itself may be left over from one that died.
 */
export class PluginSocket {
  readonly #path: string
  readonly #server: HttpServer
  #lock: Server | undefined
  #inode = 0

  constructor(path: string, server: HttpServer) {
    this.#path = path
    this.#server = server
  }

  get held(): boolean {
    return this.#inode !== 0
  }

  /** Answers why not, or undefined when the socket is ours now (or was already). */
  async take(): Promise<string | undefined> {
    if (this.#lock !== undefined && this.#isOurs()) return undefined
    try {
      this.#lock ??= await lockOf(this.#path)
      if (this.#lock === undefined || (await answers(this.#path)))
        return this.#release(`${this.#path} belongs to another process`)
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o755 })
      rmSync(this.#path, { force: true })
      await this.#listen()
      this.#inode = statSync(this.#path).ino
      return undefined
    } catch (cause) {
      return this.#release(cause instanceof Error ? cause.message : String(cause))
    }
  }

  /** Removes the socket if it is ours. */
  leave(): void {
    if (this.#lock !== undefined && this.#isOurs()) rmSync(this.#path, { force: true })
    this.#release('')
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  #release(reason: string): string {
    this.#lock?.close()
    this.#lock = undefined
    this.#inode = 0
    return reason
  }

  #isOurs(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode
  }

  /** Somebody may have removed the file under a server that still listens: it is opened anew. */
  async #listen(): Promise<void> {
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ path: this.#path }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }
}

/** Undefined when another process has it. */
function lockOf(path: string): Promise<Server | undefined> {
  const name = `\0stackyard.plugin.${createHash('sha256').update(path).digest('hex').slice(0, 32)}`
  return new Promise((resolve, reject) => {
    const lock = createLock((socket) => socket.destroy())
    lock.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') resolve(undefined)
      else reject(cause)
    })
    lock.listen({ path: name }, () => resolve(lock))
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
