import { Kysely, PostgresDialect } from 'kysely'
import type { Db } from './db.ts'

/** PostgreSQL by URL. 64-bit integers come back as numbers: ours are times in ms and sizes, far below 2^53. */
export async function openPostgres(url: string): Promise<Db> {
  const { default: pg } = await import('pg')
  pg.types.setTypeParser(pg.types.builtins.INT8, Number)
  pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number)
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  return {
    dialect: 'postgres',
    kysely,
    wake: { call: () => undefined },
    close: async () => await kysely.destroy(),
  }
}
