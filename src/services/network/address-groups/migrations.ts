import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

const statements: readonly string[] = [
  `create table net_address_groups (id text primary key, project_id text not null, name text not null, description text not null,
    created_at text not null, updated_at text not null, revision integer not null, tags text not null, addresses text not null)`,
  `create index net_address_groups_project on net_address_groups (project_id)`,
  `alter table net_group_rules add column remote_addresses text`,
  `create index net_group_rules_addresses on net_group_rules (remote_addresses)`,
]

export const addressGroupMigration: Migration = {
  id: '113-address-groups',
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
