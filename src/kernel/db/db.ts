import type { Kysely } from 'kysely'

/**
 * The database behind `ctx.db`. Columns are text, integer and bigint only, so that SQLite and PostgreSQL behave alike:
 * booleans are 0/1, times are ISO 8601 text in UTC, lists and maps are JSON text (`toJson`, `fromJson`).
 */
export interface Db {
  readonly dialect: 'sqlite' | 'postgres'
  readonly kysely: Kysely<unknown>
  /** Set inside a transaction: run after its commit. */
  readonly afterCommit?: (() => void)[]
  /** Tells the task runner that a nudge was committed. */
  readonly wake: { call: () => void }
  close(): Promise<void>
}

/** What has a database with it: every context. */
interface WithDb {
  readonly db: Db
}

/** A service's own tables, typed. Only `store.ts` files call this. */
export function tables<T>(ctx: WithDb): Kysely<T> {
  return ctx.db.kysely as unknown as Kysely<T> // each service knows only its own tables; the rooms test holds it to them
}

/**
 * One transaction; inside an outer one it joins that. Await nothing but the database inside: on SQLite there is one
 * connection, and everybody else waits for it.
 */
export async function inTx<T, C extends WithDb>(ctx: C, work: (tx: C) => Promise<T>): Promise<T> {
  if (ctx.db.afterCommit !== undefined) return await work(ctx)
  const afterCommit: (() => void)[] = []
  const result = await ctx.db.kysely
    .transaction()
    .execute((kysely) => work({ ...ctx, db: { ...ctx.db, kysely, afterCommit } }))
  for (const call of afterCommit) call()
  return result
}

export function toJson(value: unknown): string {
  return JSON.stringify(value)
}

/** Reads what `toJson` wrote; the caller names the type that it wrote. */
// oxlint-disable-next-line no-unnecessary-type-parameters -- the type parameter is the caller's claim
export function fromJson<T>(text: string): T {
  return JSON.parse(text) as T // written by toJson of the same column only
}
