import type { Migration } from '../../../kernel/db/migrate.ts'
import { sql } from 'kysely'
import type { Feature } from '../standard/feature.ts'

/**
 * Ports of the host that lead to a guest, as `docker run -p` asks for them. They are a list in the port's row; the engine
 * makes them real with the port's other wishes. No part of Neutron's API: services to the right publish through the face.
 */
export function publishedPorts(): Feature {
  return { migrations }
}

const migrations: readonly Migration[] = [
  {
    id: '040-published-ports',
    async up(db) {
      await sql`alter table net_ports add column published text not null default '[]'`.execute(db)
      await sql`create index net_ports_published on net_ports (host_id) where published <> '[]'`.execute(
        db,
      )
    },
  },
]
