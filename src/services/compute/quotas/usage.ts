import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { countKeypairs } from '../keypairs/store.ts'
import { countServerGroups } from '../server-groups/store.ts'
import { usageOf } from '../servers/store.ts'
import type { Resource } from './resources.ts'

/** What a project (or one user in it) uses of the resources that are counted as a whole; the others are limits on a single object. */
export async function usedBy(
  ctx: Ctx,
  projectId: string,
  userId: string | undefined,
): Promise<Partial<Record<Resource, number>>> {
  const servers = await usageOf(ctx, projectId, userId)
  return {
    instances: servers.instances,
    cores: servers.cores,
    ram: servers.ramMiB,
    server_groups: await countServerGroups(ctx, projectId),
    // keypairs belong to users: a project as a whole has none
    ...(userId === undefined ? {} : { key_pairs: await countKeypairs(ctx, userId) }),
  }
}
