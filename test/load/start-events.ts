import { jsonLines, type DockerClient } from '../../src/engines/docker/client.ts'

/** Hears from the Docker Engine itself when a container began to run, by this process's clock. */
export class StartEvents {
  readonly #stop = new AbortController()
  readonly #seen = new Map<string, number>()
  readonly #waiting = new Map<string, (at: number) => void>()

  private constructor() {}

  static async open(client: DockerClient): Promise<StartEvents> {
    const events = new StartEvents()
    const stream = await client.open('GET', '/events', {
      query: { filters: JSON.stringify({ type: ['container'], event: ['start'] }) },
      timeoutMs: 0,
      signal: events.#stop.signal,
    })
    events.#read(stream).catch(() => undefined) // cut off by `close`, or `startOf` gives up waiting
    return events
  }

  /** `performance.now()` of the moment the container's start was told; a container is known by name and by id. */
  async startOf(container: string): Promise<number> {
    const seen = this.#seen.get(container)
    if (seen !== undefined) return seen
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no event told the start of ${container}`)),
        10_000,
      )
      this.#waiting.set(container, (at) => {
        clearTimeout(timer)
        resolve(at)
      })
    })
  }

  close(): void {
    this.#stop.abort()
  }

  async #read(stream: AsyncIterable<Buffer>): Promise<void> {
    for await (const { Actor } of jsonLines<{
      Actor: { ID: string; Attributes: { name: string } }
    }>(stream)) {
      const at = performance.now()
      for (const key of [Actor.ID, Actor.Attributes.name]) {
        this.#seen.set(key, at)
        this.#waiting.get(key)?.(at)
        this.#waiting.delete(key)
      }
    }
  }
}
