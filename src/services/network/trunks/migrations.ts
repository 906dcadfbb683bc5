import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

const statements: readonly string[] = [
  `create table net_trunks (id text primary key, project_id text not null, name text not null, description text not null, created_at text not null,
    updated_at text not null, revision integer not null, tags text not null, port_id text not null references net_ports (id) on delete cascade,
    admin_up integer not null)`,
  `create unique index net_trunks_port on net_trunks (port_id)`,
  `create index net_trunks_project on net_trunks (project_id)`,
  `create table net_subports (port_id text primary key references net_ports (id) on delete cascade,
    trunk_id text not null references net_trunks (id) on delete cascade, vlan integer not null, position integer not null)`,
  `create unique index net_subports_vlan on net_subports (trunk_id, vlan)`,
]

export const trunkMigration: Migration = {
  id: '111-trunks',
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
