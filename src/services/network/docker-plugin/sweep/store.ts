import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { db, type DockerTables } from '../tables.ts'

export type Marked = keyof DockerTables

/** Since when nobody seems to want these any more; null: somebody does. */
export async function markMissing(
  ctx: Ctx,
  table: Marked,
  ids: readonly string[],
  since: string | null,
): Promise<void> {
  if (ids.length === 0) return
  await db(ctx).updateTable(table).set({ missing_since: since }).where('id', 'in', ids).execute()
}
