import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf, type Page } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { nextLink } from '../wire/links.ts'
import { filterOf, type ServerFilter } from './filters.ts'
import { partsOf, type ServerParts } from './parts.ts'
import type { Server } from './schema.ts'
import { findServerEverMade, listServers } from './store.ts'
import { briefView, viewer } from './view.ts'

/** Lists of servers, brief and in detail: newest first, filtered, sorted and paged. */
export function listRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/servers',
      policy: 'os_compute_api:servers:index',
      summary: 'List servers',
      handle: async (ctx, req) => {
        const { servers, links } = await pageOfServers(ctx, deps, req)
        return { servers: servers.map((server) => briefView(req, server)), ...links }
      },
    }),
    route({
      method: 'GET',
      path: '/v2.1/servers/detail',
      policy: 'os_compute_api:servers:detail',
      summary: 'List servers with details',
      handle: async (ctx, req) => {
        const { servers, links } = await pageOfServers(ctx, deps, req)
        const parts = await partsOf(ctx, deps, servers, req.version)
        const view = viewer(ctx, req)
        return { servers: parts.map((one) => view(one, 'detail')), ...links }
      },
    }),
  ]
}

const NEWEST_FIRST = [
  { key: 'created_at', dir: 'desc' },
  { key: 'id', dir: 'desc' },
] as const

type Sort = (parts: ServerParts) => string | number | boolean | null | undefined

const SORTS: Readonly<Record<string, Sort>> = {
  id: ({ server }) => server.id,
  uuid: ({ server }) => server.id,
  name: ({ server }) => server.name,
  display_name: ({ server }) => server.name,
  display_description: ({ server }) => server.description,
  created_at: ({ server }) => server.createdAt,
  updated_at: ({ server }) => server.updatedAt,
  launched_at: ({ server }) => server.launchedAt,
  terminated_at: ({ server }) => server.terminatedAt,
  hostname: ({ server }) => server.hostname,
  host: ({ server }) => server.host,
  node: ({ server }) => server.host,
  image_ref: ({ server }) => server.imageId,
  instance_type_id: ({ server }) => server.flavor.id,
  user_id: ({ server }) => server.userId,
  project_id: ({ server }) => server.projectId,
  key_name: ({ server }) => server.keyName,
  launch_index: ({ server }) => server.launchIndex,
  config_drive: ({ server }) => server.configDrive,
  auto_disk_config: ({ server }) => server.diskConfig,
  access_ip_v4: ({ server }) => server.accessIpv4,
  access_ip_v6: ({ server }) => server.accessIpv6,
  locked: ({ server }) => server.locked,
  locked_by: ({ server }) => server.lockedBy,
  availability_zone: ({ zone }) => zone,
  power_state: ({ status }) => status.powerState,
  task_state: ({ status }) => status.taskState,
  vm_state: ({ status }) => status.vmState,
  progress: () => 0,
  root_device_name: () => '/dev/vda',
}

async function pageOfServers(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
): Promise<{ readonly servers: readonly Server[]; readonly links: object }> {
  const page = pageOf(req.rawQuery, { sortable: Object.keys(SORTS), defaultSort: NEWEST_FIRST })
  const hidden = page.sorts.find(({ key }) => key === 'host' || key === 'node')
  if (hidden !== undefined && !can(ctx, 'admin'))
    throw cloudError('forbidden', `Only administrators can sort servers by ${hidden.key}.`)
  const filter = filterOf(ctx, req)
  const found =
    filter === undefined ? { items: [], more: false } : await find(ctx, deps, req, filter, page)
  return {
    servers: found.items,
    links: nextLink(req, 'servers_links', found.items.at(-1)?.id, found.more),
  }
}

type Found = { readonly items: readonly Server[]; readonly more: boolean }

/** The database cuts the page when it can; else all servers that it lets through are looked at one by one. */
async function find(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
  filter: ServerFilter,
  page: Page,
): Promise<Found> {
  if (filter.tests.length === 0 && page.sorts === NEWEST_FIRST) {
    const after = page.marker === undefined ? undefined : await markerOf(ctx, page.marker)
    const servers = await listServers(ctx, filter.query, { limit: page.limit + 1, after })
    return {
      items: servers.slice(0, page.limit),
      more: servers.length > page.limit && page.limit > 0,
    }
  }
  const parts = await partsOf(ctx, deps, await listServers(ctx, filter.query), req.version)
  const kept = parts
    .filter((one) => filter.tests.every((test) => test(one)))
    .map((one) => ({ id: one.server.id, one }))
  const { items, more } = cutPage(kept, page, ({ one }, key) => SORTS[key]?.(one))
  return { items: items.map(({ one }) => one.server), more }
}

async function markerOf(ctx: Ctx, id: string): Promise<Server> {
  const server = await findServerEverMade(ctx, id)
  if (server === undefined) throw cloudError('badRequest', `marker [${id.slice(0, 80)}] not found`)
  return server
}
