import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Kysely } from 'kysely'
import type { Db } from './db.ts'
import { openSqlite } from './sqlite.ts'

interface Tables {
  numbers: { number: number }
}

let db: Db
let kysely: Kysely<Tables>
beforeEach(async () => {
  db = openSqlite(':memory:')
  kysely = db.kysely
  await kysely.schema.createTable('numbers').addColumn('number', 'integer').execute()
})
afterEach(async () => {
  vi.useRealTimers()
  await db.close()
})

const add = async (number: number): Promise<unknown> =>
  await kysely.insertInto('numbers').values({ number }).execute()
const numbers = async (): Promise<readonly number[]> =>
  (await kysely.selectFrom('numbers').selectAll().execute()).map(({ number }) => number)

it('lets everybody wait for a transaction, and serves them in the order they came', async () => {
  const { promise: said, resolve: say } = Promise.withResolvers<void>()
  const whole = kysely.transaction().execute(async (tx) => {
    await tx.insertInto('numbers').values({ number: 1 }).execute()
    await said
    await tx.insertInto('numbers').values({ number: 2 }).execute()
  })
  const others = [add(3), add(4), add(5)]
  say()
  await Promise.all([whole, ...others])
  expect(await numbers()).toEqual([1, 2, 3, 4, 5])
})

it('tells who waits inside a transaction for a turn outside of it, instead of for ever', async () => {
  vi.useFakeTimers()
  const whole = kysely.transaction().execute(async () => await add(1))
  const refused = expect(whole).rejects.toThrow('is the root handle used inside a transaction?')
  await vi.advanceTimersByTimeAsync(60_000)
  await refused
  vi.useRealTimers()
  await add(2)
  expect(await numbers()).toEqual([2])
})

it('answers rows as plain objects, with the columns that a table has by now', async () => {
  await add(1)
  const all = kysely.selectFrom('numbers').selectAll()
  expect(await all.execute()).toStrictEqual([{ number: 1 }])
  await kysely.schema.alterTable('numbers').addColumn('word', 'text').execute()
  expect(await all.execute()).toStrictEqual([{ number: 1, word: null }])
})
