import type { Kysely, Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { ImageTaskTable } from './schema.ts'

interface Tables {
  image_tasks: ImageTaskTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export async function insertTask(ctx: Ctx, row: ImageTaskTable): Promise<void> {
  await db(ctx).insertInto('image_tasks').values(row).execute()
}

export async function findTask(ctx: Ctx, id: string): Promise<ImageTaskTable | undefined> {
  return await db(ctx).selectFrom('image_tasks').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Newest first; `after` is the last task of the page before. */
export async function listTasks(
  ctx: Ctx,
  asked: {
    readonly status?: string
    readonly type?: string
    readonly limit: number
    readonly after?: ImageTaskTable
  },
): Promise<ImageTaskTable[]> {
  let query = db(ctx).selectFrom('image_tasks').selectAll()
  const { status, type, after } = asked
  if (status !== undefined) query = query.where('status', '=', status as ImageTaskTable['status']) // any other word finds nothing
  if (type !== undefined) query = query.where('type', '=', type)
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', after.created_at),
        eb.and([eb('created_at', '=', after.created_at), eb('id', '<', after.id)]),
      ]),
    )
  }
  return await query
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(asked.limit)
    .execute()
}

export async function listTasksOf(ctx: Ctx, imageId: string): Promise<ImageTaskTable[]> {
  return await db(ctx)
    .selectFrom('image_tasks')
    .selectAll()
    .where('image_id', '=', imageId)
    .orderBy('created_at')
    .execute()
}

export async function updateTask(
  ctx: Ctx,
  id: string,
  columns: Updateable<ImageTaskTable>,
): Promise<void> {
  await db(ctx)
    .updateTable('image_tasks')
    .set({ ...columns, updated_at: ctx.now().toISOString() })
    .where('id', '=', id)
    .execute()
}

/** Tasks that have ended long ago. */
export async function forgetTasks(ctx: Ctx): Promise<void> {
  await db(ctx)
    .deleteFrom('image_tasks')
    .where('expires_at', '<', ctx.now().toISOString())
    .execute()
}
