import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

export const repairing: Migration = {
  id: '002-repairing',
  async up(db) {
    await sql`alter table workloads add column repairing integer not null default 0`.execute(db)
  },
}
