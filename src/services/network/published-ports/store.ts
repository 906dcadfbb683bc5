import { sql } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { db } from '../tables.ts'
import type { PublishedPort } from './choose.ts'

/** Whoever publishes on any host waits here until the transaction of the one before has ended; SQLite's are one by one anyhow. */
const LOCK = 404_117

export async function lockHostPorts(tx: Ctx): Promise<void> {
  if (tx.db.dialect === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK})`.execute(db(tx))
}

/** What other ports have published on this host. */
export async function publishedByOthers(
  tx: Ctx,
  hostId: string,
  portId: string,
): Promise<readonly PublishedPort[]> {
  const rows = await db(tx)
    .selectFrom('net_ports')
    .select('published')
    .where('host_id', '=', hostId)
    .where(sql<boolean>`published <> '[]'`)
    .where('deleted', '=', 0)
    .where('id', '!=', portId)
    .execute()
  return rows.flatMap((row) => fromJson<PublishedPort[]>(row.published))
}

export async function writePublished(
  tx: Ctx,
  portId: string,
  published: readonly PublishedPort[],
): Promise<void> {
  await db(tx)
    .updateTable('net_ports')
    .set({ published: toJson(published) })
    .where('id', '=', portId)
    .execute()
}
