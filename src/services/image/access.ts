import { can, must, type Ctx } from '../../kernel/ctx/ctx.ts'
import type { JudgedRule } from './policies.ts'

/**
 * Admins, and the cloud itself, see every project's images. Glance's rules are all of project scope: with a token of the
 * system or a domain even an admin sees no image.
 */
export function seesAll(ctx: Ctx): boolean {
  return ctx.who === undefined || (ctx.who.projectId !== undefined && can(ctx, 'context_is_admin'))
}

/** The project whose eyes a query is made with: '' without a project, undefined for those who see all. */
export function viewerOf(ctx: Ctx): string | undefined {
  return seesAll(ctx) ? undefined : (ctx.who?.projectId ?? '')
}

/** 403 unless the rule holds for an object of this owner; the cloud itself may do everything. */
export function mustFor(ctx: Ctx, rule: JudgedRule, owner: string | null): void {
  if (ctx.who !== undefined) must(ctx, rule, { project_id: owner })
}
