/** Whole numbers that grow by one: the ids of keypairs, aggregates and services, which Nova's API has as integers. */
import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

interface CounterTable {
  compute_counters: { name: string; value: number }
}

/** Before the tables that take numbers from it. */
export const countersMigrations: readonly Migration[] = [
  {
    id: '009-counters',
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`create table compute_counters (name text not null primary key, value integer not null)`.execute(
        db,
      )
    },
  },
]

/** The next number of this name, from 1 on. One statement, so that two writers never get the same. */
export async function nextNumber(
  ctx: Ctx,
  name: 'aggregate' | 'keypair' | 'migration' | 'service',
): Promise<number> {
  const row = await tables<CounterTable>(ctx)
    .insertInto('compute_counters')
    .values({ name, value: 1 })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ value: sql<number>`compute_counters.value + 1` }),
    )
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value
}
