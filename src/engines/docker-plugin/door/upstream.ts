import { randomUUID } from 'node:crypto'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import { isEnding, isIdle, type Answer } from './answers.ts'
import type { Entry, Journal } from './journal.ts'
import { Away, postJson } from './wire.ts'

export const AWAY =
  'Stackyard does not run: start it, or try again in a moment if it is just starting'

/** Longer than any step of a network takes, shorter than Docker's own patience. */
const CALL_MS = 25_000
/** A cloud that starts anew is waited for this long. */
const GRACE_MS = 3000
const RETRY_MS = 100
const FLUSH_MS = 500

/** The cloud, as the door sees it: there or away. What was accepted while it was away goes to it before anything else. */
export class Upstream {
  readonly #socket: string
  readonly #journal: Journal
  readonly #say: (line: string) => void
  #flushing: Promise<void> | undefined
  #planned = false
  #closed = false

  constructor(socket: string, journal: Journal, say: (line: string) => void) {
    this.#socket = socket
    this.#journal = journal
    this.#say = say
    if (journal.length > 0) this.#flushLater()
  }

  /** What waits stays in the journal. */
  close(): void {
    this.#closed = true
  }

  /** The cloud's answer; throws its reason. */
  async call(method: string, payload: unknown): Promise<Answer> {
    const entry = { method, payload, call: randomUUID() }
    try {
      await this.flush()
      return await this.#send(entry)
    } catch (error) {
      if (!(error instanceof Away)) throw error
    }
    if (isIdle(method)) return { Value: {} }
    if (!isEnding(method)) return await this.#waitAMoment(entry)
    this.#journal.add(entry)
    this.#flushLater()
    return {}
  }

  /** Everything that was accepted, in order; throws `Away` when the cloud is not there to take it. */
  async flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => (this.#flushing = undefined))
    await this.#flushing
  }

  async #flushAll(): Promise<void> {
    for (let entry = this.#journal.first(); entry; entry = this.#journal.first()) {
      try {
        await this.#send(entry)
      } catch (error) {
        if (error instanceof Away) throw error
        // the cloud knows better: what is left of it is found by its own sweep
        this.#say(`${entry.method}, accepted earlier: ${reasonOf(error)}`)
      }
      this.#journal.dropFirst()
    }
  }

  #flushLater(): void {
    if (this.#planned || this.#closed) return
    this.#planned = true
    setTimeout(() => {
      this.#planned = false
      if (!this.#closed) this.flush().catch(() => this.#flushLater())
    }, FLUSH_MS)
  }

  async #waitAMoment(entry: Entry): Promise<Answer> {
    const until = Date.now() + GRACE_MS
    while (Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      try {
        await this.flush()
        return await this.#send(entry)
      } catch (error) {
        if (!(error instanceof Away)) throw error
      }
    }
    throw new Error(AWAY)
  }

  async #send(entry: Entry): Promise<Answer> {
    const said = await postJson(this.#socket, '/', entry, CALL_MS)
    if (typeof said !== 'object' || said === null) throw new Error('the cloud answered nonsense')
    if ('error' in said) throw new Error(String(said.error))
    return 'answer' in said && typeof said.answer === 'object' && said.answer !== null
      ? { ...said.answer }
      : {}
  }
}
