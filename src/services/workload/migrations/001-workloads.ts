import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

export const workloads: Migration = {
  id: '001-workloads',
  async up(db) {
    await sql`create table workloads (
      id text primary key, project_id text not null, owner_kind text not null, name text not null, host text not null,
      image_id text not null, image_key text not null, revision integer not null,
      limits text not null, disk_gib integer not null, nics text not null, bound_ports text not null, process text not null,
      power text not null, removing integer not null, generation integer not null, settled_generation integer not null,
      restart text, seen text not null, error text, step text,
      exit_code integer, oom_killed integer not null, started_at text, finished_at text, settled_at text, created_at text not null)`.execute(
      db,
    )
    await sql`create index workloads_project on workloads (project_id)`.execute(db)
    await sql`create index workloads_unsettled on workloads (host, removing)`.execute(db)
  },
}
