import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'

/**
 * MD5 and SHA-512 of one stream. One after the other they take longer than writing the content to the disk, so for larger
 * streams each has a thread of its own. The bytes are shared with the threads, not copied: whoever calls `update` leaves
 * them alone until it resolves.
 */
export interface DigestSet {
  readonly md5: string
  readonly sha512: string
}

export type DigestQuestion = { readonly number: number; readonly stream: number } & (
  | { readonly kind: 'update'; readonly bytes: Uint8Array }
  | { readonly kind: 'digest' | 'forget' }
)

type Wish<Q = DigestQuestion> = Q extends DigestQuestion ? Omit<Q, 'number'> : never

export interface DigestAnswer {
  readonly number: number
  readonly digest?: string
}

/** A stream of fewer blocks than this is not worth a thread. */
const BLOCKS_FOR_THREADS = 3
const IDLE_MS = 30_000

/** The threads of one store: started when first needed, ended when idle, never in the way of the process's end. */
export class DigestThreads {
  readonly #md5 = new DigestThread('md5')
  readonly #sha512 = new DigestThread('sha512')
  #streams = 0

  begin(): StreamDigests {
    this.#streams += 1
    return new StreamDigests(this.#md5, this.#sha512, this.#streams)
  }
}

export class StreamDigests {
  readonly #md5: DigestThread
  readonly #sha512: DigestThread
  readonly #stream: number
  /** The first blocks, until it is known whether the stream is large. */
  #held: { readonly bytes: Uint8Array; readonly release: () => void }[] = []
  #threaded = false

  constructor(md5: DigestThread, sha512: DigestThread, stream: number) {
    this.#md5 = md5
    this.#sha512 = sha512
    this.#stream = stream
  }

  /** Resolves when the bytes may be overwritten. */
  async update(bytes: Uint8Array): Promise<void> {
    if (this.#threaded) return await this.#feed(bytes)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held.push({ bytes, release: resolve })
    if (this.#held.length >= BLOCKS_FOR_THREADS) await this.#goThreaded()
    await promise
  }

  async digest(): Promise<DigestSet> {
    if (!this.#threaded) return this.#digestHere()
    const question = { kind: 'digest', stream: this.#stream } as const
    const [md5, sha512] = await Promise.all([this.#md5.ask(question), this.#sha512.ask(question)])
    return { md5, sha512 }
  }

  /** The stream broke: the threads need not remember it, and nobody waits for its first blocks. */
  async abandon(): Promise<void> {
    for (const { release } of this.#held) release()
    this.#held = []
    if (!this.#threaded) return
    const question = { kind: 'forget', stream: this.#stream } as const
    await Promise.allSettled([this.#md5.ask(question), this.#sha512.ask(question)])
  }

  async #goThreaded(): Promise<void> {
    this.#threaded = true
    const held = this.#held
    this.#held = []
    await Promise.all(
      held.map(async ({ bytes, release }) => {
        await this.#feed(bytes)
        release()
      }),
    )
  }

  async #feed(bytes: Uint8Array): Promise<void> {
    const question = { kind: 'update', stream: this.#stream, bytes } as const
    await Promise.all([this.#md5.ask(question), this.#sha512.ask(question)])
  }

  #digestHere(): DigestSet {
    const [md5, sha512] = [createHash('md5'), createHash('sha512')]
    for (const { bytes, release } of this.#held) {
      for (const hash of [md5, sha512]) hash.update(bytes)
      release()
    }
    this.#held = []
    return { md5: md5.digest('hex'), sha512: sha512.digest('hex') }
  }
}

class DigestThread {
  readonly #algorithm: string
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #asked = 0

  constructor(algorithm: string) {
    this.#algorithm = algorithm
  }

  async ask(wish: Wish): Promise<string> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    this.#asked += 1
    const answer = Promise.withResolvers<string>()
    this.#waiting.set(this.#asked, answer)
    this.#worker.ref() // an answer is worth waiting for; an idle thread is not
    this.#worker.postMessage({ ...wish, number: this.#asked })
    return await answer.promise
  }

  #start(): Worker {
    // Published packages hold compiled files.
    const file = import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), { workerData: this.#algorithm })
    worker.on('message', (message: DigestAnswer) => {
      this.#waiting.get(message.number)?.resolve(message.digest ?? '')
      this.#waiting.delete(message.number)
      if (this.#waiting.size === 0) this.#rest(worker)
    })
    worker.on('error', (error) => this.#fail(worker, error))
    worker.on('exit', () => this.#fail(worker, new Error(`the ${this.#algorithm} thread ended`)))
    return worker
  }

  #rest(worker: Worker): void {
    worker.unref()
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.#worker === worker) this.#worker = undefined
      worker.terminate().catch(() => undefined) // it ends either way
    }, IDLE_MS)
    this.#idle.unref()
  }

  #fail(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
