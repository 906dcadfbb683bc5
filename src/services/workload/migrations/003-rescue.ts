import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

export const rescue: Migration = {
  id: '003-rescue',
  async up(db) {
    for (const column of ['rescue', 'carried'])
      await sql`alter table workloads add column ${sql.ref(column)} integer not null default 0`.execute(
        db,
      )
  },
}
