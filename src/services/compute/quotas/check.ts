import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { usageOf } from '../servers/store.ts'
import type { Limits, Resource } from './resources.ts'
import { hasUserLimits, limitsOf } from './store.ts'

/** The limit in force for one resource; -1 is none. */
export async function limitOf(
  ctx: Ctx,
  projectId: string,
  resource: Resource,
  userId?: string,
): Promise<number> {
  return (await limitsOf(ctx, { projectId, userId }))[resource]
}

/** What a request would add. */
export interface ServerDelta {
  readonly instances: number
  readonly cores: number
  readonly ramMiB: number
}

/** 403 with Nova's words when the project, or the asking user in it, would have more servers, vCPUs or memory than allowed. */
export async function checkServerQuota(
  ctx: Ctx,
  projectId: string,
  delta: ServerDelta,
): Promise<void> {
  mustFit(await limitsOf(ctx, { projectId }), await usageOf(ctx, projectId), delta)
  const userId = ctx.who?.userId
  if (userId === undefined || !(await hasUserLimits(ctx, projectId, userId))) return
  mustFit(await limitsOf(ctx, { projectId, userId }), await usageOf(ctx, projectId, userId), delta)
}

function mustFit(limits: Limits, used: ServerDelta, delta: ServerDelta): void {
  const asked = [
    { name: 'instances', wanted: delta.instances, used: used.instances, limit: limits.instances },
    { name: 'cores', wanted: delta.cores, used: used.cores, limit: limits.cores },
    { name: 'ram', wanted: delta.ramMiB, used: used.ramMiB, limit: limits.ram },
  ]
  // a change that asks for nothing more is allowed even to a project past its limit
  const over = asked.filter(
    ({ wanted, used: now, limit }) => wanted > 0 && limit >= 0 && now + wanted > limit,
  )
  if (over.length === 0) return
  const words = (key: 'name' | 'wanted' | 'used' | 'limit'): string =>
    over.map((item) => item[key]).join(', ')
  throw cloudError(
    'quotaExceeded',
    `Quota exceeded for ${words('name')}: Requested ${words('wanted')}, but already used ${words('used')} of ${words('limit')} ${words('name')}`,
  )
}
