import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded } from '../guarded.ts'
import { listBody, listQuery, passes } from '../list-query.ts'
import { newId } from '../new-id.ts'
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

/** What PostgreSQL and every client can hold; -1 is "no limit". */
export const Amount = Type.Integer({ minimum: -1, maximum: 0x7fff_ffff })
export const ResourceName = Type.String({ minLength: 1, maxLength: 255 })
const RegionId = Type.Union([Type.String({ maxLength: 255 }), Type.Null()])

const New = Type.Object(
  {
    service_id: Type.String({ maxLength: 255 }),
    region_id: Type.Optional(RegionId),
    resource_name: ResourceName,
    default_limit: Amount,
    description: Type.Optional(Description),
  },
  { additionalProperties: false },
)
const Change = Type.Object(
  {
    service_id: Type.Optional(Type.String({ maxLength: 255 })),
    region_id: Type.Optional(RegionId),
    resource_name: Type.Optional(ResourceName),
    default_limit: Type.Optional(Amount),
    description: Type.Optional(Description),
  },
  { additionalProperties: false },
)

const what = { kind: 'registered-limit', noun: 'registered_limit' } as const
const keyOf = (body: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([body['service_id'], body['region_id'], body['resource_name']])
const taken = (): Error =>
  cloudError(
    'conflict',
    'Conflict occurred attempting to store registered_limit - Duplicate entry for this service, region and resource.',
  )

export const registeredView = (
  req: Req,
  record: StoredRecord,
): Record<string, unknown> & { id: string } => ({
  ...record.body,
  id: record.id,
  links: { self: `${req.serviceUrl}/v3/registered_limits/${record.id}` },
})

/** /v3/registered_limits: how much of a resource a project may use unless it has a limit of its own. */
export const registeredLimitRoutes: readonly Route[] = [
  guarded({
    method: 'POST',
    path: '/v3/registered_limits',
    policy: 'identity:create_registered_limits',
    status: 201,
    body: Type.Object(
      { registered_limits: Type.Array(New, { minItems: 1, maxItems: 1000 }) },
      { additionalProperties: false },
    ),
    handle: async (ctx, req) => {
      const records = await inTx(ctx, async (tx) => {
        const made: NewRecord[] = []
        for (const wish of req.body.registered_limits) {
          const body = { region_id: null, description: null, ...wish }
          await checkPlace(tx, body)
          const record = { id: newId(), owner: wish.service_id, uniqueKey: keyOf(body), body }
          await insertRecord(tx, what.kind, record, taken)
          made.push(record)
        }
        return made
      })
      return listBody(
        req,
        'registered_limits',
        records.map((record) => registeredView(req, record)),
        records.length,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/registered_limits',
    policy: 'identity:list_registered_limits',
    handle: async (ctx, req) => {
      const { filters, limit } = listQuery(req.rawQuery, [
        'service_id',
        'region_id',
        'resource_name',
      ])
      const records = (await listRecords(ctx, what.kind)).filter((record) =>
        filters.every((filter) => passes(filter, record.body[filter.column])),
      )
      return listBody(
        req,
        'registered_limits',
        records.map((record) => registeredView(req, record)),
        limit,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/registered_limits/:id',
    policy: 'identity:get_registered_limit',
    params: IdParams,
    handle: async (ctx, req) => ({
      registered_limit: registeredView(req, await getRecord(ctx, what, req.params.id)),
    }),
  }),
  guarded({
    method: 'PATCH',
    path: '/v3/registered_limits/:id',
    policy: 'identity:update_registered_limit',
    params: IdParams,
    body: Type.Object({ registered_limit: Change }, { additionalProperties: false }),
    handle: async (ctx, req) => {
      const before = await getRecord(ctx, what, req.params.id)
      const body: Readonly<Record<string, unknown>> = {
        ...before.body,
        ...req.body.registered_limit,
      }
      if (keyOf(body) !== keyOf(before.body)) await refuseUsed(ctx, before)
      await checkPlace(ctx, body)
      const record = {
        id: before.id,
        owner: String(body['service_id']),
        uniqueKey: keyOf(body),
        body,
      }
      await saveRecord(ctx, what.kind, record, taken)
      return { registered_limit: registeredView(req, record) }
    },
  }),
  guarded({
    method: 'DELETE',
    path: '/v3/registered_limits/:id',
    policy: 'identity:delete_registered_limit',
    params: IdParams,
    handle: async (ctx, { params }) => {
      const record = await getRecord(ctx, what, params.id)
      await refuseUsed(ctx, record)
      await removeRecord(ctx, what.kind, record.id)
    },
  }),
]

async function checkPlace(ctx: Ctx, body: Readonly<Record<string, unknown>>): Promise<void> {
  const [service, region] = [String(body['service_id']), body['region_id']]
  if ((await findRecord(ctx, 'service', service)) === undefined)
    throw cloudError('badRequest', `There is no service ${service.slice(0, 64)}.`)
  if (typeof region === 'string' && (await findRecord(ctx, 'region', region)) === undefined)
    throw cloudError('badRequest', `There is no region ${region.slice(0, 255)}.`)
}

/** Limits of projects refer to it by service, region and resource. */
async function refuseUsed(ctx: Ctx, record: StoredRecord): Promise<void> {
  const used = (await listRecords(ctx, 'limit')).some(
    (limit) => keyOf(limit.body) === keyOf(record.body),
  )
  if (used)
    throw cloudError(
      'forbidden',
      `Unable to update or delete registered limit ${record.id} because there are project limits associated with it.`,
    )
}

export async function isRegistered(
  ctx: Ctx,
  body: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  return (await listRecords(ctx, what.kind)).some((record) => keyOf(record.body) === keyOf(body))
}
