import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db, type AssignmentRow } from '../tables.ts'

/** A role that a user or a group has on a project, a domain or the system. */
export interface Assignment {
  readonly actorType: 'user' | 'group'
  readonly actorId: string
  readonly targetType: 'project' | 'domain' | 'system'
  readonly targetId: string
  readonly roleId: string
  readonly inherited: boolean
}

export const SYSTEM = 'system'

const fromRow = (row: AssignmentRow): Assignment => ({
  actorType: row.actor_type,
  actorId: row.actor_id,
  targetType: row.target_type,
  targetId: row.target_id,
  roleId: row.role_id,
  inherited: row.inherited === 1,
})

const toRow = (assignment: Assignment): AssignmentRow => ({
  actor_type: assignment.actorType,
  actor_id: assignment.actorId,
  target_type: assignment.targetType,
  target_id: assignment.targetId,
  role_id: assignment.roleId,
  inherited: assignment.inherited ? 1 : 0,
})

/** Repeating it changes nothing. */
export async function addAssignment(ctx: Ctx, assignment: Assignment): Promise<void> {
  await db(ctx)
    .insertInto('identity_assignments')
    .values(toRow(assignment))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** False when there was none. */
export async function removeAssignment(ctx: Ctx, assignment: Assignment): Promise<boolean> {
  const row = toRow(assignment)
  const result = await db(ctx)
    .deleteFrom('identity_assignments')
    .where('actor_id', '=', row.actor_id)
    .where('actor_type', '=', row.actor_type)
    .where('target_type', '=', row.target_type)
    .where('target_id', '=', row.target_id)
    .where('role_id', '=', row.role_id)
    .where('inherited', '=', row.inherited)
    .executeTakeFirst()
  return Number(result.numDeletedRows) > 0
}

/** What narrows a search; everything given must hold. */
export interface AssignmentFilter {
  readonly actorType?: 'user' | 'group'
  readonly actorIds?: readonly string[]
  readonly targetType?: 'project' | 'domain' | 'system'
  readonly targetIds?: readonly string[]
  readonly roleId?: string
  readonly inherited?: boolean
}

export async function findAssignments(ctx: Ctx, filter: AssignmentFilter): Promise<Assignment[]> {
  if (filter.actorIds?.length === 0 || filter.targetIds?.length === 0) return []
  let query = db(ctx).selectFrom('identity_assignments').selectAll()
  if (filter.actorType !== undefined) query = query.where('actor_type', '=', filter.actorType)
  if (filter.actorIds !== undefined) query = query.where('actor_id', 'in', filter.actorIds)
  if (filter.targetType !== undefined) query = query.where('target_type', '=', filter.targetType)
  if (filter.targetIds !== undefined) query = query.where('target_id', 'in', filter.targetIds)
  if (filter.roleId !== undefined) query = query.where('role_id', '=', filter.roleId)
  if (filter.inherited !== undefined)
    query = query.where('inherited', '=', filter.inherited ? 1 : 0)
  const rows = await query.orderBy('actor_id').orderBy('target_id').orderBy('role_id').execute()
  return rows.map(fromRow)
}

/** When a user, group, project, domain or role goes, what was assigned to or with it goes too. */
export async function removeAssignmentsOf(
  ctx: Ctx,
  what: {
    readonly actorIds?: readonly string[]
    readonly targetIds?: readonly string[]
    readonly roleId?: string
  },
): Promise<void> {
  const remove = db(ctx).deleteFrom('identity_assignments')
  if (what.actorIds !== undefined && what.actorIds.length > 0)
    await remove.where('actor_id', 'in', what.actorIds).execute()
  if (what.targetIds !== undefined && what.targetIds.length > 0)
    await remove.where('target_id', 'in', what.targetIds).execute()
  if (what.roleId !== undefined) await remove.where('role_id', '=', what.roleId).execute()
}
