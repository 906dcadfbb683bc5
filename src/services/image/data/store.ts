import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { ImageTable } from '../images/schema.ts'
import { db } from '../images/store.ts'

/** Does an image have its bytes, or its staged bytes, under this name? */
export async function isBlobInUse(ctx: Ctx, blob: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('image_images')
    .select('id')
    .where((eb) => eb.or([eb('blob', '=', blob), eb('staged', '=', blob)]))
    .executeTakeFirst()
  return row !== undefined
}

export async function blobsInUse(ctx: Ctx): Promise<ReadonlySet<string>> {
  const rows = await db(ctx).selectFrom('image_images').select(['blob', 'staged']).execute()
  return new Set(rows.flatMap(({ blob, staged }) => [blob, staged]).filter((name) => name !== null))
}

/** A writer that lives says so from time to time. */
export async function keepWriting(
  ctx: Ctx,
  writer: string,
  id: string,
  until: number,
): Promise<void> {
  await db(ctx)
    .updateTable('image_images')
    .set({ writer_until: until })
    .where('id', '=', id)
    .where('writer', '=', writer)
    .execute()
}

/** Images whose bytes somebody else was writing who is dead. With SQLite we are the only process: all others are. */
export async function abandonedImages(ctx: Ctx, writer: string): Promise<ImageTable[]> {
  const query = db(ctx)
    .selectFrom('image_images')
    .selectAll()
    .where('writer', 'is not', null)
    .where('writer', '!=', writer)
  return await (
    ctx.db.dialect === 'sqlite' ? query : query.where('writer_until', '<', ctx.now().getTime())
  ).execute()
}
