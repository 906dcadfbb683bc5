import { can, projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import type { StandardRow } from './schema.ts'

/** Admins, and the cloud's own hands, see every project's objects. */
export const seesAll = (ctx: Ctx): boolean => ctx.who === undefined || can(ctx, 'admin')

/** The asking project; '' matches nobody's objects. */
export const askingProject = (ctx: Ctx): string => ctx.who?.projectId ?? ''

/** Whose the new object will be: the asker's project, or for an admin the one he names. */
export function ownerOf(
  ctx: Ctx,
  wish: { readonly project_id?: string; readonly tenant_id?: string },
): string {
  const asked = wish.project_id ?? wish.tenant_id
  if (
    wish.project_id !== undefined &&
    wish.tenant_id !== undefined &&
    wish.project_id !== wish.tenant_id
  ) {
    throw neutronError('badRequest', 'HTTPBadRequest', "'project_id' and 'tenant_id' do not match")
  }
  if (asked === undefined) return projectOf(ctx)
  if (asked !== ctx.who?.projectId && !seesAll(ctx)) {
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    )
  }
  return asked
}

/** An object that one may see but not change (a shared network, say) is a 403; one that one may not see was a 404 before. */
export function mustOwn(ctx: Ctx, row: StandardRow, rule: string, alsoOwner?: string | null): void {
  const mine = askingProject(ctx)
  if (
    seesAll(ctx) ||
    row.project_id === mine ||
    (alsoOwner !== undefined && alsoOwner !== null && alsoOwner === mine)
  )
    return
  throw neutronError('forbidden', 'PolicyNotAuthorized', `(rule:${rule}) is disallowed by policy`)
}
