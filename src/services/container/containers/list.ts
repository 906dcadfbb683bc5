import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { nextOf } from '../wire/links.ts'
import { mustMay, ruleOf } from '../wire/policy.ts'
import { BooleanLike, toBoolean } from '../wire/schemas.ts'
import { scopeOf } from './act.ts'
import { partsOf, type ContainerParts } from './parts.ts'
import type { Container } from './schema.ts'
import { listServers } from './servers.ts'
import { listContainers, type ContainerFilters, type Scope } from './store.ts'
import { viewer } from './view.ts'

const ListQuery = Type.Object(
  {
    ...Object.fromEntries(
      ['name', 'image', 'project_id', 'user_id', 'host', 'task_state', 'status', 'marker'].map(
        (key) => [key, Type.Optional(Type.String({ maxLength: 255 }))],
      ),
    ),
    memory: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}[Mm]?$' })),
    auto_remove: Type.Optional(BooleanLike),
    kind: Type.Optional(
      Type.Union([Type.Literal('container'), Type.Literal('server'), Type.Literal('all')]),
    ),
    all_projects: Type.Optional(BooleanLike),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    sort_key: Type.Optional(Type.String({ maxLength: 60 })),
    sort_dir: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
  },
  { additionalProperties: false },
)

/** What a list may be sorted by; `id` is the order of creation, as in Zun, where ids count up. */
const SORTS: Readonly<Record<string, (parts: ContainerParts) => string | number | null>> = {
  id: ({ container }) => container.createdAt,
  uuid: ({ container }) => container.id,
  name: ({ container }) => container.name,
  image: ({ container }) => container.image,
  project_id: ({ container }) => container.projectId,
  user_id: ({ container }) => container.userId,
  status: ({ status }) => status.status,
  task_state: ({ status }) => status.taskState,
  host: ({ container }) => container.host,
  memory: ({ container }) => container.memoryMiB,
  cpu: ({ container }) => container.cpu,
  created_at: ({ container }) => container.createdAt,
  updated_at: ({ container }) => container.updatedAt,
}

export function listRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/containers',
      policy: ruleOf('container:get_all'),
      summary: 'List containers',
      query: ListQuery,
      handle: async (ctx, req) => await list(ctx, deps, req),
    }),
  ]
}

async function list(ctx: Ctx, deps: ContainerDeps, req: Req): Promise<unknown> {
  const query = req.rawQuery
  const scope = scopeOf(ctx, toBoolean(query.get('all_projects')), 'container:get_all_all_projects')
  const page = pageOf(query, {
    sortable: Object.keys(SORTS),
    defaultSort: [{ key: 'id', dir: query.get('sort_dir') === 'desc' ? 'desc' : 'asc' }],
  })
  const wanted = await wantedOf(ctx, deps, scope, query)
  const parts = (await partsOf(ctx, deps, wanted)).filter(
    ({ status }) =>
      matches(query.get('status'), status.status) &&
      matches(query.get('task_state'), status.taskState),
  )
  const cut = cutPage(
    parts.map((one) => ({ ...one, id: one.container.id })),
    page,
    (item, key) => SORTS[key]?.(item),
  )
  return {
    containers: cut.items.map(viewer(ctx, req)),
    next: nextOf(req, cut.items.at(-1)?.id, cut.more),
  }
}

/** Containers, and for those who ask (`kind=all`, `kind=server`) Nova's servers beside them. */
async function wantedOf(
  ctx: Ctx,
  deps: ContainerDeps,
  scope: Scope,
  query: URLSearchParams,
): Promise<readonly Container[]> {
  const kind = query.get('kind') ?? 'container'
  const filters = filtersOf(ctx, query)
  const containers = kind === 'server' ? [] : await listContainers(ctx, scope, filters)
  const servers = kind === 'container' ? [] : await listServers(ctx, deps, scope)
  return [...containers, ...servers.filter((server) => passes(server, filters))]
}

/** The database's filters on what does not come from its table. */
function passes(one: Container, filters: ContainerFilters): boolean {
  const { name, image, project_id, user_id, memory_mib, host, auto_remove } = filters
  return (
    (name === undefined || one.name === name) &&
    (image === undefined || one.image === image) &&
    (project_id === undefined || one.projectId === project_id) &&
    (user_id === undefined || one.userId === user_id) &&
    (memory_mib === undefined || one.memoryMiB === memory_mib) &&
    (host === undefined || one.host === host) &&
    (auto_remove === undefined || one.autoRemove === (auto_remove === 1))
  )
}

const matches = (wanted: string | null, value: string | null): boolean =>
  wanted === null || wanted === value

/** The part of the filters that the database does. */
function filtersOf(ctx: Ctx, query: URLSearchParams): ContainerFilters {
  const text = (key: string): string | undefined => query.get(key) ?? undefined
  const [host, memory, auto] = [text('host'), text('memory'), text('auto_remove')]
  if (host !== undefined) mustMay(ctx, 'container:get_one:host')
  const wanted = {
    name: text('name'),
    image: text('image'),
    project_id: text('project_id'),
    user_id: text('user_id'),
    host,
    memory_mib: memory === undefined ? undefined : Number.parseInt(memory, 10),
    auto_remove: auto === undefined ? undefined : toBoolean(auto) ? 1 : 0,
  }
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined))
}
