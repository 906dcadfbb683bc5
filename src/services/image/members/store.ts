import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db } from '../images/store.ts'
import type { MemberTable } from './schema.ts'

export async function listMembers(ctx: Ctx, imageId: string): Promise<MemberTable[]> {
  return await db(ctx)
    .selectFrom('image_members')
    .selectAll()
    .where('image_id', '=', imageId)
    .orderBy('created_at')
    .orderBy('member')
    .execute()
}

export async function findMember(
  ctx: Ctx,
  imageId: string,
  member: string,
): Promise<MemberTable | undefined> {
  return await db(ctx)
    .selectFrom('image_members')
    .selectAll()
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .executeTakeFirst()
}

/** False when the project is a member already. */
export async function insertMember(ctx: Ctx, row: MemberTable): Promise<boolean> {
  const result = await db(ctx)
    .insertInto('image_members')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows) > 0
}

export async function updateMember(
  ctx: Ctx,
  imageId: string,
  member: string,
  status: MemberTable['status'],
): Promise<MemberTable | undefined> {
  return await db(ctx)
    .updateTable('image_members')
    .set({ status, updated_at: ctx.now().toISOString() })
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .returningAll()
    .executeTakeFirst()
}

export async function removeMember(ctx: Ctx, imageId: string, member: string): Promise<boolean> {
  const result = await db(ctx)
    .deleteFrom('image_members')
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}
