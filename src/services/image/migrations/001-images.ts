import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Images with what hangs on them. Sizes and limits are bigint, so that no number a client may send overflows PostgreSQL. */
export const images: Migration = {
  id: '001-images',
  async up(db) {
    await sql`create table image_images (id text not null primary key, name text, status text not null, visibility text not null,
      owner text, protected integer not null, os_hidden integer not null, container_format text, disk_format text,
      min_disk bigint not null, min_ram bigint not null, size bigint, virtual_size bigint, checksum text, sha256 text, sha512 text,
      blob text, staged text, staged_digest text, staged_size bigint, writer text, writer_until bigint not null,
      importing_to text, failed_import text, created_at text not null, updated_at text not null)`.execute(
      db,
    )
    await sql`create index image_images_created on image_images (created_at, id)`.execute(db)
    await sql`create index image_images_owner on image_images (owner, created_at)`.execute(db)
    await sql`create index image_images_visibility on image_images (visibility, created_at)`.execute(
      db,
    )
    await sql`create index image_images_name on image_images (name)`.execute(db)
    await sql`create index image_images_status on image_images (status)`.execute(db)
    await sql`create index image_images_checksum on image_images (checksum)`.execute(db)
    await sql`create index image_images_blob on image_images (blob)`.execute(db)
    await sql`create index image_images_writer on image_images (writer)`.execute(db)
    await sql`create index image_images_staged on image_images (staged)`.execute(db)

    await sql`create table image_properties (image_id text not null references image_images (id) on delete cascade, name text not null,
      value text not null, primary key (image_id, name))`.execute(db)
    await sql`create index image_properties_name on image_properties (name)`.execute(db)

    await sql`create table image_tags (image_id text not null references image_images (id) on delete cascade, tag text not null,
      primary key (image_id, tag))`.execute(db)
    await sql`create index image_tags_tag on image_tags (tag)`.execute(db)

    await sql`create table image_members (image_id text not null references image_images (id) on delete cascade, member text not null,
      status text not null, created_at text not null, updated_at text not null, primary key (image_id, member))`.execute(
      db,
    )
    await sql`create index image_members_member on image_members (member, status)`.execute(db)

    await sql`create table image_tasks (id text not null primary key, image_id text not null references image_images (id) on delete cascade,
      owner text, type text not null, status text not null, input text not null, message text not null, request_id text not null,
      user_id text, created_at text not null, updated_at text not null, expires_at text)`.execute(
      db,
    )
    await sql`create index image_tasks_image on image_tasks (image_id)`.execute(db)
    await sql`create index image_tasks_created on image_tasks (created_at, id)`.execute(db)
  },
}
