import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import { nodeHttp } from '../../../kernel/http/node-http.ts'
import { isLast, ownAnswer, type Answer } from './answers.ts'
import { Journal } from './journal.ts'
import { PluginSocket } from './plugin-socket.ts'
import { Upstream } from './upstream.ts'
import { readBody, sendJson } from './wire.ts'

const PLUGIN_TYPE = 'application/vnd.docker.plugins.v1+json'
const FAREWELL = 'this Stackyard is being removed'
const LOOK_MS = 2000

export interface DoorConfig {
  /** The door's own folder inside the cloud's data folder. */
  readonly folder: string
  /** Docker's folder for plugins. */
  readonly plugins: string
  /** Name of the driver, as `docker network create -d` takes it. */
  readonly name: string
  /** Of the door's code: a cloud that carries another one replaces the process. */
  readonly version: string
  /** How often it looks whether its socket and its folder are still there; default 2000. */
  readonly lookMs?: number
  /** For people. */
  readonly say: (line: string) => void
  /** Called once it is closed. */
  readonly closed?: () => void
}

export interface DoorStatus {
  readonly pid: number
  readonly version: string
  readonly name: string
  readonly plugins: string
  readonly open: boolean
  /** Why it is not open. */
  readonly reason?: string
  /** Calls that wait for the cloud to come back. */
  readonly waiting: number
}

export const doorFiles = (folder: string) => ({
  cloud: join(folder, 'cloud.sock'),
  control: join(folder, 'door.sock'),
  journal: join(folder, 'journal'),
  pid: join(folder, 'pid'),
  log: join(folder, 'door.log'),
  /** Is there as long as the door has to outlive its cloud. */
  outlives: join(folder, 'outlives'),
})

/** Of all files of this folder but tests; whoever changes one of them gets a new door at the next start of the cloud. */
export function doorVersion(): string {
  const hash = createHash('sha256')
  const here = import.meta.dirname
  const names = readdirSync(here).filter((name) => /(?<!\.test|\.d)\.[jt]s$/.test(name))
  for (const name of names.toSorted()) hash.update(readFileSync(join(here, name)))
  return hash.digest('hex').slice(0, 16)
}

/**
 * What stands between the Docker Engine and the cloud. It holds no wish and no table: what it knows is which calls it accepted
 * while the cloud was away. It closes when it is told so, or when its folder is gone.
 */
export class Door {
  readonly #config: DoorConfig
  readonly #journal: Journal
  readonly #upstream: Upstream
  readonly #socket: PluginSocket
  readonly #control: Server
  #reason: string | undefined
  #inode = 0
  /** The cloud is being removed: endings are accepted and forgotten, so that Docker can let go of its networks. */
  #farewell = false
  #timer: NodeJS.Timeout | undefined

  constructor(config: DoorConfig) {
    this.#config = config
    const files = doorFiles(config.folder)
    this.#journal = new Journal(files.journal)
    this.#upstream = new Upstream(files.cloud, this.#journal, config.say)
    const server = nodeHttp.createServer((call, answer) => void this.#plugin(call, answer))
    this.#socket = new PluginSocket(join(config.plugins, `${config.name}.sock`), server)
    this.#control = nodeHttp.createServer((call, answer) => void this.#order(call, answer))
  }

  async open(): Promise<void> {
    const files = doorFiles(this.#config.folder)
    rmSync(files.control, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#control.once('error', reject)
      this.#control.listen({ path: files.control }, resolve)
    })
    this.#inode = statSync(files.control).ino
    writeFileSync(files.pid, String(process.pid), { mode: 0o600 })
    await this.#take()
    this.#timer = setInterval(() => void this.#look(), this.#config.lookMs ?? LOOK_MS)
    this.#timer.unref()
  }

  async #take(): Promise<void> {
    const held = this.#socket.held
    const reason = await this.#socket.take()
    const isNew = reason === undefined ? !held : reason !== this.#reason
    if (isNew) this.#config.say(reason ?? `serving ${this.#config.name}`)
    this.#reason = reason
  }

  async #look(): Promise<void> {
    const control = statSync(doorFiles(this.#config.folder).control, { throwIfNoEntry: false })
    if (control?.ino !== this.#inode) return this.close()
    await this.#take()
  }

  /** Calls that are being answered still are. */
  close(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#socket.leave()
    this.#control.close()
    this.#upstream.close()
    this.#journal.close()
    this.#config.say('closed')
    this.#config.closed?.()
  }

  async #plugin(call: IncomingMessage, answer: ServerResponse): Promise<void> {
    const method = (call.url ?? '').slice(1)
    try {
      const text = await readBody(call)
      const payload: unknown = text.trim() === '' ? {} : JSON.parse(text)
      sendJson(answer, 200, await this.#answer(method, payload), PLUGIN_TYPE)
    } catch (error) {
      const reason = reasonOf(error)
      this.#config.say(`${method}: ${reason}`)
      // network drivers read one key, address drivers the other
      sendJson(answer, 500, { Err: reason, Error: reason }, PLUGIN_TYPE)
    }
  }

  async #answer(method: string, payload: unknown): Promise<Answer> {
    const own = ownAnswer(method, payload)
    if (own !== undefined) return own
    if (!this.#farewell) return await this.#upstream.call(method, payload)
    if (isLast(method)) return {}
    throw new Error(FAREWELL)
  }

  async #order(call: IncomingMessage, answer: ServerResponse): Promise<void> {
    await readBody(call).catch(() => '')
    if (call.url === '/farewell') this.#farewell = true
    // the cloud has come: what was accepted without it goes first
    if (call.url === '/hello') await this.#upstream.flush().catch(() => undefined)
    sendJson(answer, 200, this.status())
    if (call.url === '/stop') answer.once('close', () => this.close())
  }

  status(): DoorStatus {
    const { version, name, plugins } = this.#config
    return {
      pid: process.pid,
      version,
      name,
      plugins,
      open: this.#socket.held,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      waiting: this.#journal.length,
    }
  }
}

export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
}
