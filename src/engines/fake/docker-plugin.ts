import { randomUUID } from 'node:crypto'
import type {
  DockerPluginPort,
  PluginAnswer,
  PluginHandler,
  PluginMethod,
  PluginState,
  PluginView,
} from '../../ports/docker-plugin.ts'

/** The door without a Docker Engine: tests call as it would. */
export interface FakeDockerPlugin extends DockerPluginPort {
  /** `id`: the call's own; default a new one. */
  call(method: PluginMethod, payload: unknown, id?: string): Promise<PluginAnswer>
  /** What the pretended engine knows; undefined: it does not answer. */
  view: PluginView | undefined
  /** Sandboxes that exist. */
  readonly alive: Set<string>
}

class Fake implements FakeDockerPlugin {
  readonly kind = 'fake'
  view: PluginView | undefined
  readonly alive = new Set<string>()
  #handler: PluginHandler | undefined

  async serve(handler: PluginHandler): Promise<void> {
    this.#handler = handler
    await Promise.resolve()
  }

  async outlive(): Promise<void> {
    await Promise.resolve()
  }

  async call(
    method: PluginMethod,
    payload: unknown,
    id: string = randomUUID(),
  ): Promise<PluginAnswer> {
    if (this.#handler === undefined) throw new Error('the cloud is away')
    return await this.#handler(method, payload, id)
  }

  async state(): Promise<PluginState> {
    const open = this.#handler !== undefined
    return await Promise.resolve({ open, detail: open ? 'in memory' : 'not served' })
  }

  async look(): Promise<PluginView | undefined> {
    return await Promise.resolve(this.view)
  }

  async sandboxes(keys: readonly string[]): Promise<readonly string[]> {
    return await Promise.resolve(keys.filter((key) => this.alive.has(key)))
  }

  async freeInterface(): Promise<string> {
    return await Promise.resolve('eth0')
  }

  async close(): Promise<void> {
    this.#handler = undefined
    await Promise.resolve()
  }
}

export function createFakeDockerPlugin(): FakeDockerPlugin {
  return new Fake()
}
