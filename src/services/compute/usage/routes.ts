import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import type { Server } from '../servers/schema.ts'
import { statusOf } from '../servers/status.ts'
import { listServersForUsage } from '../servers/store.ts'
import { nextLink } from '../wire/links.ts'
import { onlyQuery, PAGING } from '../wire/query.ts'
import { periodOf } from './period.ts'
import { projectUsage, serverUsage, type Period } from './sum.ts'

/** Nova's defaults: a project reads its own, admins read all. */
export const usagePolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-simple-tenant-usage:list': 'rule:admin',
  'os_compute_api:os-simple-tenant-usage:show': 'rule:project-reader',
}

/** The path's parameter is called `project_id` because that is the target the policy rule looks at. */
export function usageRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/os-simple-tenant-usage',
      policy: 'os_compute_api:os-simple-tenant-usage:list',
      summary: 'What all projects used',
      handle: async (ctx, req) => await list(ctx, deps, req),
    }),
    route({
      method: 'GET',
      path: '/v2.1/os-simple-tenant-usage/:project_id',
      policy: 'os_compute_api:os-simple-tenant-usage:show',
      summary: 'What a project used',
      handle: async (ctx, req) => await show(ctx, deps, req),
    }),
  ]
}

/** Servers that ran in the period; from 2.40 on a page of them. */
async function serversIn(
  ctx: Ctx,
  req: Req,
  period: Period,
  projectId?: string,
): Promise<{ readonly items: readonly Server[]; readonly more: boolean }> {
  onlyQuery(req, ['start', 'end', 'detailed', ...PAGING])
  const all = await listServersForUsage(ctx, {
    ...period,
    ...(projectId === undefined ? {} : { projectId }),
  })
  const ran = all.filter((server) => server.launchedAt !== null && server.launchedAt < period.end)
  const paging = new URLSearchParams(
    [...req.rawQuery].filter(([key]) => key === 'limit' || key === 'marker'),
  )
  if (!atLeast(req.version, '2.40')) return { items: ran, more: false }
  return cutPage(
    ran,
    pageOf(paging, { sortable: [], defaultSort: [{ key: 'project', dir: 'asc' }] }),
    (server) => server.projectId,
  )
}

async function list(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  // `…/os-simple-tenant-usage/?start=…` asks for the project without an id, not for all projects
  if (req.url.split('?')[0]?.endsWith('/') === true) {
    throw cloudError('notFound', 'The resource could not be found: the project id is missing.')
  }
  const period = periodOf(req, ctx.now())
  const { items, more } = await serversIn(ctx, req, period)
  const detailed = req.rawQuery.getAll('detailed').includes('1')
  const details = detailed ? await detailsOf(ctx, deps, items, period) : undefined
  const projects = [...new Set(items.map((server) => server.projectId))]
  const usages = projects.map((projectId) => ({
    ...projectUsage(
      projectId,
      items.filter((server) => server.projectId === projectId),
      period,
    ),
    ...(details === undefined
      ? {}
      : { server_usages: details.filter((usage) => usage['tenant_id'] === projectId) }),
  }))
  return { tenant_usages: usages, ...nextLink(req, 'tenant_usages_links', items.at(-1)?.id, more) }
}

async function show(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  const { project_id: projectId } = req.params as { project_id: string } // the path has it
  const period = periodOf(req, ctx.now())
  const { items, more } = await serversIn(ctx, req, period, projectId)
  // a project that ran nothing has an empty usage, as the API reference has it
  const usage =
    items.length === 0
      ? {}
      : {
          ...projectUsage(projectId, items, period),
          server_usages: await detailsOf(ctx, deps, items, period),
        }
  return { tenant_usage: usage, ...nextLink(req, 'tenant_usage_links', items.at(-1)?.id, more) }
}

async function detailsOf(
  ctx: Ctx,
  deps: ComputeDeps,
  servers: readonly Server[],
  period: Period,
): Promise<readonly Record<string, unknown>[]> {
  const workloads = await deps.workload.findMany(
    ctx,
    servers.filter((server) => server.deletedAt === null).map((server) => server.id),
  )
  return servers.map((server) =>
    serverUsage(server, period, ctx.now(), statusOf(server, workloads.get(server.id)).vmState),
  )
}
