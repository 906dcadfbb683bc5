import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { inEndpointGroup } from '../catalog/build.ts'
import { endpoints } from '../catalog/resources.ts'
import { guarded, type Target } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { notFound } from '../not-found.ts'
import { getProject, projectsByIds, type ProjectRecord } from '../projects/store.ts'
import { projectViews } from '../projects/view.ts'
import { getRecord, recordRoutes, viewOf, type RecordResource } from '../records/resource.ts'
import {
  findRecord,
  listRecords,
  putRecord,
  removeRecord,
  type RecordKind,
  type StoredRecord,
} from '../records/store.ts'
import { IdParams, openBody } from '../wire.ts'

const Filters = Type.Object(
  {
    service_id: Type.Optional(Type.String()),
    region_id: Type.Optional(Type.String()),
    interface: Type.Optional(
      Type.Union([Type.Literal('admin'), Type.Literal('internal'), Type.Literal('public')]),
    ),
    enabled: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
const Text = Type.Optional(Type.Union([Type.String({ maxLength: 65_535 }), Type.Null()]))

const groups: RecordResource = {
  kind: 'endpoint-group',
  path: '/v3/OS-EP-FILTER/endpoint_groups',
  member: 'endpoint_group',
  collection: 'endpoint_groups',
  noun: 'endpoint_group',
  nouns: 'endpoint_groups',
  filters: ['name'],
  create: openBody('endpoint_group', {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    description: Text,
    filters: Filters,
  }),
  update: openBody(
    'endpoint_group',
    {
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
      description: Text,
      filters: Type.Optional(Filters),
    },
    { minProperties: 1 },
  ),
  prepare: async (_ctx, wish, before) =>
    await Promise.resolve({ owner: '', body: { description: null, ...before?.body, ...wish } }),
  async beforeDelete(ctx, group) {
    for (const one of await listRecords(ctx, 'project-endpoint-group'))
      if (one.body['endpoint_group_id'] === group.id)
        await removeRecord(ctx, 'project-endpoint-group', one.id)
  },
}

const endpoint = async (ctx: Ctx, id: string): Promise<StoredRecord> =>
  await getRecord(ctx, { kind: 'endpoint', noun: 'endpoint' }, id)
const group = async (ctx: Ctx, id: string): Promise<StoredRecord> =>
  await getRecord(ctx, groups, id)
const endpointView = (ctx: Ctx, req: Req, record: StoredRecord): { readonly id: string } =>
  viewOf(ctx, req, endpoints, record)

/** A link of a project to an endpoint or to a group of them. */
async function mustBeLinked(
  ctx: Ctx,
  kind: RecordKind,
  projectId: string,
  id: string,
): Promise<StoredRecord> {
  await getProject(ctx, projectId)
  const link = await findRecord(ctx, kind, `${projectId}/${id}`)
  if (link === undefined) throw notFound(kind.replaceAll('-', ' '), id)
  return link
}

async function projectsLinked(
  ctx: Ctx,
  kind: RecordKind,
  key: string,
  id: string,
): Promise<ProjectRecord[]> {
  return await projectsByIds(
    ctx,
    (await listRecords(ctx, kind))
      .filter((link) => link.body[key] === id)
      .map((link) => link.owner),
  )
}

const InProject = Type.Object({ project_id: Type.String(), endpoint_id: Type.String() })
const ONE = '/v3/OS-EP-FILTER/projects/:project_id/endpoints/:endpoint_id'
/** The project in the path is not whose the link is: the rule asks for nothing but the token. */
const nobodys = async (): Promise<Target> => await Promise.resolve({})

/** Endpoints of a project: with any, its catalog shows only those. */
const projectEndpointRoutes: readonly Route[] = [
  guarded({
    method: 'PUT',
    path: ONE,
    policy: 'identity:add_endpoint_to_project',
    params: InProject,
    target: nobodys,
    handle: async (ctx, { params }) => {
      const [{ id: endpointId }, project] = [
        await endpoint(ctx, params.endpoint_id),
        await getProject(ctx, params.project_id),
      ]
      await putRecord(ctx, 'project-endpoint', {
        id: `${project.id}/${endpointId}`,
        owner: project.id,
        body: { endpoint_id: endpointId },
      })
    },
  }),
  guarded({
    method: 'GET',
    path: ONE,
    policy: 'identity:check_endpoint_in_project',
    params: InProject,
    target: nobodys,
    status: 204,
    handle: async (ctx, { params }) =>
      void (await mustBeLinked(
        ctx,
        'project-endpoint',
        params.project_id,
        (await endpoint(ctx, params.endpoint_id)).id,
      )),
  }),
  guarded({
    method: 'DELETE',
    path: ONE,
    policy: 'identity:remove_endpoint_from_project',
    params: InProject,
    target: nobodys,
    handle: async (ctx, { params }) =>
      void (await removeRecord(
        ctx,
        'project-endpoint',
        (await mustBeLinked(ctx, 'project-endpoint', params.project_id, params.endpoint_id)).id,
      )),
  }),
  guarded({
    method: 'GET',
    path: '/v3/OS-EP-FILTER/projects/:id/endpoints',
    policy: 'identity:list_endpoints_for_project',
    params: IdParams,
    handle: async (ctx, req) => {
      const project = await getProject(ctx, req.params.id)
      const direct = (await listRecords(ctx, 'project-endpoint', project.id)).map(
        (link) => link.body['endpoint_id'],
      )
      const linked = (await listRecords(ctx, 'project-endpoint-group', project.id)).map(
        (link) => link.body['endpoint_group_id'],
      )
      const chosen = (await listRecords(ctx, 'endpoint-group')).filter((one) =>
        linked.includes(one.id),
      )
      const all = await listRecords(ctx, 'endpoint')
      return listBody(
        req,
        'endpoints',
        all
          .filter(
            (one) =>
              direct.includes(one.id) || chosen.some((filter) => inEndpointGroup(one, filter)),
          )
          .map((one) => endpointView(ctx, req, one)),
        10_000,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/OS-EP-FILTER/endpoints/:id/projects',
    policy: 'identity:list_projects_for_endpoint',
    params: IdParams,
    handle: async (ctx, req) => {
      const { id } = await endpoint(ctx, req.params.id)
      return listBody(
        req,
        'projects',
        await projectViews(
          ctx,
          req,
          await projectsLinked(ctx, 'project-endpoint', 'endpoint_id', id),
        ),
        10_000,
      )
    },
  }),
]

const GroupInProject = Type.Object({ id: Type.String(), project_id: Type.String() })
const GROUP_ONE = '/v3/OS-EP-FILTER/endpoint_groups/:id/projects/:project_id'

const projectGroupRoutes: readonly Route[] = [
  guarded({
    method: 'PUT',
    path: GROUP_ONE,
    policy: 'identity:add_endpoint_group_to_project',
    params: GroupInProject,
    target: nobodys,
    handle: async (ctx, { params }) => {
      const [{ id: groupId }, project] = [
        await group(ctx, params.id),
        await getProject(ctx, params.project_id),
      ]
      await putRecord(ctx, 'project-endpoint-group', {
        id: `${project.id}/${groupId}`,
        owner: project.id,
        body: { endpoint_group_id: groupId },
      })
    },
  }),
  guarded({
    method: 'GET',
    path: GROUP_ONE,
    policy: 'identity:get_endpoint_group_in_project',
    params: GroupInProject,
    target: nobodys,
    handle: async (ctx, req) => {
      const link = await mustBeLinked(
        ctx,
        'project-endpoint-group',
        req.params.project_id,
        (await group(ctx, req.params.id)).id,
      )
      const self = `${req.serviceUrl}/v3/OS-EP-FILTER/endpoint_groups/${req.params.id}/projects/${req.params.project_id}`
      return {
        project_endpoint_group: {
          endpoint_group_id: link.body['endpoint_group_id'],
          project_id: link.owner,
          links: { self },
        },
      }
    },
  }),
  guarded({
    method: 'DELETE',
    path: GROUP_ONE,
    policy: 'identity:remove_endpoint_group_from_project',
    params: GroupInProject,
    target: nobodys,
    handle: async (ctx, { params }) =>
      void (await removeRecord(
        ctx,
        'project-endpoint-group',
        (await mustBeLinked(ctx, 'project-endpoint-group', params.project_id, params.id)).id,
      )),
  }),
  guarded({
    method: 'GET',
    path: '/v3/OS-EP-FILTER/endpoint_groups/:id/projects',
    policy: 'identity:list_projects_associated_with_endpoint_group',
    params: IdParams,
    handle: async (ctx, req) => {
      const { id } = await group(ctx, req.params.id)
      return listBody(
        req,
        'projects',
        await projectViews(
          ctx,
          req,
          await projectsLinked(ctx, 'project-endpoint-group', 'endpoint_group_id', id),
        ),
        10_000,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/OS-EP-FILTER/endpoint_groups/:id/endpoints',
    policy: 'identity:list_endpoints_associated_with_endpoint_group',
    params: IdParams,
    handle: async (ctx, req) => {
      const filter = await group(ctx, req.params.id)
      return listBody(
        req,
        'endpoints',
        (await listRecords(ctx, 'endpoint'))
          .filter((one) => inEndpointGroup(one, filter))
          .map((one) => endpointView(ctx, req, one)),
        10_000,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/OS-EP-FILTER/projects/:id/endpoint_groups',
    policy: 'identity:list_endpoint_groups_for_project',
    params: IdParams,
    handle: async (ctx, req) => {
      const linked = (
        await listRecords(ctx, 'project-endpoint-group', (await getProject(ctx, req.params.id)).id)
      ).map((link) => link.body['endpoint_group_id'])
      return listBody(
        req,
        'endpoint_groups',
        (await listRecords(ctx, 'endpoint-group'))
          .filter((one) => linked.includes(one.id))
          .map((one) => viewOf(ctx, req, groups, one)),
        10_000,
      )
    },
  }),
]

/** OS-EP-FILTER: which endpoints the catalogs of which projects show. */
export const endpointFilterRoutes: readonly Route[] = [
  ...recordRoutes(groups),
  ...projectEndpointRoutes,
  ...projectGroupRoutes,
]
