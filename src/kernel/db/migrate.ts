import { sql, type Kysely } from 'kysely'
import type { Db } from './db.ts'

/** One step of a service's schema. Once released it never changes; `up` runs in a transaction. */
export interface Migration {
  /** Unique within its service and sorted: `001-base`. */
  readonly id: string
  up(db: Kysely<unknown>): Promise<void>
}

interface MigrationTable {
  migrations: { service: string; id: string; applied_at: string }
}

/** Brings every service's tables up to date. Refuses a database that a newer version has touched. */
export async function migrate(
  db: Db,
  services: readonly { readonly name: string; readonly migrations: readonly Migration[] }[],
): Promise<void> {
  await sql`create table if not exists migrations (service text not null, id text not null, applied_at text not null, primary key (service, id))`.execute(
    db.kysely,
  )
  const kysely = db.kysely as unknown as Kysely<MigrationTable> // the one table this file owns
  const applied = await kysely.selectFrom('migrations').select(['service', 'id']).execute()
  for (const { name, migrations } of services) {
    const known = new Set(migrations.map((migration) => migration.id))
    const foreign = applied.find((row) => row.service === name && !known.has(row.id))
    if (foreign !== undefined) {
      throw new Error(
        `the database was written by a newer Stackyard (${name} has ${foreign.id}); start that version, or restore a backup`,
      )
    }
    for (const migration of migrations) {
      if (applied.some((row) => row.service === name && row.id === migration.id)) continue
      await apply(kysely, name, migration)
    }
  }
}

async function apply(
  kysely: Kysely<MigrationTable>,
  service: string,
  migration: Migration,
): Promise<void> {
  try {
    await kysely.transaction().execute(async (tx) => {
      await migration.up(tx as unknown as Kysely<unknown>) // migrations speak raw schema, not typed tables
      await tx
        .insertInto('migrations')
        .values({ service, id: migration.id, applied_at: new Date().toISOString() })
        .execute()
    })
  } catch (cause) {
    throw new Error(`migrating ${service} to ${migration.id}`, { cause })
  }
}
