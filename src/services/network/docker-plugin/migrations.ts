import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Keyed by Docker's own ids, or by those it was given: two networks may have the same CIDR. */
const tables: readonly string[] = [
  `create table net_docker_pools (id text primary key, project_id text not null, version integer not null, cidr text not null, sub_range text,
    options text not null, pool_id text, made_pool integer not null, subnet_id text, made_subnet integer not null, docker_network text, nameless integer not null,
    added text not null, missing_since text, created_at text not null)`,
  `create index net_docker_pools_network on net_docker_pools (docker_network)`,
  `create table net_docker_networks (id text primary key, project_id text not null, network_id text not null, made integer not null, internal integer not null,
    router_id text, added text not null, seen integer not null, missing_since text, created_at text not null)`,
  `create table net_docker_addresses (id text primary key, pool_id text not null, address text not null, kind text not null, port_id text, made integer not null, asked integer not null,
    call_id text not null, missing_since text)`,
  `create unique index net_docker_addresses_pool on net_docker_addresses (pool_id, address)`,
  `create index net_docker_addresses_port on net_docker_addresses (port_id)`,
  `create index net_docker_addresses_call on net_docker_addresses (call_id)`,
  `create table net_docker_endpoints (id text primary key, docker_network text not null, port_id text not null, made integer not null, port_before text not null,
    sandbox text, exposed_group text, extras text not null, missing_since text, created_at text not null)`,
  `create index net_docker_endpoints_network on net_docker_endpoints (docker_network)`,
  `create index net_docker_endpoints_port on net_docker_endpoints (port_id)`,
]

export const dockerPluginMigration: Migration = {
  id: '041-docker-plugin',
  async up(db) {
    for (const statement of tables) await sql.raw(statement).execute(db)
  },
}
