import type { Kysely } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Ctx } from '../ctx/ctx.ts'
import { startTestApp, type TestApp } from '../testkit/test-app.ts'
import { tables } from './db.ts'
import { prepared } from './prepared.ts'

interface Tables {
  things: { id: number; kind: string }
}

let app: TestApp
let ctx: Ctx
beforeAll(async () => {
  app = await startTestApp([])
  ctx = app.ctx()
  const db = tables<Tables>(ctx)
  const table = db.schema.createTable('things')
  await table.addColumn('id', 'integer').addColumn('kind', 'text').execute()
  const things = Array.from({ length: 20 }, (_, id) => ({
    id,
    kind: id % 2 === 0 ? 'even' : 'odd',
  }))
  await db.insertInto('things').values(things).execute()
})
afterAll(async () => await app.close())

interface Wish {
  readonly ids: readonly number[]
  readonly kind: string
  readonly least: number
}

let built = 0
const some = prepared((db: Kysely<Tables>, { ids, kind, least }: Wish) => {
  built += 1
  return db
    .selectFrom('things')
    .select('id')
    .where((eb) => eb.or([eb('kind', '=', kind), eb('id', '=', least)]))
    .where('id', 'in', ids)
    .where('id', '>=', least)
    .orderBy('id')
})

const found = async (wish: Wish): Promise<readonly number[]> =>
  (await some(ctx, wish)).map(({ id }) => id)

it('answers each run by its own values, whatever their order and however often one is used', async () => {
  expect(await found({ ids: [2, 3, 4, 9], kind: 'even', least: 3 })).toEqual([3, 4])
  expect(await found({ ids: [9, 5, 1, 4], kind: 'odd', least: 2 })).toEqual([5, 9])
  expect(await found({ least: 4, kind: 'odd', ids: [4, 5, 6, 7] })).toEqual([4, 5, 7])
})

it('is built once for lists of one length, and for every run with a long list', async () => {
  const builds = async (ids: readonly number[]): Promise<number> => {
    const before = built
    expect(await found({ ids, kind: 'odd', least: 0 })).toEqual(ids.filter((id) => id % 2 === 1))
    return built - before
  }
  const long = Array.from({ length: 12 }, (_, at) => at + 1)
  expect([await builds([1, 2]), await builds([7, 8]), await builds([11])]).toEqual([1, 0, 1])
  expect([await builds(long), await builds(long)]).toEqual([1, 1])
})
