import { Type } from '../../../kernel/schema/type.ts'
import { projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { scopeOf } from '../containers/act.ts'
import { partsOf, type ContainerParts } from '../containers/parts.ts'
import { membersOf, type Scope } from '../containers/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { linksOf, nextOf } from '../wire/links.ts'
import { ruleOf } from '../wire/policy.ts'
import { BooleanLike, Text, toBoolean } from '../wire/schemas.ts'
import { createCapsule } from './create.ts'
import type { Capsule } from './schema.ts'
import { findByIdent, listCapsules, updateCapsule } from './store.ts'
import { Create, LegacyCreate, orAsText, readTemplate, type Template } from './template.ts'
import { capsuleView } from './view.ts'

const ListQuery = Type.Object(
  {
    all_projects: Type.Optional(BooleanLike),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    marker: Type.Optional(Text(255)),
    sort_key: Type.Optional(Text(60)),
    sort_dir: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
  },
  { additionalProperties: false },
)
const AllProjects = Type.Object(
  { all_projects: Type.Optional(BooleanLike) },
  { additionalProperties: false },
)

export function capsuleRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    createRoute(deps, '1.1', '1.36', LegacyCreate),
    createRoute(deps, '1.37', '1.40', Create),
    listRoute(deps),
    showRoute(deps),
    deleteRoute(),
  ]
}

/** By id or name: 404 when there is none, 409 when several have the name. */
export async function getCapsule(ctx: Ctx, ident: string, scope?: Scope): Promise<Capsule> {
  const found = await findByIdent(ctx, ident, scope ?? { projectId: projectOf(ctx) })
  const [only, ...others] = found
  if (only === undefined)
    throw cloudError('notFound', `Capsule ${ident.slice(0, 255)} could not be found.`, {
      code: 'capsule-not-found',
    })
  if (others.length > 0)
    throw cloudError('conflict', `Several capsules are named ${ident}: use the uuid of one.`)
  return only
}

function createRoute(
  deps: ContainerDeps,
  since: string,
  until: string,
  shape: typeof LegacyCreate | typeof Create,
): Route {
  return route({
    method: 'POST',
    path: '/v1/capsules',
    since,
    until,
    policy: ruleOf('capsule:create'),
    summary: 'Create a capsule: containers that share network, IPC and volumes',
    body: orAsText(shape),
    handle: async (ctx, req) =>
      await create(ctx, deps, req, readTemplate(req.body.template, shape)),
  })
}

async function create(ctx: Ctx, deps: ContainerDeps, req: Req, template: Template): Promise<Reply> {
  const capsule = await createCapsule(ctx, deps, req.version, template)
  const members = await partsOf(ctx, deps, await membersOf(ctx, [capsule.id]))
  const [self] = linksOf(req, 'capsules', capsule.id)
  const headers = { Location: self?.href ?? '' }
  return reply(202, capsuleView(ctx, req, capsule, members), headers)
}

const SORTS: Readonly<Record<string, (capsule: Capsule) => string>> = {
  id: (capsule) => capsule.createdAt,
  uuid: (capsule) => capsule.id,
  name: (capsule) => capsule.name,
  created_at: (capsule) => capsule.createdAt,
  updated_at: (capsule) => capsule.updatedAt,
}

function listRoute(deps: ContainerDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/capsules',
    policy: ruleOf('capsule:get_all'),
    summary: 'List capsules',
    query: ListQuery,
    handle: async (ctx, req) => {
      const query = req.rawQuery
      const all = toBoolean(query.get('all_projects'))
      const capsules = await listCapsules(ctx, scopeOf(ctx, all, 'capsule:get_all_all_projects'))
      const page = pageOf(query, {
        sortable: Object.keys(SORTS),
        defaultSort: [{ key: 'id', dir: query.get('sort_dir') === 'desc' ? 'desc' : 'asc' }],
      })
      const cut = cutPage(capsules, page, (capsule, key) => SORTS[key]?.(capsule))
      const members = await membersByCapsule(ctx, deps, cut.items)
      return {
        capsules: cut.items.map((one) => capsuleView(ctx, req, one, members.get(one.id) ?? [])),
        next: nextOf(req, cut.items.at(-1)?.id, cut.more),
      }
    },
  })
}

async function membersByCapsule(
  ctx: Ctx,
  deps: ContainerDeps,
  capsules: readonly Capsule[],
): Promise<ReadonlyMap<string | null, readonly ContainerParts[]>> {
  const ids = capsules.map(({ id }) => id)
  const members = await partsOf(ctx, deps, await membersOf(ctx, ids))
  return Map.groupBy(members, ({ container }) => container.capsuleId)
}

function showRoute(deps: ContainerDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/capsules/:id',
    policy: ruleOf('capsule:get'),
    params: Type.Object({ id: Type.String() }),
    query: AllProjects,
    summary: 'Show a capsule',
    handle: async (ctx, req) => {
      const all = toBoolean(req.query.all_projects)
      const scope = scopeOf(ctx, all, 'capsule:get_one_all_projects')
      const capsule = await getCapsule(ctx, req.params.id, scope)
      const members = await partsOf(ctx, deps, await membersOf(ctx, [capsule.id]))
      return capsuleView(ctx, req, capsule, members)
    },
  })
}

function deleteRoute(): Route {
  return route({
    method: 'DELETE',
    path: '/v1/capsules/:id',
    policy: ruleOf('capsule:delete'),
    params: Type.Object({ id: Type.String() }),
    query: AllProjects,
    summary: 'Delete a capsule with all that it holds, running or not',
    status: 204,
    handle: async (ctx, req) => {
      const all = toBoolean(req.query.all_projects)
      const scope = scopeOf(ctx, all, 'capsule:delete_all_projects')
      const { id } = await getCapsule(ctx, req.params.id, scope)
      await inTx(ctx, async (tx) => {
        await updateCapsule(tx, id, { removing: 1 })
        await nudge(tx, 'container.capsule', id)
      })
    },
  })
}
