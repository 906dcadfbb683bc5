import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { usageOf } from '../containers/store.ts'
import { quotaNames } from './resources.ts'
import { projectLimits, type Limits } from './store.ts'

/** 403 naming what is over, how much there is and how much is asked for. */
export async function checkQuota(
  ctx: Ctx,
  projectId: string,
  more: Partial<Limits>,
): Promise<void> {
  const [limits, used] = [await projectLimits(ctx, projectId), await usageOf(ctx, projectId)]
  for (const name of quotaNames) {
    const wanted = more[name] ?? 0
    const [limit, inUse] = [limits[name], used[name]]
    if (wanted <= 0 || limit < 0 || inUse + wanted <= limit + 1e-6) continue
    throw cloudError(
      'quotaExceeded',
      `Quota exceeded for ${name}: ${wanted} more asked for, ${inUse} of ${limit} in use.`,
    )
  }
}
