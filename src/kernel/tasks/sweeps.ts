import type { Ctx } from '../ctx/ctx.ts'
import { inTx } from '../db/db.ts'
import type { Reconciler, Sweep } from './reconciler.ts'
import { nudge } from './store.ts'

/** What was lost within this time is looked for at once. */
const BURST_MS = 100

/** Nudges keys that nobody asked for: at the start, from time to time, and as soon as something is known to be lost. */
export class Sweeps {
  readonly #ctx: () => Ctx
  readonly #timers = new Set<NodeJS.Timeout>()
  #stopped = new AbortController()

  constructor(ctx: () => Ctx) {
    this.#ctx = ctx
  }

  /** Each has been carried out once when this resolves. */
  async start(reconcilers: Iterable<Reconciler>): Promise<void> {
    this.#stopped = new AbortController()
    for (const { kind, sweep } of reconcilers) {
      if (sweep === undefined) continue
      await this.#run(kind, sweep)
      this.#timers.add(setInterval(() => void this.#run(kind, sweep), sweep.everyMs).unref())
      void this.#heed(kind, sweep)
    }
  }

  stop(): void {
    this.#stopped.abort()
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers.clear()
  }

  async #heed(kind: string, sweep: Sweep): Promise<void> {
    const { signal } = this.#stopped
    let soon: NodeJS.Timeout | undefined
    const look = (): void => {
      if (soon !== undefined) this.#timers.delete(soon)
      soon = undefined
      void this.#run(kind, sweep)
    }
    try {
      for await (const _lost of sweep.losses?.(signal) ?? []) {
        if (soon !== undefined) continue
        soon = setTimeout(look, BURST_MS)
        this.#timers.add(soon)
      }
    } catch (error) {
      this.#ctx().log.warn({ err: error, kind }, 'losses are found by the sweep alone from now on')
    }
  }

  async #run(kind: string, sweep: Sweep): Promise<void> {
    const ctx = this.#ctx()
    try {
      const keys = await sweep.keys(ctx)
      await inTx(ctx, async (tx) => {
        for (const key of keys) await nudge(tx, kind, key)
      })
    } catch (error) {
      ctx.log.warn({ err: error, kind }, 'sweep failed')
    }
  }
}
