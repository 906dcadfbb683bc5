import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Route } from '../../../kernel/http/route.ts'
import { endpoints } from '../catalog/resources.ts'
import { guarded } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { notFound } from '../not-found.ts'
import { getRecord, viewOf, type Body } from '../records/resource.ts'
import {
  findRecord,
  listRecords,
  putRecord,
  removeRecord,
  type StoredRecord,
} from '../records/store.ts'
import type { Rule } from './rules.ts'

const Params = Type.Object({
  id: Type.String(),
  endpoint_id: Type.Optional(Type.String()),
  service_id: Type.Optional(Type.String()),
  region_id: Type.Optional(Type.String()),
})
interface Place {
  readonly id: string
  readonly endpoint_id?: string
  readonly service_id?: string
  readonly region_id?: string
}

const BASE = '/v3/policies/:id/OS-ENDPOINT-POLICY'
const places = [
  { path: `${BASE}/endpoints/:endpoint_id`, what: 'endpoint' },
  { path: `${BASE}/services/:service_id`, what: 'service' },
  { path: `${BASE}/services/:service_id/regions/:region_id`, what: 'region_and_service' },
] as const

/** What a policy holds for: one record per endpoint, service, or service in a region. */
const keyOf = ({ endpoint_id, service_id, region_id }: Place): string =>
  [endpoint_id, service_id, region_id].map((part) => encodeURIComponent(part ?? '')).join('|')
const policyOf = async (ctx: Ctx, id: string): Promise<StoredRecord> =>
  await getRecord(ctx, { kind: 'policy', noun: 'policy' }, id)

async function checkPlace(ctx: Ctx, place: Place): Promise<void> {
  await policyOf(ctx, place.id)
  if (place.endpoint_id !== undefined)
    await getRecord(ctx, { kind: 'endpoint', noun: 'endpoint' }, place.endpoint_id)
  if (place.service_id !== undefined)
    await getRecord(ctx, { kind: 'service', noun: 'service' }, place.service_id)
  if (place.region_id !== undefined)
    await getRecord(ctx, { kind: 'region', noun: 'region' }, place.region_id)
}

async function mustFind(ctx: Ctx, place: Place): Promise<StoredRecord> {
  await checkPlace(ctx, place)
  const found = await findRecord(ctx, 'policy-association', keyOf(place))
  if (found === undefined || found.owner !== place.id)
    throw notFound('policy association', place.id)
  return found
}

/** OS-ENDPOINT-POLICY: which policy document is for which endpoints. */
export const policyAssociationRoutes: readonly Route[] = [
  ...places.flatMap(({ path, what }) => {
    const rule = (verb: 'create' | 'check' | 'delete'): Rule =>
      `identity:${verb}_policy_association_for_${what}`
    return [
      guarded({
        method: 'PUT',
        path,
        policy: rule('create'),
        params: Params,
        handle: async (ctx, { params }) => {
          await checkPlace(ctx, params)
          const { id: policyId, ...place } = params
          await putRecord(ctx, 'policy-association', {
            id: keyOf(params),
            owner: policyId,
            body: place,
          })
        },
      }),
      guarded({
        method: 'GET',
        path,
        policy: rule('check'),
        params: Params,
        status: 204,
        handle: async (ctx, { params }) => void (await mustFind(ctx, params)),
      }),
      guarded({
        method: 'DELETE',
        path,
        policy: rule('delete'),
        params: Params,
        handle: async (ctx, { params }) =>
          void (await removeRecord(ctx, 'policy-association', (await mustFind(ctx, params)).id)),
      }),
    ]
  }),
  guarded({
    method: 'GET',
    path: `${BASE}/endpoints`,
    policy: 'identity:list_endpoints_for_policy',
    params: Type.Object({ id: Type.String() }),
    handle: async (ctx, req) => {
      const policy = await policyOf(ctx, req.params.id)
      const all = await listRecords(ctx, 'endpoint')
      const found: StoredRecord[] = []
      for (const endpoint of all)
        if ((await policyFor(ctx, endpoint))?.id === policy.id) found.push(endpoint)
      return listBody(
        req,
        'endpoints',
        found.map((endpoint) => viewOf(ctx, req, endpoints, endpoint)),
        10_000,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: '/v3/endpoints/:id/OS-ENDPOINT-POLICY/policy',
    policy: 'identity:get_policy_for_endpoint',
    params: Type.Object({ id: Type.String() }),
    handle: async (ctx, req) => {
      const policy = await policyFor(
        ctx,
        await getRecord(ctx, { kind: 'endpoint', noun: 'endpoint' }, req.params.id),
      )
      if (policy === undefined) throw notFound('policy association for endpoint', req.params.id)
      return {
        policy: {
          ...policy.body,
          id: policy.id,
          links: { self: `${req.serviceUrl}/v3/policies/${policy.id}` },
        },
      }
    },
  }),
]

/** The nearest association counts: the endpoint's own, its service in its region or one above, its service. */
async function policyFor(ctx: Ctx, endpoint: StoredRecord): Promise<StoredRecord | undefined> {
  const associations = await listRecords(ctx, 'policy-association')
  const service = endpoint.body['service_id']
  const at = (match: (body: Body) => boolean): string | undefined =>
    associations.find((one) => match(one.body))?.owner
  const found =
    at((body) => body['endpoint_id'] === endpoint.id) ??
    (await inRegions(ctx, endpoint, (region) =>
      at((body) => body['service_id'] === service && body['region_id'] === region),
    )) ??
    at((body) => body['service_id'] === service && body['region_id'] === undefined)
  return found === undefined ? undefined : await findRecord(ctx, 'policy', found)
}

async function inRegions(
  ctx: Ctx,
  endpoint: StoredRecord,
  find: (region: string) => string | undefined,
): Promise<string | undefined> {
  let region = endpoint.body['region_id']
  while (typeof region === 'string') {
    const found = find(region)
    if (found !== undefined) return found
    region = (await findRecord(ctx, 'region', region))?.body['parent_region_id']
  }
  return undefined
}
