import { existsSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { run } from '../../kernel/exec/run.ts'
import { reasonOf } from '../../kernel/errors/cloud-error.ts'
import { nodeHttp } from '../../kernel/http/node-http.ts'
import {
  pluginMethods,
  type DockerPluginPort,
  type PluginHandler,
  type PluginMethod,
  type PluginState,
  type PluginView,
} from '../../ports/docker-plugin.ts'
import { DockerClient } from '../docker/client.ts'
import { Door, doorFiles, doorVersion, makeFolder, type DoorStatus } from './door/door.ts'
import type { Entry } from './door/journal.ts'
import { readBody, sendJson } from './door/wire.ts'
import { askDoor, endDoor, ensureDoor, type DoorPlace } from './keeper.ts'

export { DOCKER_PLUGINS } from './keeper.ts'

/** What the plugin says while it works; pino's logger is one. */
export interface PluginLog {
  debug(details: object, message: string): void
  warn(details: object, message: string): void
}

export interface DockerPluginConfig extends DoorPlace {
  /** The Docker Engine that is asked what it knows of our networks. */
  readonly dockerSocket: string
  readonly log: PluginLog
}

const WATCH_MS = 5000

/**
 * Docker's network plugin. As soon as Docker has a network of ours the door is a process of its own (`door/`), so that the Docker
 * Engine never waits for a cloud that starts anew; this side listens on a socket in the data folder that only the door knows, and keeps the door alive.
 */
export function createDockerPlugin(config: DockerPluginConfig): DockerPluginPort {
  return new DockerPlugin(config)
}

class DockerPlugin implements DockerPluginPort {
  readonly kind = 'docker'
  readonly #config: DockerPluginConfig
  readonly #docker: DockerClient
  #server: Server | undefined
  #watch: NodeJS.Timeout | undefined
  #trouble: string | undefined
  #inside: Door | undefined
  #outlives = false

  constructor(config: DockerPluginConfig) {
    this.#config = config
    this.#docker = new DockerClient(config.dockerSocket)
  }

  async serve(handler: PluginHandler, outlives: boolean): Promise<void> {
    this.#outlives = outlives
    await this.#keep()
    const path = doorFiles(this.#config.folder).cloud
    rmSync(path, { force: true })
    const server = nodeHttp.createServer((call, answer) => void this.#hear(handler, call, answer))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path }, resolve)
    })
    this.#server = server
    await askDoor(this.#config.folder, 'hello').catch(() => undefined)
    this.#watch = setInterval(() => void this.#keep(), WATCH_MS)
    this.#watch.unref()
  }

  /** The socket changes hands: who calls in between is refused, and Docker calls again. */
  async outlive(): Promise<void> {
    if (this.#outlives) return
    this.#outlives = true
    writeFileSync(doorFiles(this.#config.folder).outlives, '', { mode: 0o600 })
    this.#inside?.close()
    this.#inside = undefined
    await ensureDoor(this.#config)
  }

  async state(): Promise<PluginState> {
    const { name, folder } = this.#config
    const status = await askDoor(folder, 'status').catch(() => undefined)
    if (status === undefined)
      return { open: false, detail: this.#trouble ?? 'its process does not answer' }
    if (!status.open) return { open: false, detail: status.reason ?? 'its socket is closed' }
    const waiting = status.waiting === 0 ? '' : `, ${status.waiting} calls wait`
    return { open: true, detail: `docker network create -d ${name}${waiting}` }
  }

  async look(): Promise<PluginView | undefined> {
    const filters = JSON.stringify({ driver: [this.#config.name] })
    try {
      const found = await this.#docker.call<{ Id: string }[]>('GET', '/networks', {
        query: { filters },
        timeoutMs: 10_000,
      })
      const networks = await Promise.all(found.map(async ({ Id }) => await this.#network(Id)))
      return { networks: networks.filter((one) => one !== undefined) }
    } catch (error) {
      this.#config.log.debug({ reason: reasonOf(error) }, 'looking at the networks of Docker')
      return undefined
    }
  }

  async #network(id: string): Promise<PluginView['networks'][number]> {
    const { Containers } = await this.#docker.call<{
      Containers: Record<string, { EndpointID: string }> | null
    }>('GET', `/networks/${id}`, { timeoutMs: 10_000 })
    return { id, endpoints: Object.values(Containers ?? {}).map(({ EndpointID }) => EndpointID) }
  }

  async sandboxes(keys: readonly string[]): Promise<readonly string[]> {
    return await Promise.resolve(keys.filter((key) => existsSync(key)))
  }

  async freeInterface(key: string): Promise<string> {
    const shown = await run('nsenter', [`--net=${key}`, 'ip', '-j', 'link', 'show'])
    const links = JSON.parse(shown) as { ifname: string }[] // as `ip -j` prints them
    const taken = new Set(links.map(({ ifname }) => ifname))
    const free = links.map((_, at) => `eth${at}`).find((name) => !taken.has(name))
    return free ?? `eth${links.length}`
  }

  async close(): Promise<void> {
    clearInterval(this.#watch)
    this.#inside?.close()
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    await new Promise((resolve) => {
      server.close(resolve)
    })
  }

  /** A door that cannot be opened is no reason for a cloud not to work: the reason is kept for whoever asks. */
  async #keep(): Promise<void> {
    try {
      const status = this.#outlives ? await ensureDoor(this.#config) : await this.#openInside()
      this.#note(status.open ? undefined : status.reason)
    } catch (error) {
      this.#note(reasonOf(error))
    }
  }

  /** As long as Docker has no network of ours nobody waits for the door when this process is away, so it is a part of it. */
  async #openInside(): Promise<DoorStatus> {
    if (this.#inside === undefined) {
      await endDoor(this.#config.folder)
      makeFolder(this.#config.folder)
      rmSync(doorFiles(this.#config.folder).outlives, { force: true })
      const say = (line: string): void => this.#config.log.debug({ door: line }, "Docker's plugin")
      this.#inside = new Door({ ...this.#config, version: doorVersion(), say })
      await this.#inside.open()
    }
    return this.#inside.status()
  }

  #note(trouble: string | undefined): void {
    if (trouble !== undefined && trouble !== this.#trouble)
      this.#config.log.warn({ reason: trouble }, "Docker's network plugin is not open")
    this.#trouble = trouble
  }

  async #hear(
    handler: PluginHandler,
    call: IncomingMessage,
    answer: ServerResponse,
  ): Promise<void> {
    const started = performance.now()
    let method = ''
    try {
      const said = JSON.parse(await readBody(call)) as Entry // our own door's
      method = said.method
      if (!isMethod(method)) throw new Error(`there is no method ${method}`)
      sendJson(answer, 200, { answer: await handler(method, said.payload, said.call) })
    } catch (error) {
      this.#config.log.warn({ method, reason: reasonOf(error) }, 'a call of Docker failed')
      sendJson(answer, 200, { error: reasonOf(error) })
    }
    const ms = Math.round(performance.now() - started)
    this.#config.log.debug({ method, ms }, 'a call of Docker')
  }
}

const isMethod = (method: string): method is PluginMethod =>
  pluginMethods.some((known) => known === method)
