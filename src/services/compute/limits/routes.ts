import { can, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { within } from '../../../kernel/http/microversion.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import type { Limits } from '../quotas/resources.ts'
import { limitsOf } from '../quotas/store.ts'
import { countServerGroups } from '../server-groups/store.ts'
import { usageOf } from '../servers/store.ts'
import { onlyQuery, queryText } from '../wire/query.ts'

/** Everybody sees his own project's. */
export const limitPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:limits': '@',
  'os_compute_api:limits:other_project': 'rule:admin',
}

/** What the asking project may have and what it has. There are no rate limits. */
export function limitRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/limits',
      policy: 'os_compute_api:limits',
      summary: 'Show limits and what is used',
      handle: async (ctx, req) => {
        onlyQuery(req, ['tenant_id', 'reserved'])
        return { limits: { rate: [], absolute: await absolute(ctx, deps, req) } }
      },
    }),
  ]
}

function projectIn(ctx: Ctx, req: Req): string {
  const asked = queryText(req, 'tenant_id')
  if (asked === undefined) return whoOf(ctx).projectId ?? ''
  if (!can(ctx, 'os_compute_api:limits:other_project'))
    throw cloudError(
      'forbidden',
      'Policy does not allow os_compute_api:limits:other_project to be performed.',
    )
  return asked
}

async function absolute(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<Record<string, number>> {
  const projectId = projectIn(ctx, req)
  const limits = await limitsOf(ctx, { projectId, userId: whoOf(ctx).userId })
  const used = await usageOf(ctx, projectId)
  const figures = {
    ...maxima(limits),
    totalInstancesUsed: used.instances,
    totalCoresUsed: used.cores,
    totalRAMUsed: used.ramMiB,
    totalServerGroupsUsed: await countServerGroups(ctx, projectId),
    // the network service counts these; its lists are the asking project's
    totalFloatingIpsUsed: shown('totalFloatingIpsUsed', req.version)
      ? (await deps.network.listFloatingIps(ctx)).length
      : 0,
    totalSecurityGroupsUsed: shown('totalSecurityGroupsUsed', req.version)
      ? (await deps.network.listSecurityGroups(ctx)).length
      : 0,
  }
  return Object.fromEntries(Object.entries(figures).filter(([name]) => shown(name, req.version)))
}

function maxima(limits: Limits): Record<string, number> {
  return {
    maxTotalInstances: limits.instances,
    maxTotalCores: limits.cores,
    maxTotalRAMSize: limits.ram,
    maxTotalKeypairs: limits.key_pairs,
    maxServerMeta: limits.metadata_items,
    maxImageMeta: limits.metadata_items,
    maxPersonality: limits.injected_files,
    maxPersonalitySize: limits.injected_file_content_bytes,
    maxServerGroups: limits.server_groups,
    maxServerGroupMembers: limits.server_group_members,
    maxTotalFloatingIps: limits.floating_ips,
    maxSecurityGroups: limits.security_groups,
    maxSecurityGroupRules: limits.security_group_rules,
  }
}

/** The last version that shows a figure; others are in all. */
const lastVersion: Readonly<Record<string, string>> = {
  maxTotalFloatingIps: '2.35',
  maxSecurityGroups: '2.35',
  maxSecurityGroupRules: '2.35',
  totalFloatingIpsUsed: '2.35',
  totalSecurityGroupsUsed: '2.35',
  maxImageMeta: '2.38',
  maxPersonality: '2.56',
  maxPersonalitySize: '2.56',
}

const shown = (name: string, version: string): boolean =>
  within(version, undefined, lastVersion[name])
