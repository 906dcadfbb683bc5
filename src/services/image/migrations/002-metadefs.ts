import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** The kinds of resources that OpenStack's services let properties be defined for. */
const RESOURCE_TYPES = [
  'OS::Glance::Image',
  'OS::Cinder::Volume',
  'OS::Nova::Flavor',
  'OS::Nova::Aggregate',
  'OS::Nova::Server',
  'OS::Trove::Instance',
]

/** Metadata definitions. Objects, properties and tags of a namespace differ in their body only, and share a table. */
export const metadefs: Migration = {
  id: '002-metadefs',
  async up(db) {
    await sql`create table image_namespaces (namespace text not null primary key, display_name text, description text,
      visibility text not null, protected integer not null, owner text, created_at text not null, updated_at text not null)`.execute(
      db,
    )
    await sql`create index image_namespaces_owner on image_namespaces (owner)`.execute(db)

    await sql`create table image_definitions (namespace text not null references image_namespaces (namespace) on delete cascade on update cascade,
      kind text not null, name text not null, body text not null, created_at text not null, updated_at text not null,
      primary key (namespace, kind, name))`.execute(db)

    await sql`create table image_resource_types (name text not null primary key, created_at text not null, updated_at text not null)`.execute(
      db,
    )
    await sql`create table image_resource_associations (namespace text not null references image_namespaces (namespace) on delete cascade on update cascade,
      name text not null, prefix text, properties_target text, created_at text not null, updated_at text not null,
      primary key (namespace, name))`.execute(db)
    await sql`create index image_resource_associations_name on image_resource_associations (name)`.execute(
      db,
    )

    const now = new Date().toISOString()
    for (const name of RESOURCE_TYPES) {
      await sql`insert into image_resource_types (name, created_at, updated_at) values (${name}, ${now}, ${now})`.execute(
        db,
      )
    }
  },
}
