import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
import type { Logger } from '../../kernel/log/log.ts'
import type { Sandbox, WorkloadId } from '../../ports/compute.ts'
import { isDockerError } from './client.ts'
import {
  cloudFilter,
  inspectOwn,
  labels,
  poolPrefix,
  sandboxName,
  type DockerHost,
  type Inspected,
} from './names.ts'
import type { Quiet } from './quiet.ts'
import { SANDBOX_IMAGE, sandboxImage } from './sandbox-image.ts'

/**
 * Sandboxes: containers that only hold a network namespace, so that ports can be plugged before the workload's own process
 * exists. Starting one costs as much as the workload itself, hence a pool of started ones. A pooled sandbox becomes a
 * workload's by being renamed: one step, so a crash leaves it either in the pool or with its owner. The pool outlives
 * this process and is adopted by the next one.
 */
const PAUSE_AFTER_FAILURE_MS = 5_000

interface Listed {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: string
}

export class SandboxPool {
  readonly #host: DockerHost
  readonly #size: number
  readonly #quiet: Quiet
  readonly #log: Logger
  readonly #ready: string[] = []
  /** Given away, but perhaps still listed under the pool's name by a question asked before the renaming. */
  readonly #claimed = new Set<string>()
  readonly #ensuring = new Map<WorkloadId, Promise<Sandbox>>()
  #adopted = false
  readonly #closing = new AbortController()
  #refilling: Promise<void> | undefined

  constructor(
    host: DockerHost,
    options: { readonly size: number; readonly quiet: Quiet; readonly log: Logger },
  ) {
    this.#host = host
    this.#size = options.size
    this.#quiet = options.quiet
    this.#log = options.log
  }

  /** A `shared` one has an IPC namespace that others can join; no spare one has, because that costs memory. */
  async ensure(id: WorkloadId, shared = false): Promise<Sandbox> {
    // Two calls for one workload at once: the engine reserves a name before the container of that name can be found.
    const ensuring =
      this.#ensuring.get(id) ?? this.#ensure(id, shared).finally(() => this.#ensuring.delete(id))
    this.#ensuring.set(id, ensuring)
    return await ensuring
  }

  /** Tops the pool up in the background; called whenever there may be something to do. */
  refill(): void {
    if (this.#closing.signal.aborted) return
    this.#refilling ??= this.#fill()
      .catch(async (error: unknown) => {
        this.#log.warn({ err: error }, 'cannot refill the sandbox pool')
        this.#adopted = false // one may have been made and not started: look again
        await this.#rest(PAUSE_AFTER_FAILURE_MS)
      })
      .finally(() => {
        this.#refilling = undefined
        if (this.#wanting) this.refill()
      })
  }

  /** The engine was away: spare sandboxes may have stopped or gone. */
  refresh(): void {
    this.#adopted = false
    this.#ready.length = 0
    this.refill()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#refilling
  }

  async #ensure(id: WorkloadId, shared: boolean): Promise<Sandbox> {
    const name = sandboxName(id)
    let seen = await inspectOwn(this.#host, name)
    if (!shared) seen ??= await this.#claim(name)
    if (seen === undefined) await this.#make(name, shared)
    if (seen?.State.Running !== true) {
      await this.#host.client.send('POST', `/containers/${name}/start`)
      seen = await inspectOwn(this.#host, name)
    }
    const netns = seen && netnsOf(seen)
    if (netns === undefined) throw new Error(`the sandbox of ${id} does not stay running`)
    return { netns }
  }

  get #wanting(): boolean {
    return !this.#adopted || this.#ready.length < this.#size
  }

  async #claim(name: string): Promise<Inspected | undefined> {
    for (let id = this.#ready.pop(); id !== undefined; id = this.#ready.pop()) {
      this.#claimed.add(id)
      try {
        const [, seen] = await Promise.all([
          this.#host.client.send('POST', `/containers/${id}/rename`, { query: { name } }),
          inspectOwn(this.#host, id),
        ])
        if (seen !== undefined) return seen
      } catch (error) {
        if (isDockerError(error, 404)) continue // somebody removed it from the pool
        if (!isDockerError(error, 409)) throw error
        this.#ready.push(id) // somebody took the name meanwhile
        this.#claimed.delete(id)
        return await inspectOwn(this.#host, name)
      } finally {
        this.refill()
      }
    }
    this.refill()
    return undefined
  }

  async #fill(): Promise<void> {
    while (this.#wanting && !this.#closing.signal.aborted) {
      const wait = this.#quiet.wait()
      if (!this.#adopted) await this.#adopt()
      else if (wait > 0) await this.#rest(wait)
      else this.#ready.push(await this.#makeStarted())
    }
  }

  /** Takes over what a former process, or this one before the engine restarted, left in the pool. */
  async #adopt(): Promise<void> {
    const prefix = poolPrefix(this.#host.cloud)
    const found = await this.#host.client.call<Listed[]>('GET', '/containers/json', {
      query: { all: true, filters: cloudFilter(this.#host) },
    })
    const pooled = found.filter((one) => one.Names[0]?.startsWith(`/${prefix}`))
    const listed = new Set(pooled.map(({ Id }) => Id))
    for (const id of this.#claimed) if (!listed.has(id)) this.#claimed.delete(id)
    this.#adopted = true // before the loop: a refresh meanwhile asks for another round
    for (const one of pooled) {
      if (this.#claimed.has(one.Id) || this.#ready.includes(one.Id)) continue
      if (this.#ready.length >= this.#size) await this.#drop(one.Id)
      else if (one.State === 'running' || (await this.#revive(one.Id))) this.#ready.push(one.Id)
    }
  }

  async #makeStarted(): Promise<string> {
    const name = `${poolPrefix(this.#host.cloud)}${randomBytes(6).toString('hex')}`
    const id = await this.#make(name)
    await this.#host.client.send('POST', `/containers/${id}/start`)
    return id
  }

  async #make(name: string, shared = false): Promise<string> {
    const create = async (): Promise<{ Id: string }> =>
      await this.#host.client.call('POST', '/containers/create', {
        query: { name },
        body: sandboxConfig(this.#host.cloud, shared),
      })
    try {
      return (await create()).Id
    } catch (error) {
      if (!isDockerError(error, 404)) throw error
      await this.#loadImage()
      return (await create()).Id
    }
  }

  async #loadImage(): Promise<void> {
    const { client } = this.#host
    const content = await sandboxImage((await client.version()).Arch)
    await client.send('POST', '/images/load', {
      query: { quiet: true },
      upload: Readable.from([content]),
    })
  }

  async #revive(id: string): Promise<boolean> {
    try {
      await this.#host.client.send('POST', `/containers/${id}/start`)
      return true
    } catch (error) {
      this.#log.warn({ err: error, id }, 'dropping a spare sandbox that does not start')
      await this.#drop(id)
      return false
    }
  }

  async #drop(id: string): Promise<void> {
    await this.#host.client
      .send('DELETE', `/containers/${id}`, { query: { force: true } })
      .catch((error: unknown) => {
        if (!isDockerError(error, 404, 409)) throw error
      })
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { ref: false, signal: this.#closing.signal }).catch(() => undefined)
  }
}

export function netnsOf(seen: Inspected): string | undefined {
  return seen.State.Running && seen.State.Pid > 0 ? `/proc/${seen.State.Pid}/ns/net` : undefined
}

/**
 * As little as a container can be: no rights, no writable files, no network of Docker's, no log. No limit of processes: the
 * runtime needs several threads until it turns into our program, which makes none.
 */
function sandboxConfig(cloud: string, shared: boolean): object {
  return {
    Image: SANDBOX_IMAGE,
    // The first process of a namespace ignores the polite signal unless it handles it.
    StopSignal: 'SIGKILL',
    Labels: { [labels.cloud]: cloud },
    HostConfig: {
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      IpcMode: shared ? 'shareable' : 'none',
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  }
}
