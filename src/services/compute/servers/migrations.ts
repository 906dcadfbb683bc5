import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Deleted servers stay as rows with `deleted_at`: usage reports and instance actions still speak of them. */
export const tablesOfServers: Migration = {
  id: '100-servers',
  async up(db) {
    await sql`create table compute_servers (
      id text not null primary key, project_id text not null, user_id text not null, name text not null, hostname text not null,
      description text, image_id text not null, flavor_id text not null, flavor text not null, previous_flavor text,
      vcpus integer not null, ram_mib integer not null, key_name text, public_key text, metadata text not null, hints text not null,
      nic_tags text not null, trusted_certs text, zone text, config_drive integer not null, user_data text,
      access_ipv4 text not null, access_ipv6 text not null, disk_config text not null,
      locked integer not null, locked_reason text, locked_by text, host text not null, launch_index integer not null,
      reservation_id text not null, state text not null, task text, fault text, shelved_image_id text, password text,
      created_at text not null, updated_at text not null, launched_at text, terminated_at text, deleted_at text)`.execute(
      db,
    )
    await sql`create index compute_servers_project on compute_servers (project_id, deleted_at, created_at, id)`.execute(
      db,
    )
    await sql`create index compute_servers_created on compute_servers (deleted_at, created_at, id)`.execute(
      db,
    )
    await sql`create index compute_servers_host on compute_servers (host, deleted_at)`.execute(db)
    await sql`create index compute_servers_tasks on compute_servers (task) where task is not null`.execute(
      db,
    )
    await sql`create table compute_server_tags (server_id text not null, tag text not null, primary key (server_id, tag))`.execute(
      db,
    )
  },
}
