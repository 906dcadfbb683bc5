import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Who } from '../../kernel/ctx/who.ts'

/** What other services may ask of identity. A client of a real Keystone must be able to stand behind it. */
export interface IdentityFace {
  /** Who a token belongs to; undefined when it is unknown, expired or revoked. Does not ask the database. */
  authenticate(ctx: Ctx, token: string): Promise<Who | undefined>
  /** A person in a project as a token for it would say, for doors that know people otherwise; undefined when no token would be given. */
  whoIn(ctx: Ctx, userId: string, projectId: string): Promise<Who | undefined>
  /** Undefined when there is none. */
  findProject(ctx: Ctx, id: string): Promise<Project | undefined>
  findProjectByName(ctx: Ctx, name: string): Promise<Project | undefined>
  findUser(
    ctx: Ctx,
    id: string,
  ): Promise<{ readonly id: string; readonly name: string } | undefined>
}

export interface Project {
  readonly id: string
  readonly name: string
  readonly domainId: string
  readonly enabled: boolean
}
