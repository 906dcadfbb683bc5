import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

const standard = `id text primary key, project_id text not null, name text not null, description text not null, created_at text not null,
  updated_at text not null, revision integer not null, tags text not null`

const statements: readonly string[] = [
  `create table net_qos_policies (${standard}, is_default integer not null)`,
  `create index net_qos_policies_project on net_qos_policies (project_id)`,
  `create unique index net_qos_policies_default on net_qos_policies (project_id) where is_default = 1`,
  `create table net_qos_rules (${standard}, policy_id text not null references net_qos_policies (id) on delete cascade, type text not null,
    direction text, rate integer, burst integer, dscp integer)`,
  `create index net_qos_rules_policy on net_qos_rules (policy_id)`,
  ...['networks', 'ports', 'floating_ips', 'routers'].flatMap((table) => [
    `alter table net_${table} add column qos_policy text`,
    `create index net_${table}_qos on net_${table} (qos_policy)`,
  ]),
]

export const qosMigration: Migration = {
  id: '110-qos',
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
