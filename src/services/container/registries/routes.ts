import { randomUUID } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import { projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { scopeOf } from '../containers/act.ts'
import { idsUsingRegistry } from '../containers/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { linksOf, nextOf } from '../wire/links.ts'
import { ruleOf } from '../wire/policy.ts'
import { BooleanLike, Name, Text, toBoolean } from '../wire/schemas.ts'
import { getRegistry } from './get.ts'
import {
  deleteRegistry,
  insertRegistry,
  listRegistries,
  updateRegistry,
  type RegistryRow,
} from './store.ts'

const Domain = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?$',
})
const fields = {
  name: Type.Optional(Name),
  username: Type.Optional(Text(255, 1)),
  password: Type.Optional(Text(1024, 1)),
}
const closed = { additionalProperties: false } as const
const Create = Type.Object({ registry: Type.Object({ ...fields, domain: Domain }, closed) }, closed)
const Update = Type.Object(
  { registry: Type.Object({ ...fields, domain: Type.Optional(Domain) }, closed) },
  closed,
)

const FILTERS = ['name', 'domain', 'username', 'project_id', 'user_id'] as const
const SORTS = ['id', 'uuid', 'created_at', 'updated_at', ...FILTERS] as const
const ListQuery = Type.Object(
  {
    ...Object.fromEntries(FILTERS.map((key) => [key, Type.Optional(Text(255))])),
    all_projects: Type.Optional(BooleanLike),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    marker: Type.Optional(Text(255)),
    sort_key: Type.Optional(Text(60)),
    sort_dir: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
  },
  closed,
)

const SINCE = '1.30'
const one = { path: '/v1/registries/:id', since: SINCE, params: Type.Object({ id: Type.String() }) }

/** Registries with credentials. A password goes in and never comes out. */
export function registryRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    listRoute(),
    createRoute(deps),
    route({
      ...one,
      method: 'GET',
      policy: ruleOf('registry:get_one'),
      summary: 'Show a registry',
      handle: async (ctx, req) => ({ registry: view(req, await getRegistry(ctx, req.params.id)) }),
    }),
    updateRoute(deps),
    route({
      ...one,
      method: 'DELETE',
      policy: ruleOf('registry:delete'),
      summary: 'Delete a registry that no container names',
      status: 204,
      handle: async (ctx, req) => await remove(ctx, await getRegistry(ctx, req.params.id)),
    }),
  ]
}

function listRoute(): Route {
  return route({
    method: 'GET',
    path: '/v1/registries',
    since: SINCE,
    policy: ruleOf('registry:get_all'),
    summary: 'List registries',
    query: ListQuery,
    handle: async (ctx, req) => {
      const query = req.rawQuery
      const all = toBoolean(query.get('all_projects'))
      const scope = scopeOf(ctx, all, 'registry:get_all_all_projects')
      const filters = FILTERS.map((key) => [key, query.get(key)] as const)
      const rows = await listRegistries(
        ctx,
        scope,
        Object.fromEntries(filters.filter(([, value]) => value !== null)),
      )
      const page = pageOf(query, {
        sortable: SORTS,
        defaultSort: [{ key: 'id', dir: query.get('sort_dir') === 'desc' ? 'desc' : 'asc' }],
      })
      const cut = cutPage(rows, page, sortValue)
      return {
        registries: cut.items.map((row) => view(req, row)),
        next: nextOf(req, cut.items.at(-1)?.id, cut.more),
      }
    },
  })
}

/** `id` is the order of creation, as in Zun, where ids count up. */
function sortValue(row: RegistryRow, key: string): string | null {
  if (key === 'id') return row.created_at
  return row[(key === 'uuid' ? 'id' : key) as keyof RegistryRow] // a name of SORTS
}

function createRoute({ secrets }: ContainerDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/registries',
    since: SINCE,
    policy: ruleOf('registry:create'),
    summary: 'Create a registry',
    body: Create,
    handle: async (ctx, req) => {
      const wish = req.body.registry
      const now = ctx.now().toISOString()
      const row = {
        id: randomUUID(),
        project_id: projectOf(ctx),
        user_id: whoOf(ctx).userId,
        name: wish.name ?? null,
        domain: wish.domain,
        username: wish.username ?? null,
        password: wish.password === undefined ? null : secrets.seal(wish.password),
        created_at: now,
        updated_at: now,
      }
      await insertRegistry(ctx, row)
      const [self] = linksOf(req, 'registries', row.id)
      return reply(201, { registry: view(req, row) }, { Location: self?.href ?? '' })
    },
  })
}

function updateRoute({ secrets }: ContainerDeps): Route {
  return route({
    ...one,
    method: 'PATCH',
    policy: ruleOf('registry:update'),
    summary: 'Change a registry',
    body: Update,
    handle: async (ctx, req) => {
      const { id } = await getRegistry(ctx, req.params.id)
      const { password, ...plain } = req.body.registry
      const sealed = password === undefined ? {} : { password: secrets.seal(password) }
      await updateRegistry(ctx, id, { ...plain, ...sealed })
      return { registry: view(req, await getRegistry(ctx, id)) }
    },
  })
}

async function remove(ctx: Ctx, row: RegistryRow): Promise<void> {
  const users = await idsUsingRegistry(ctx, row.id)
  if (users.length > 0)
    throw cloudError(
      'conflict',
      `Registry ${row.id} is in use by container ${users[0] ?? ''}: delete that first.`,
    )
  await deleteRegistry(ctx, row.id)
}

function view(req: Pick<Req, 'serviceUrl'>, row: RegistryRow): Record<string, unknown> {
  return {
    uuid: row.id,
    links: linksOf(req, 'registries', row.id),
    user_id: row.user_id,
    project_id: row.project_id,
    name: row.name,
    domain: row.domain,
    username: row.username,
    password: '***',
  }
}
