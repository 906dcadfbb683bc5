import { randomUUID } from 'node:crypto'
import type { Ctx } from '../ctx/ctx.ts'
import { reasonOf } from '../errors/cloud-error.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { backOffMs, Hopeless } from './back-off.ts'
import type { Reconciler } from './reconciler.ts'
import { claim, dueTasks, forgetGivenUp, nextDue, postpone, settle, type TaskRow } from './store.ts'
import { Sweeps } from './sweeps.ts'

const LEASE_MS = 60_000
const BATCH = 64
const IDLE_LOOK_MS = 5_000
const DEFAULT_DEADLINE_MS = 5 * 60_000
const DEFAULT_PATIENCE_MS = 10 * 60_000
const GIVEN_UP_KEPT_MS = 7 * 86_400_000

/**
 * Calls reconcilers for the keys that are due. Only here is anything retried. With PostgreSQL several processes may run
 * one each: a lease in the row decides who works. With SQLite the data folder's lock already makes us the only one, so the
 * lease is kept in memory and costs no write.
 */
export class TaskRunner {
  readonly #reconcilers: ReadonlyMap<string, Reconciler>
  readonly #kinds: readonly string[]
  readonly #ctx: () => Ctx
  readonly #metrics: Metrics
  readonly #backOffMs: (attempts: number) => number
  readonly #owner = randomUUID()
  readonly #running = new Map<string, Promise<void>>()
  readonly #aborts = new Set<AbortController>()
  readonly #sweeps: Sweeps
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #lookAgain = false
  #stopped = true

  constructor(config: {
    readonly reconcilers: readonly Reconciler[]
    readonly ctx: () => Ctx
    readonly metrics: Metrics
    readonly backOffMs?: (attempts: number) => number
  }) {
    this.#reconcilers = new Map(
      config.reconcilers.map((reconciler) => [reconciler.kind, reconciler]),
    )
    this.#kinds = [...this.#reconcilers.keys()]
    this.#ctx = config.ctx
    this.#sweeps = new Sweeps(config.ctx)
    this.#metrics = config.metrics
    this.#backOffMs = config.backOffMs ?? backOffMs
  }

  /** Starts looking; every sweep runs once before this resolves. */
  async start(): Promise<void> {
    this.#stopped = false
    const ctx = this.#ctx()
    // the answer to whoever nudged goes out first: starting programs holds this thread for milliseconds
    ctx.db.wake.call = () => void setImmediate(() => this.#look())
    await forgetGivenUp(ctx, ctx.now().getTime() - GIVEN_UP_KEPT_MS)
    await this.#sweeps.start(this.#reconcilers.values())
    this.#look()
  }

  /** Stops taking keys, aborts what runs and waits for it. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#sweeps.stop()
    for (const abort of this.#aborts) abort.abort(new Error('Stackyard is stopping'))
    await this.#looking
    await Promise.allSettled(this.#running.values())
  }

  /** Resolves when nothing is running and nothing falls due within `withinMs`; for tests. */
  async idle(withinMs = 0): Promise<void> {
    for (;;) {
      await this.#looking
      await Promise.allSettled(this.#running.values())
      const due = await nextDue(this.#ctx(), this.#kinds)
      const quiet = due === undefined || due > Date.now() + withinMs
      if (quiet && this.#running.size === 0 && this.#looking === undefined) return
      this.#look()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  get runningKeys(): readonly string[] {
    return [...this.#running.keys()]
  }

  #look(): void {
    if (this.#stopped) return
    if (this.#looking !== undefined) {
      this.#lookAgain = true
      return
    }
    this.#looking = this.#takeDue()
      .catch((error: unknown) => this.#ctx().log.error({ err: error }, 'looking for due tasks'))
      .finally(() => {
        this.#looking = undefined
        if (this.#lookAgain) {
          this.#lookAgain = false
          this.#look()
        }
      })
  }

  async #takeDue(): Promise<void> {
    clearTimeout(this.#timer)
    const ctx = this.#ctx()
    for (const task of await dueTasks(ctx, this.#kinds, BATCH + this.#running.size)) {
      const reconciler = this.#reconcilers.get(task.kind)
      if (this.#stopped || reconciler === undefined || !this.#hasRoom(reconciler)) continue
      if (this.#running.has(nameOf(task))) continue
      if (ctx.db.dialect !== 'sqlite' && !(await claim(ctx, task, this.#owner, LEASE_MS))) continue
      this.#launch(reconciler, task)
    }
    const due = await nextDue(ctx, this.#kinds)
    const wait =
      due === undefined ? IDLE_LOOK_MS : Math.max(due - Date.now(), this.#running.size > 0 ? 50 : 1)
    clearTimeout(this.#timer)
    if (!this.#stopped) this.#timer = setTimeout(() => this.#look(), Math.min(wait, IDLE_LOOK_MS))
  }

  #hasRoom(reconciler: Reconciler): boolean {
    let busy = 0
    for (const name of this.#running.keys()) if (name.startsWith(`${reconciler.kind} `)) busy++
    return busy < (reconciler.concurrency ?? 4)
  }

  #launch(reconciler: Reconciler, task: TaskRow): void {
    const work = this.#run(reconciler, task).finally(() => {
      this.#running.delete(nameOf(task))
      this.#look()
    })
    this.#running.set(nameOf(task), work)
  }

  async #run(reconciler: Reconciler, task: TaskRow): Promise<void> {
    const abort = new AbortController()
    this.#aborts.add(abort)
    const deadlineMs = reconciler.deadlineMs ?? DEFAULT_DEADLINE_MS
    const timer = setTimeout(
      () => abort.abort(new Error(`took longer than ${deadlineMs / 1000} s`)),
      deadlineMs,
    )
    const ctx = { ...this.#ctx(), signal: abort.signal }
    const heartbeat =
      ctx.db.dialect === 'sqlite'
        ? undefined
        : setInterval(() => void claim(ctx, task, this.#owner, LEASE_MS), LEASE_MS / 3)
    try {
      const outcome = await untilAborted(reconciler.reconcile(ctx, task.key), abort.signal)
      this.#metrics.reconciles.inc({ kind: task.kind, outcome: outcome.again ? 'again' : 'done' })
      if (outcome.again) {
        const calm = { attempts: 0, failing_since: null, last_error: null, gave_up: 0 }
        await postpone(ctx, task, Date.now() + outcome.afterMs, calm)
      } else await settle(ctx, task)
    } catch (error) {
      if (!this.#stopped) await this.#failed(ctx, reconciler, task, error)
    } finally {
      clearTimeout(timer)
      clearInterval(heartbeat)
      this.#aborts.delete(abort)
    }
  }

  async #failed(ctx: Ctx, reconciler: Reconciler, task: TaskRow, error: unknown): Promise<void> {
    const reason = reasonOf(error)
    const attempts = task.attempts + 1
    const since = task.failing_since ?? Date.now()
    const patience = reconciler.patience ?? {}
    const over =
      attempts >= (patience.attempts ?? Infinity) ||
      Date.now() - since > (patience.ms ?? DEFAULT_PATIENCE_MS)
    const hopeless = error instanceof Hopeless
    const gaveUp = over || hopeless
    this.#metrics.reconciles.inc({ kind: task.kind, outcome: gaveUp ? 'gave up' : 'failed' })
    ctx.log.warn(
      { err: error, kind: task.kind, key: task.key, attempts, gaveUp },
      'reconcile failed',
    )
    try {
      if (gaveUp)
        await reconciler.giveUp?.(
          { ...ctx, signal: new AbortController().signal },
          task.key,
          reason,
        )
      await postpone(ctx, task, Date.now() + this.#backOffMs(attempts), {
        attempts,
        failing_since: since,
        last_error: reason,
        gave_up: gaveUp ? 1 : 0,
      })
    } catch (cause) {
      ctx.log.error(
        { err: cause, kind: task.kind, key: task.key },
        'writing down that a reconcile failed',
      )
    }
  }
}

const nameOf = (task: TaskRow): string => `${task.kind} ${task.key}`

/** A reconciler that ignores its signal must not hold its key for ever. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    signal.addEventListener('abort', stop, { once: true })
  })
  work.catch(() => undefined) // when aborted, the late answer is of no interest
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
