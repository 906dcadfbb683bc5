import { Type } from '../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded, type Target } from '../guarded.ts'
import { listBody, listQuery, passes } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { getDomain, getProject, projectsByIds } from '../projects/store.ts'
import { getRecord } from '../records/resource.ts'
import {
  findRecord,
  insertRecord,
  listRecords,
  removeRecord,
  saveRecord,
  type NewRecord,
  type StoredRecord,
} from '../records/store.ts'
import { Description, IdParams } from '../wire.ts'
import { Amount, isRegistered, registeredLimitRoutes, ResourceName } from './registered.ts'

const New = Type.Object(
  {
    service_id: Type.String({ maxLength: 255 }),
    region_id: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
    resource_name: ResourceName,
    resource_limit: Amount,
    description: Type.Optional(Description),
    project_id: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    domain_id: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  },
  { additionalProperties: false },
)
type Wish = Readonly<Record<string, unknown>> & {
  readonly project_id?: string
  readonly domain_id?: string
}

const what = { kind: 'limit', noun: 'limit' } as const
const taken = (): Error =>
  cloudError(
    'conflict',
    'Conflict occurred attempting to store limit - Duplicate entry for this project, service, region and resource.',
  )

const view = (req: Req, record: StoredRecord): Record<string, unknown> & { id: string } => ({
  ...record.body,
  id: record.id,
  links: { self: `${req.serviceUrl}/v3/limits/${record.id}` },
})

/** Whose limits they are, for the rules: the project with its domain, or the domain. One query for all. */
async function targetsOf(
  ctx: Ctx,
  records: readonly StoredRecord[],
): Promise<(record: StoredRecord) => Target> {
  const projects = new Map(
    (
      await projectsByIds(
        ctx,
        records.map((record) => record.owner),
      )
    ).map((project) => [project.id, project]),
  )
  return ({ owner }) => {
    const project = projects.get(owner)
    return project?.isDomain === true
      ? { 'target.limit.domain_id': owner }
      : { 'target.limit.project_id': owner, 'target.limit.project_domain_id': project?.domainId }
  }
}

/** /v3/limits: what single projects or domains may use, where it is not the registered default. */
export const limitRoutes: readonly Route[] = [
  ...registeredLimitRoutes,
  guarded({
    method: 'GET',
    path: '/v3/limits/model',
    policy: 'identity:get_limit_model',
    handle: async () =>
      await Promise.resolve({
        model: {
          name: 'flat',
          description:
            'Limit enforcement and validation does not take project hierarchy into consideration.',
        },
      }),
  }),
  guarded({
    method: 'POST',
    path: '/v3/limits',
    policy: 'identity:create_limits',
    status: 201,
    body: Type.Object(
      { limits: Type.Array(New, { minItems: 1, maxItems: 1000 }) },
      { additionalProperties: false },
    ),
    handle: async (ctx, req) => {
      const records = await inTx(ctx, async (tx) => {
        const made: NewRecord[] = []
        for (const wish of req.body.limits) made.push(await insert(tx, wish))
        return made
      })
      return listBody(
        req,
        'limits',
        records.map((record) => view(req, record)),
        records.length,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/limits',
    policy: 'identity:list_limits',
    handle: async (ctx, req) => {
      const { filters, limit } = listQuery(req.rawQuery, [
        'service_id',
        'region_id',
        'resource_name',
        'project_id',
        'domain_id',
      ])
      const records = (await listRecords(ctx, what.kind)).filter((record) =>
        filters.every((filter) => passes(filter, record.body[filter.column])),
      )
      const targetOf = await targetsOf(ctx, records)
      // everybody sees his own, who may see all sees all
      return listBody(
        req,
        'limits',
        records
          .filter((record) => can(ctx, 'identity:get_limit', targetOf(record)))
          .map((record) => view(req, record)),
        limit,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/limits/:id',
    policy: 'identity:get_limit',
    params: IdParams,
    target: async (ctx, { params }) => {
      const record = await findRecord(ctx, what.kind, params.id)
      return record === undefined ? {} : (await targetsOf(ctx, [record]))(record)
    },
    handle: async (ctx, req) => ({ limit: view(req, await getRecord(ctx, what, req.params.id)) }),
  }),
  guarded({
    method: 'PATCH',
    path: '/v3/limits/:id',
    policy: 'identity:update_limit',
    params: IdParams,
    body: Type.Object(
      {
        limit: Type.Object(
          { resource_limit: Type.Optional(Amount), description: Type.Optional(Description) },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
    handle: async (ctx, req) => {
      const before = await getRecord(ctx, what, req.params.id)
      const record = {
        ...before,
        uniqueKey: keyOf(before.body),
        body: { ...before.body, ...req.body.limit },
      }
      await saveRecord(ctx, what.kind, record, taken)
      return { limit: view(req, record) }
    },
  }),
  guarded({
    method: 'DELETE',
    path: '/v3/limits/:id',
    policy: 'identity:delete_limit',
    params: IdParams,
    handle: async (ctx, { params }) =>
      void (await removeRecord(ctx, what.kind, (await getRecord(ctx, what, params.id)).id)),
  }),
]

const keyOf = (body: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([
    body['project_id'],
    body['domain_id'],
    body['service_id'],
    body['region_id'],
    body['resource_name'],
  ])

async function insert(ctx: Ctx, wish: Wish): Promise<NewRecord> {
  if ((wish.project_id === undefined) === (wish.domain_id === undefined))
    throw cloudError('badRequest', 'A limit needs project_id or domain_id, and not both.')
  const body = { region_id: null, description: null, project_id: null, domain_id: null, ...wish }
  if (!(await isRegistered(ctx, body)))
    throw cloudError(
      'forbidden',
      'Unable to create a limit that has no corresponding registered limit.',
    )
  const owner =
    wish.project_id === undefined
      ? await getDomain(ctx, wish.domain_id ?? '')
      : await getProject(ctx, wish.project_id)
  const record = { id: newId(), owner: owner.id, uniqueKey: keyOf(body), body }
  await insertRecord(ctx, what.kind, record, taken)
  return record
}
