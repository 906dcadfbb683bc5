import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

const statements: readonly string[] = [
  `create table net_port_forwardings (id text primary key, project_id text not null, name text not null, description text not null,
    created_at text not null, updated_at text not null, revision integer not null, tags text not null,
    floatingip_id text not null references net_floating_ips (id) on delete cascade, port_id text not null references net_ports (id) on delete cascade,
    address text not null, protocol text not null, external_first integer not null, external_last integer not null,
    internal_first integer not null, internal_last integer not null)`,
  `create index net_port_forwardings_floating on net_port_forwardings (floatingip_id)`,
  `create index net_port_forwardings_port on net_port_forwardings (port_id)`,
]

export const forwardingMigration: Migration = {
  id: '112-port-forwardings',
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
