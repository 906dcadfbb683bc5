import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Images are fetched beside the reconciler; a process that a user killed is not restarted. */
export const fetching: Migration = {
  id: '006-fetching',
  async up(db) {
    for (const column of ['fetched_revision integer not null default 0', 'killed_at text'])
      await sql`alter table workloads add column ${sql.raw(column)}`.execute(db)
    await sql`create index workloads_sandbox on workloads (sandbox_of)`.execute(db)
  },
}
