import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

export const containersTable: Migration = {
  id: '001-containers',
  async up(db) {
    await sql`create table container_containers (
      id text not null primary key, project_id text not null, user_id text not null, name text not null,
      image text not null, image_driver text not null, image_pull_policy text, registry_id text,
      command text, entrypoint text, cpu_milli integer not null, memory_mib integer not null, disk_gib integer not null,
      cpu_policy text not null, environment text not null, labels text not null, workdir text, hostname text,
      interactive integer not null, tty integer not null, restart_policy text not null, healthcheck text,
      auto_remove integer not null, auto_heal integer not null, privileged integer not null, runtime text,
      zone text, hints text not null, mounts text not null, exposed_ports text not null, published_ports text not null,
      security_groups text, own_group_id text, host text not null, capsule_id text, capsule_role text,
      task text, fault text, created_at text not null, updated_at text not null)`.execute(db)
    await sql`create index container_containers_project on container_containers (project_id, created_at)`.execute(
      db,
    )
    await sql`create index container_containers_name on container_containers (name)`.execute(db)
    await sql`create index container_containers_capsule on container_containers (capsule_id)`.execute(
      db,
    )
  },
}
