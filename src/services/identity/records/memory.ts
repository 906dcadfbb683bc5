import type { Ctx } from '../../../kernel/ctx/ctx.ts'

/**
 * What is made of records for every token (the catalog, service providers), remembered until a record changes: a token is
 * validated thousands of times a second, a catalog changes once a month. Only where this process is the only writer
 * (SQLite) and outside transactions; elsewhere it is read each time.
 */
const memories = new WeakMap<object, Map<string, Promise<unknown>>>()
const KEPT = 2000

export async function remembered<T>(ctx: Ctx, key: string, read: () => Promise<T>): Promise<T> {
  if (ctx.db.dialect !== 'sqlite' || ctx.db.afterCommit !== undefined) return await read()
  const memory = memoryOf(ctx)
  const known = memory.get(key)
  if (known !== undefined) return (await known) as T // the same key is always made by the same reader
  if (memory.size >= KEPT) memory.clear()
  const value = read()
  memory.set(key, value)
  value.catch(() => memory.delete(key))
  return await value
}

/** A record was written: nothing that was made of records holds any more, at the latest when the transaction is through. */
export function forgetRemembered(ctx: Ctx): void {
  const memory = memoryOf(ctx)
  memory.clear()
  ctx.db.afterCommit?.push(() => memory.clear())
}

/** One per database: `wake` is the same object in all of a database's contexts. */
function memoryOf(ctx: Ctx): Map<string, Promise<unknown>> {
  const known = memories.get(ctx.db.wake)
  if (known !== undefined) return known
  const memory = new Map<string, Promise<unknown>>()
  memories.set(ctx.db.wake, memory)
  return memory
}
