import { BenchCloud } from './bench-cloud.ts'
import { RawDocker } from './raw-docker.ts'

/** What the rows work with: two clouds and the engine itself, each made for the first row that asks. */
export class Stand {
  readonly quick: boolean
  readonly raw = new RawDocker()
  readonly #clouds = new Map<'docker' | 'fake', Promise<BenchCloud>>()
  #closed: Promise<readonly string[]> | undefined

  constructor(options: { readonly quick: boolean }) {
    this.quick = options.quick
  }

  /** How often something is done: fewer times in a quick run. */
  times(whole: number, quick: number): number {
    return this.quick ? quick : whole
  }

  /** Real containers on real networks. */
  async real(): Promise<BenchCloud> {
    return await this.#cloud('docker')
  }

  /** The same process without the world behind it: for rows that ask what the API itself can do. */
  async fake(): Promise<BenchCloud> {
    return await this.#cloud('fake')
  }

  /** Removes all from the host and answers why something is left, if so; a second call waits for the first. */
  async close(): Promise<readonly string[]> {
    this.#closed ??= this.#close()
    return await this.#closed
  }

  async #cloud(engines: 'docker' | 'fake'): Promise<BenchCloud> {
    if (this.#closed !== undefined) throw new Error('the bench is being taken down')
    const known = this.#clouds.get(engines)
    if (known !== undefined) return await known
    const starting = BenchCloud.start(engines)
    this.#clouds.set(engines, starting)
    return await starting
  }

  async #close(): Promise<readonly string[]> {
    // A cloud that did not start has already been cleaned up.
    const started = await Promise.allSettled(this.#clouds.values())
    const clouds = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const ends = await Promise.allSettled(
      [...clouds, this.raw].map(async (each) => await each.close()),
    )
    return ends.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []))
  }
}
