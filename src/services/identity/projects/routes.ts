import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded, type Target } from '../guarded.ts'
import { flagOf, listBody, listQuery } from '../list-query.ts'
import type { Parts } from '../parts.ts'
import { DEFAULT_DOMAIN } from '../domains/default-domain.ts'
import { domainFilter, homeDomain } from '../users/routes.ts'
import { IdParams } from '../wire.ts'
import { createProject, removeProject, updateProject } from './changes.ts'
import { CreateProject, knownProjectAttributes, UpdateProject } from './schema.ts'
import {
  findProject,
  getProject,
  listProjects,
  tagsOf,
  type ProjectRecord,
  type TagFilter,
} from './store.ts'
import { familyOf } from './tree.ts'
import { projectView, projectViews } from './view.ts'

/** For rules that compare with the project of the path. */
export async function projectTarget(
  ctx: Ctx,
  { params }: { readonly params: { readonly id: string } },
): Promise<Target> {
  const project = await findProject(ctx, params.id)
  return project === undefined
    ? {}
    : { 'target.project.id': project.id, 'target.project.domain_id': domainOf(project) }
}

export const domainOf = (project: ProjectRecord): string =>
  project.isDomain ? project.id : project.domainId

const tags = async (ctx: Ctx, id: string): Promise<readonly string[]> =>
  (await tagsOf(ctx, [id])).get(id) ?? []

/** /v3/projects */
export function projectRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes, showRoute, ...changeRoutes(parts)]
}

/** A new project, and the list. */
const collectionRoutes: readonly Route[] = [
  guarded({
    method: 'POST',
    path: '/v3/projects',
    policy: 'identity:create_project',
    body: CreateProject,
    status: 201,
    target: async (ctx, { body }) => await newProjectTarget(ctx, body.project),
    handle: async (ctx, req) => {
      const project = await createProject(ctx, req.body.project)
      return { project: projectView(req, project, await tags(ctx, project.id)) }
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/projects',
    policy: 'identity:list_projects',
    target: async (ctx) => await Promise.resolve({ 'target.domain_id': whoOf(ctx).domainId }),
    handle: async (ctx, req) => await list(ctx, req),
  }),
]

const showRoute: Route = guarded({
  method: 'GET',
  path: '/v3/projects/:id',
  policy: 'identity:get_project',
  params: IdParams,
  target: projectTarget,
  handle: async (ctx, req) => {
    const project = await getProject(ctx, req.params.id)
    return {
      project: {
        ...projectView(req, project, await tags(ctx, project.id)),
        ...(await familyOf(ctx, req, project)),
      },
    }
  },
})

async function list(ctx: Ctx, req: Req): Promise<unknown> {
  const asked = listQuery(
    req.rawQuery,
    ['name', 'domain_id', 'parent_id', 'id'],
    ['enabled', 'is_domain'],
  )
  const domains = flagOf(req.rawQuery, 'is_domain')
  const fixed = req.rawQuery.has('is_domain')
    ? []
    : [{ column: 'is_domain', how: 'equals' as const, ignoreCase: false, value: '0' }]
  const own = domains ? [] : domainFilter(ctx)
  const projects = await listProjects(
    ctx,
    { ...asked, filters: [...asked.filters, ...fixed, ...own] },
    tagFilterOf(req.rawQuery),
  )
  return listBody(req, 'projects', await projectViews(ctx, req, projects), asked.limit)
}

/** The two that change an existing project. */
function changeRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'PATCH',
      path: '/v3/projects/:id',
      policy: 'identity:update_project',
      params: IdParams,
      body: UpdateProject,
      target: projectTarget,
      handle: async (ctx, req) => {
        const project = await updateProject(
          ctx,
          parts,
          await getProject(ctx, req.params.id),
          req.body.project,
          knownProjectAttributes,
        )
        return { project: projectView(req, project, await tags(ctx, project.id)) }
      },
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/projects/:id',
      policy: 'identity:delete_project',
      params: IdParams,
      target: projectTarget,
      handle: async (ctx, { params }) =>
        await removeProject(
          ctx,
          parts,
          await getProject(ctx, params.id),
          'project',
          DEFAULT_DOMAIN,
        ),
    }),
  ]
}

/** The domain in which the new project will be; the parent's when only that is named. */
async function newProjectTarget(
  ctx: Ctx,
  wish: {
    readonly domain_id?: string | null
    readonly parent_id?: string | null
    readonly is_domain?: boolean
  },
): Promise<Target> {
  if (wish.is_domain === true) return {}
  const parent = wish.parent_id == null ? undefined : await findProject(ctx, wish.parent_id)
  return {
    'target.project.domain_id':
      parent === undefined ? (wish.domain_id ?? homeDomain(ctx)) : domainOf(parent),
  }
}

function tagFilterOf(query: URLSearchParams): TagFilter {
  const list = (name: string): string[] =>
    query
      .getAll(name)
      .flatMap((text) => text.split(','))
      .filter((tag) => tag !== '')
  return {
    tags: list('tags'),
    tagsAny: list('tags-any'),
    notTags: list('not-tags'),
    notTagsAny: list('not-tags-any'),
  }
}
