import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Shared sandboxes, restarts, health, images that the engine fetches by name. */
export const life: Migration = {
  id: '004-life',
  async up(db) {
    for (const column of [
      'sandbox_of text',
      'shares_sandbox integer not null default 0',
      `restart_policy text not null default '{"name":"no","maxRetries":0}'`,
      'restarts integer not null default 0',
      'restart_at text',
      'heal integer not null default 1',
      'health text',
      'grace_seconds integer not null default 5',
      'image_pull text',
    ])
      await sql`alter table workloads add column ${sql.raw(column)}`.execute(db)
  },
}
