import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, type Route } from '../../../kernel/http/route.ts'
import { guarded } from '../guarded.ts'
import { newId } from '../new-id.ts'
import { recordRoutes, viewOf, type Body, type RecordResource } from '../records/resource.ts'
import {
  findRecord,
  insertRecord,
  listRecords,
  removeRecord,
  removeRecordsOf,
  type StoredRecord,
} from '../records/store.ts'
import { Description, LongId, openBody } from '../wire.ts'
import { BASE_URL, unknownUrlKeys } from './build.ts'

const RegionId = Type.Union([Type.String({ maxLength: 255 }), Type.Null()])
const Flag = Type.Optional(Type.Boolean())
const Interface = Type.Union([
  Type.Literal('admin'),
  Type.Literal('internal'),
  Type.Literal('public'),
])
const Url = Type.String({ minLength: 1, maxLength: 2048, pattern: '^\\S+$' })

const regionAttributes = {
  description: Type.Optional(Description),
  parent_region_id: Type.Optional(RegionId),
}

const regions: RecordResource = {
  kind: 'region',
  path: '/v3/regions',
  member: 'region',
  collection: 'regions',
  noun: 'region',
  nouns: 'regions',
  filters: ['parent_region_id'],
  create: openBody('region', { id: Type.Optional(LongId), ...regionAttributes }),
  update: openBody('region', regionAttributes),
  async prepare(ctx, wish, before, id) {
    const { id: wished, ...rest } = wish
    const chosen = before === undefined && typeof wished === 'string' ? wished : id
    const body = {
      description: '',
      parent_region_id: null,
      ...before?.body,
      ...rest,
      ...(rest['description'] === null ? { description: '' } : {}),
    }
    await checkParent(ctx, chosen, body['parent_region_id'] ?? null)
    return { id: chosen, owner: '', body }
  },
  async beforeDelete(ctx, region) {
    const used = (await listRecords(ctx, 'endpoint')).some(
      (endpoint) => endpoint.body['region_id'] === region.id,
    )
    if (used)
      throw cloudError(
        'forbidden',
        `Unable to delete region ${region.id} because it or its child regions have associated endpoints.`,
      )
    for (const child of await listRecords(ctx, 'region')) {
      if (child.body['parent_region_id'] !== region.id) continue
      await this.beforeDelete?.(ctx, child)
      await removeRecord(ctx, 'region', child.id)
    }
  },
}

/** Parents must be there, and no region may be above itself. */
async function checkParent(ctx: Ctx, id: string, parent: unknown): Promise<void> {
  const seen = new Set([id])
  let at = parent
  while (typeof at === 'string') {
    if (seen.has(at))
      throw cloudError(
        'badRequest',
        `Region ${id} cannot be below ${String(parent)}: the regions would go in a circle.`,
      )
    seen.add(at)
    const above = await findRecord(ctx, 'region', at)
    if (above === undefined) throw cloudError('notFound', `Could not find region: ${at}.`)
    at = above.body['parent_region_id'] ?? null
  }
}

const serviceAttributes = {
  enabled: Flag,
  name: Type.Optional(Type.String({ maxLength: 255 })),
  description: Type.Optional(Description),
}

const services: RecordResource = {
  kind: 'service',
  path: '/v3/services',
  member: 'service',
  collection: 'services',
  noun: 'service',
  nouns: 'services',
  filters: ['type', 'name'],
  create: openBody('service', {
    type: Type.String({ minLength: 1, maxLength: 255 }),
    ...serviceAttributes,
  }),
  update: openBody(
    'service',
    { type: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })), ...serviceAttributes },
    { minProperties: 1 },
  ),
  async prepare(_ctx, wish, before) {
    const { id: _id, ...rest } = wish
    return await Promise.resolve({
      owner: '',
      body: { enabled: true, name: '', ...before?.body, ...rest },
    })
  },
  async beforeDelete(ctx, service) {
    for (const endpoint of await listRecords(ctx, 'endpoint', service.id))
      await removeRecord(ctx, 'endpoint', endpoint.id)
    await removeRecordsOf(ctx, 'registered-limit', service.id)
    for (const limit of await listRecords(ctx, 'limit'))
      if (limit.body['service_id'] === service.id) await removeRecord(ctx, 'limit', limit.id)
  },
}

const endpointAttributes = {
  enabled: Flag,
  name: Type.Optional(Type.String({ maxLength: 255 })),
  region_id: Type.Optional(RegionId),
  region: Type.Optional(RegionId),
}

export const endpoints: RecordResource = {
  kind: 'endpoint',
  path: '/v3/endpoints',
  member: 'endpoint',
  collection: 'endpoints',
  noun: 'endpoint',
  nouns: 'endpoints',
  filters: ['interface', 'service_id', 'region_id', 'region'],
  missingFirst: true,
  create: openBody('endpoint', {
    service_id: Type.String({ minLength: 1, maxLength: 255 }),
    interface: Interface,
    url: Url,
    ...endpointAttributes,
  }),
  update: openBody(
    'endpoint',
    {
      service_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
      interface: Type.Optional(Interface),
      url: Type.Optional(Url),
      ...endpointAttributes,
    },
    { minProperties: 1 },
  ),
  async prepare(ctx, wish, before) {
    const { id: _id, region, ...rest } = wish
    const body: Body = {
      enabled: true,
      region_id: null,
      ...before?.body,
      ...rest,
      ...(region === undefined ? {} : { region_id: region }),
    }
    await checkEndpoint(ctx, body, rest['region_id'] === undefined ? region : undefined)
    return { owner: String(body['service_id']), body }
  },
  // region is the older name of region_id; URLs of our own services stand for the address that the client used
  show: (ctx, _req, { body }) => ({
    region: body['region_id'] ?? null,
    url: String(body['url']).replace(BASE_URL, ctx.baseUrl),
  }),
}

/** `legacyRegion`: with the older key a region that is not there yet is made. */
async function checkEndpoint(ctx: Ctx, body: Body, legacyRegion: unknown): Promise<void> {
  const serviceId = String(body['service_id'])
  if ((await findRecord(ctx, 'service', serviceId)) === undefined)
    throw cloudError(
      'badRequest',
      `Expecting to find valid service_id in endpoint: there is no service ${serviceId.slice(0, 64)}.`,
    )
  const unknown = unknownUrlKeys(String(body['url']))
  if (unknown.length > 0)
    throw cloudError(
      'badRequest',
      `Malformed endpoint URL ${String(body['url']).slice(0, 200)}: nothing can be put in for ${unknown.join(', ').slice(0, 200)}.`,
    )
  const regionId = body['region_id']
  if (typeof regionId !== 'string' || (await findRecord(ctx, 'region', regionId)) !== undefined)
    return
  if (legacyRegion === undefined)
    throw cloudError(
      'badRequest',
      `Expecting to find valid region_id in endpoint: there is no region ${regionId.slice(0, 64)}.`,
    )
  await insertRecord(
    ctx,
    'region',
    { id: regionId, owner: '', body: { description: '', parent_region_id: null } },
    () => cloudError('conflict', 'The region was just made by another request: try again.'),
  )
}

/** Regions can be made under a name of the client's choice. */
const regionPut = guarded({
  method: 'PUT',
  path: '/v3/regions/:id',
  policy: 'identity:create_region',
  params: Type.Object({ id: LongId }),
  body: regions.create,
  handle: async (ctx, req) => {
    const wish = req.body as { readonly region: Body } // the same schema as for POST
    if (wish.region['id'] !== undefined && wish.region['id'] !== req.params.id)
      throw cloudError(
        'badRequest',
        'Conflicting region IDs specified: the one in the path and the one in the body differ.',
      )
    const record: StoredRecord = {
      ...(await regions.prepare(
        ctx,
        { ...wish.region, id: req.params.id },
        undefined,
        req.params.id,
      )),
      id: req.params.id,
    }
    await inTx(
      ctx,
      async (tx) =>
        await insertRecord(tx, 'region', record, () =>
          cloudError(
            'conflict',
            `Conflict occurred attempting to store region - Duplicate ID, ${record.id}.`,
          ),
        ),
    )
    return reply(201, { region: viewOf(ctx, req, regions, record) })
  },
})

/** What the catalog is made of: /v3/regions, /v3/services, /v3/endpoints. */
export const catalogRoutes: readonly Route[] = [
  ...recordRoutes(regions),
  regionPut,
  ...recordRoutes(services),
  ...recordRoutes(endpoints),
]

/** For bootstrap: an entry of the catalog with its three endpoints, unless a service of that type and name is there. */
export async function ensureCatalogEntry(
  ctx: Ctx,
  region: string,
  entry: { readonly type: string; readonly name: string; readonly path: string },
): Promise<void> {
  const known = (await listRecords(ctx, 'service')).find(
    (service) => service.body['type'] === entry.type && service.body['name'] === entry.name,
  )
  const id = known?.id ?? newId()
  const clash = (): Error =>
    cloudError('conflict', `The service ${entry.name} is being registered by another process.`)
  if (known === undefined)
    await insertRecord(
      ctx,
      'service',
      { id, owner: '', body: { enabled: true, name: entry.name, type: entry.type } },
      clash,
    )
  const existing = await listRecords(ctx, 'endpoint', id)
  if (existing.length > 0) return // an operator may have changed them
  for (const name of ['public', 'internal', 'admin']) {
    await insertRecord(
      ctx,
      'endpoint',
      {
        id: newId(),
        owner: id,
        body: {
          enabled: true,
          region_id: region,
          service_id: id,
          interface: name,
          url: BASE_URL + entry.path,
        },
      },
      clash,
    )
  }
}

export async function ensureRegion(ctx: Ctx, id: string): Promise<void> {
  if ((await findRecord(ctx, 'region', id)) !== undefined) return
  await insertRecord(
    ctx,
    'region',
    { id, owner: '', body: { description: '', parent_region_id: null } },
    () => cloudError('conflict', `The region ${id} is being made by another process.`),
  )
}
