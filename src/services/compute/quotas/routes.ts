import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { onlyQuery, queryText } from '../wire/query.ts'
import { toBoolean } from '../wire/schemas.ts'
import { classRoutes } from './class-routes.ts'
import { resourcesIn, type Limits, type Resource } from './resources.ts'
import {
  limitsIn,
  QuotaUpdate21,
  QuotaUpdate236,
  QuotaUpdate257,
  type QuotaUpdate,
} from './schema.ts'
import { limitsOf, resetLimits, setLimits } from './store.ts'
import { usedBy } from './usage.ts'

/** Nova's defaults. Reading another project's quotas takes an admin: the rule looks at the path's project. */
export const quotaPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-quota-sets:show': 'rule:project-reader',
  'os_compute_api:os-quota-sets:detail': 'rule:project-reader',
  'os_compute_api:os-quota-sets:defaults': '@',
  'os_compute_api:os-quota-sets:update': 'rule:admin',
  'os_compute_api:os-quota-sets:delete': 'rule:admin',
  'os_compute_api:os-quota-class-sets:show': 'rule:admin',
  'os_compute_api:os-quota-class-sets:update': 'rule:admin',
}

const path = '/v2.1/os-quota-sets/:project_id'
const policy = (verb: string): string => `os_compute_api:os-quota-sets:${verb}`
const update = {
  method: 'PUT',
  path,
  policy: policy('update'),
  summary: "Change a project's or a user's quotas",
} as const

/** The path's parameter is called `project_id` because that is the target the policy rules look at. */
export function quotaRoutes(deps: ComputeDeps): readonly Route[] {
  return [...readRoutes(deps), ...writeRoutes(deps), ...classRoutes()]
}

function readRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path,
      policy: policy('show'),
      summary: 'Show quotas',
      handle: async (ctx, req) => await show(ctx, deps, req),
    }),
    route({
      method: 'GET',
      path: `${path}/detail`,
      policy: policy('detail'),
      summary: 'Show quotas and what is used',
      handle: async (ctx, req) => await detail(ctx, deps, req),
    }),
    route({
      method: 'GET',
      path: `${path}/defaults`,
      policy: policy('defaults'),
      summary: 'Show the quotas of a new project',
      handle: async (ctx, req) => {
        onlyQuery(req, [])
        const projectId = await projectIn(ctx, deps, req)
        return {
          quota_set: {
            id: projectId,
            ...picked(await limitsOf(ctx, {}), resourcesIn(req.version)),
          },
        }
      },
    }),
  ]
}

function writeRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...update,
      until: '2.35',
      body: QuotaUpdate21,
      handle: async (ctx, req) => await change(ctx, deps, req, req.body.quota_set),
    }),
    route({
      ...update,
      since: '2.36',
      until: '2.56',
      body: QuotaUpdate236,
      handle: async (ctx, req) => await change(ctx, deps, req, req.body.quota_set),
    }),
    route({
      ...update,
      since: '2.57',
      body: QuotaUpdate257,
      handle: async (ctx, req) => await change(ctx, deps, req, req.body.quota_set),
    }),
    route({
      method: 'DELETE',
      path,
      policy: policy('delete'),
      summary: 'Go back to the default quotas',
      handle: async (ctx, req) => {
        await resetLimits(ctx, await projectIn(ctx, deps, req), userIn(req))
        return reply(202)
      },
    }),
  ]
}

function userIn(req: Req): string | undefined {
  onlyQuery(req, ['user_id'])
  return queryText(req, 'user_id')
}

async function projectIn(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<string> {
  const id = (req.params as { project_id: string }).project_id // every path above has :project_id
  if ((await deps.identity.findProject(ctx, id)) === undefined)
    throw cloudError('badRequest', `Project ID ${id.slice(0, 255)} is not a valid project.`)
  return id
}

function picked(limits: Limits, names: readonly Resource[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, limits[name]]))
}

async function show(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  const projectId = await projectIn(ctx, deps, req)
  const limits = await limitsOf(ctx, { projectId, userId: userIn(req) })
  return { quota_set: { id: projectId, ...picked(limits, resourcesIn(req.version)) } }
}

async function detail(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  const projectId = await projectIn(ctx, deps, req)
  const userId = userIn(req)
  const limits = await limitsOf(ctx, { projectId, userId })
  const used = await usedBy(ctx, projectId, userId)
  const details = resourcesIn(req.version).map((name) => [
    name,
    { limit: limits[name], in_use: used[name] ?? 0, reserved: 0 },
  ])
  return {
    quota_set: { id: projectId, ...(Object.fromEntries(details) as Record<string, unknown>) },
  }
}

async function change(ctx: Ctx, deps: ComputeDeps, req: Req, body: QuotaUpdate): Promise<unknown> {
  const projectId = await projectIn(ctx, deps, req)
  const userId = userIn(req)
  const wish = limitsIn(body, resourcesIn(req.version))
  if (userId !== undefined) mustFitProject(wish, await limitsOf(ctx, { projectId }))
  if (!toBoolean(body.force ?? false)) mustCoverUse(wish, await usedBy(ctx, projectId, userId))
  await setLimits(ctx, { projectId, userId }, wish)
  return { quota_set: picked(await limitsOf(ctx, { projectId, userId }), resourcesIn(req.version)) }
}

/** A user may have at most what his project has. */
function mustFitProject(wish: Partial<Limits>, project: Limits): void {
  for (const [name, limit] of Object.entries(wish) as [Resource, number][]) {
    // keys of Limits
    const most = project[name]
    if (most >= 0 && (limit < 0 || limit > most)) {
      throw cloudError(
        'badRequest',
        `Quota limit ${limit} for ${name} must be in the range of 0 and ${most}, the project's own limit.`,
      )
    }
  }
}

function mustCoverUse(wish: Partial<Limits>, used: Partial<Record<Resource, number>>): void {
  for (const [name, limit] of Object.entries(wish) as [Resource, number][]) {
    // keys of Limits
    const least = used[name] ?? 0
    if (limit >= 0 && limit < least) {
      throw cloudError(
        'badRequest',
        `Quota limit ${limit} for ${name} must be greater than or equal to already used and reserved ${least}. Add "force" to set it all the same.`,
      )
    }
  }
}
