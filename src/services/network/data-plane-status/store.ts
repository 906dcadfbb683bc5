import { sql } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

export const dataPlaneMigration: Migration = {
  id: '115-data-plane-status',
  async up(db) {
    await sql`alter table net_ports add column data_plane_status text`.execute(db)
  },
}

export async function setDataPlaneStatus(
  tx: Ctx,
  portId: string,
  status: string | null,
): Promise<void> {
  await tables<{ net_ports: { id: string; data_plane_status: string | null } }>(tx)
    .updateTable('net_ports')
    .set({ data_plane_status: status })
    .where('id', '=', portId)
    .execute()
}
