import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** Names of images that were fetched with somebody's credentials: being on the host gives nobody else a right to them. */
export const privateImages: Migration = {
  id: '005-private-images',
  async up(db) {
    await sql`create table workload_private_images (name text not null primary key)`.execute(db)
  },
}
