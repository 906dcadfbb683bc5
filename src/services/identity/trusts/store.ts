import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { db, type TrustRow } from '../tables.ts'

/** The trustor lets the trustee act with some of his roles on one project. */
export interface TrustRecord {
  readonly id: string
  readonly trustorUserId: string
  readonly trusteeUserId: string
  readonly projectId: string | null
  readonly impersonation: boolean
  readonly expiresAt: string | null
  readonly remainingUses: number | null
  readonly redelegationCount: number
  readonly allowRedelegation: boolean
  readonly redelegatedTrustId: string | null
  readonly roleIds: readonly string[]
  readonly deletedAt: string | null
  readonly extra: Readonly<Record<string, unknown>>
}

const fromRow = (row: TrustRow): TrustRecord => ({
  id: row.id,
  trustorUserId: row.trustor_user_id,
  trusteeUserId: row.trustee_user_id,
  projectId: row.project_id,
  impersonation: row.impersonation === 1,
  expiresAt: row.expires_at,
  remainingUses: row.remaining_uses,
  redelegationCount: row.redelegation_count,
  allowRedelegation: row.allow_redelegation === 1,
  redelegatedTrustId: row.redelegated_trust_id,
  roleIds: fromJson(row.roles_json),
  deletedAt: row.deleted_at,
  extra: fromJson(row.extra_json),
})

export async function insertTrust(ctx: Ctx, trust: TrustRecord): Promise<void> {
  await db(ctx)
    .insertInto('identity_trusts')
    .values({
      id: trust.id,
      trustor_user_id: trust.trustorUserId,
      trustee_user_id: trust.trusteeUserId,
      project_id: trust.projectId,
      impersonation: trust.impersonation ? 1 : 0,
      expires_at: trust.expiresAt,
      remaining_uses: trust.remainingUses,
      redelegation_count: trust.redelegationCount,
      allow_redelegation: trust.allowRedelegation ? 1 : 0,
      redelegated_trust_id: trust.redelegatedTrustId,
      roles_json: toJson(trust.roleIds),
      deleted_at: null,
      extra_json: toJson(trust.extra),
    })
    .execute()
}

/** Undefined when there is none, it was deleted, or it is used up. */
export async function findTrust(ctx: Ctx, id: string): Promise<TrustRecord | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_trusts')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function listTrusts(
  ctx: Ctx,
  filter: { readonly trustor?: string; readonly trustee?: string },
): Promise<TrustRecord[]> {
  let query = db(ctx).selectFrom('identity_trusts').selectAll().where('deleted_at', 'is', null)
  if (filter.trustor !== undefined) query = query.where('trustor_user_id', '=', filter.trustor)
  if (filter.trustee !== undefined) query = query.where('trustee_user_id', '=', filter.trustee)
  return (await query.orderBy('id').execute()).map(fromRow)
}

/** Takes one use; false when none is left. Two logins at once cannot take the same one. */
export async function useTrust(ctx: Ctx, id: string): Promise<boolean> {
  const result = await db(ctx)
    .updateTable('identity_trusts')
    .set((eb) => ({ remaining_uses: eb('remaining_uses', '-', 1) }))
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where((eb) => eb.or([eb('remaining_uses', 'is', null), eb('remaining_uses', '>', 0)]))
    .executeTakeFirst()
  return Number(result.numUpdatedRows) > 0
}

/** Marks trusts as deleted, with those that were handed on from them; answers all their ids. */
export async function removeTrusts(
  ctx: Ctx,
  what: { readonly id?: string; readonly userId?: string; readonly projectId?: string },
): Promise<string[]> {
  const { id, userId, projectId } = what
  let query = db(ctx)
    .updateTable('identity_trusts')
    .set({ deleted_at: ctx.now().toISOString() })
    .where('deleted_at', 'is', null)
  if (id !== undefined) query = query.where('id', '=', id)
  if (projectId !== undefined) query = query.where('project_id', '=', projectId)
  if (userId !== undefined)
    query = query.where((eb) =>
      eb.or([eb('trustor_user_id', '=', userId), eb('trustee_user_id', '=', userId)]),
    )
  const removed = (await query.returning('id').execute()).map((row) => row.id)
  for (const parent of removed) {
    const below = await db(ctx)
      .selectFrom('identity_trusts')
      .select('id')
      .where('redelegated_trust_id', '=', parent)
      .where('deleted_at', 'is', null)
      .execute()
    for (const child of below) removed.push(...(await removeTrusts(ctx, { id: child.id })))
  }
  return removed
}

/** Forgets what was deleted or has expired long ago. */
export async function forgetTrusts(ctx: Ctx, before: string): Promise<void> {
  await db(ctx)
    .deleteFrom('identity_trusts')
    .where((eb) => eb.or([eb('deleted_at', '<', before), eb('expires_at', '<', before)]))
    .execute()
}
