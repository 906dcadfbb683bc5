import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Who } from '../../../kernel/ctx/who.ts'
import { findDomain, findProject } from '../projects/store.ts'
import { findUser } from '../users/store.ts'
import { isoMicros } from './payload.ts'
import { projectScope } from './scope.ts'

/** The longest that a person may go on by what was true when he came. */
const GOOD_FOR_MS = 3_600_000

/**
 * A person in a project as a token for it would say, for doors that know people otherwise (an SSH key). Undefined when he or the
 * project is disabled, or he has no role there: what no token would be given for.
 */
export async function whoIn(ctx: Ctx, userId: string, projectId: string): Promise<Who | undefined> {
  const [user, project] = [await findUser(ctx, userId), await findProject(ctx, projectId)]
  if (user?.enabled !== true || project === undefined) return undefined
  const [domain, scope] = [
    await findDomain(ctx, user.domainId),
    await projectScope(ctx, user.id, project),
  ]
  if (domain?.enabled !== true || scope === undefined) return undefined
  const now = ctx.now().getTime()
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: domain.id,
    userDomainName: domain.name,
    projectId: project.id,
    projectName: project.name,
    projectDomainId: scope.domain.id,
    projectDomainName: scope.domain.name,
    system: false,
    roles: scope.roles.map((role) => role.name),
    roleIds: scope.roles.map((role) => role.id),
    methods: ['ssh-key'],
    auditIds: [],
    issuedAt: isoMicros(now),
    expiresAt: isoMicros(now + GOOD_FOR_MS),
  }
}
