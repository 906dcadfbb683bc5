import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { serversOnHost } from '../servers/store.ts'
import { nextLink } from '../wire/links.ts'
import { onlyQuery, PAGING, queryText } from '../wire/query.ts'
import { nodeOf, uptimeText, type Node } from './node.ts'
import { figures, nodeSummary, nodeView, serversView, type NamedServer } from './view.ts'

const verbs = ['list', 'list-detail', 'show', 'statistics', 'uptime', 'search', 'servers'] as const
const policy = (verb: (typeof verbs)[number]): string => `os_compute_api:os-hypervisors:${verb}`

/** All for admins, as Nova has it. */
export const hypervisorPolicies: Readonly<Record<string, string>> = Object.fromEntries(
  verbs.map((verb) => [policy(verb), 'rule:admin']),
)

const all = '/v2.1/os-hypervisors'
const get = { method: 'GET' } as const

/** The machine under the servers. Ids are numbers up to 2.52 and UUIDs after. */
export function hypervisorRoutes(deps: ComputeDeps): readonly Route[] {
  return [...listRoutes(deps), ...showRoutes(deps), ...searchRoutes(deps)]
}

function listRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...get,
      path: all,
      policy: policy('list'),
      summary: 'List hypervisors',
      handle: async (ctx, req) =>
        await list(ctx, deps, req, (node) => nodeSummary(req.version, node)),
    }),
    route({
      ...get,
      path: `${all}/detail`,
      policy: policy('list-detail'),
      summary: 'List hypervisors with details',
      handle: async (ctx, req) =>
        await list(ctx, deps, req, (node) => nodeView(req.version, node, ctx.now())),
    }),
    route({
      ...get,
      path: `${all}/statistics`,
      until: '2.87',
      policy: policy('statistics'),
      summary: 'Sums over all hypervisors',
      handle: async (ctx) => ({
        hypervisor_statistics: { count: 1, ...figures(await nodeOf(ctx, deps)) },
      }),
    }),
  ]
}

function showRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...get,
      path: `${all}/:id`,
      policy: policy('show'),
      summary: 'Show a hypervisor',
      handle: async (ctx, req) => await show(ctx, deps, req),
    }),
    route({
      ...get,
      path: `${all}/:id/uptime`,
      until: '2.87',
      policy: policy('uptime'),
      summary: 'Show for how long a hypervisor runs',
      handle: async (ctx, req) => {
        const node = await nodeIn(ctx, deps, req)
        return {
          hypervisor: {
            ...nodeSummary(req.version, node),
            uptime: uptimeText(ctx.now(), node.info.uptimeSeconds),
          },
        }
      },
    }),
  ]
}

function searchRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...get,
      path: `${all}/:id/search`,
      until: '2.52',
      policy: policy('search'),
      summary: 'Find hypervisors by part of their name',
      handle: async (ctx, req) => await search(ctx, deps, req, undefined),
    }),
    route({
      ...get,
      path: `${all}/:id/servers`,
      until: '2.52',
      policy: policy('servers'),
      summary: 'List the servers on hypervisors',
      handle: async (ctx, req) => await search(ctx, deps, req, await namedServers(ctx, deps)),
    }),
  ]
}

const idOf = (req: Req): string => (req.params as { id: string }).id // asked only where the path has :id
const missing = (id: string): Error =>
  cloudError('notFound', `Compute host ${id.slice(0, 255)} could not be found.`)

async function nodeIn(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<Node> {
  const node = await nodeOf(ctx, deps)
  if (idOf(req) !== nodeSummary(req.version, node)['id']?.toString()) throw missing(idOf(req))
  return node
}

async function namedServers(ctx: Ctx, deps: ComputeDeps): Promise<readonly NamedServer[]> {
  return (await serversOnHost(ctx, deps.hostName)).map(({ id, name }) => ({ uuid: id, name }))
}

/** The servers when the query asks for them (from 2.53 on). */
async function askedServers(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
): Promise<readonly NamedServer[] | undefined> {
  const asked = atLeast(req.version, '2.53') ? queryText(req, 'with_servers') : undefined
  if (asked === undefined || /^(false|0|off|no|f|n)$/i.test(asked)) return undefined
  if (!/^(true|1|on|yes|t|y)$/i.test(asked))
    throw cloudError(
      'badRequest',
      `Invalid input for query parameters with_servers: ${asked.slice(0, 40)} is neither true nor false.`,
    )
  return await namedServers(ctx, deps)
}

async function show(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  onlyQuery(req, ['with_servers'])
  const node = await nodeIn(ctx, deps, req)
  return {
    hypervisor: {
      ...nodeView(req.version, node, ctx.now()),
      ...serversView(req.version, await askedServers(ctx, deps, req)),
    },
  }
}

async function list(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
  view: (node: Node) => Record<string, unknown>,
): Promise<unknown> {
  onlyQuery(req, [...PAGING, 'hypervisor_hostname_pattern', 'with_servers'])
  const servers = await askedServers(ctx, deps, req)
  const pattern = atLeast(req.version, '2.53')
    ? queryText(req, 'hypervisor_hostname_pattern')
    : undefined
  const nodes = [await nodeOf(ctx, deps)].filter((node) => node.hostName.includes(pattern ?? ''))
  if (pattern !== undefined && nodes.length === 0)
    throw cloudError(
      'notFound',
      `No hypervisor matching '${pattern.slice(0, 255)}' could be found.`,
    )
  const paged = atLeast(req.version, '2.33') && pattern === undefined
  const page = pageOf(paged ? req.rawQuery : new URLSearchParams(), {
    sortable: [],
    defaultSort: [],
  })
  const { items, more } = cutPage(
    nodes.map((node) => ({ id: String(nodeSummary(req.version, node)['id']), node })),
    page,
    () => undefined,
  )
  return {
    hypervisors: items.map(({ node }) => ({ ...view(node), ...serversView(req.version, servers) })),
    ...nextLink(req, 'hypervisors_links', items.at(-1)?.id, more),
  }
}

/** In these paths the id is a part of the name. */
async function search(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
  servers: readonly NamedServer[] | undefined,
): Promise<unknown> {
  const node = await nodeOf(ctx, deps)
  if (!node.hostName.includes(idOf(req)))
    throw cloudError(
      'notFound',
      `No hypervisor matching '${idOf(req).slice(0, 255)}' could be found.`,
    )
  return {
    hypervisors: [{ ...nodeSummary(req.version, node), ...serversView(req.version, servers) }],
  }
}
