import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { notFound } from '../not-found.ts'
import { getRecord } from '../records/resource.ts'
import {
  findRecord,
  insertRecord,
  listRecords,
  putRecord,
  removeRecord,
  type StoredRecord,
} from '../records/store.ts'

const Provider = Type.Object({ idp_id: Type.String() })
const One = Type.Object({
  idp_id: Type.String(),
  id: Type.String({ minLength: 1, maxLength: 255 }),
})
const RemoteAttribute = Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()]))
const Create = Type.Object({
  protocol: Type.Object(
    { mapping_id: Type.String({ maxLength: 255 }), remote_id_attribute: RemoteAttribute },
    { additionalProperties: false },
  ),
})
const Update = Type.Object({
  protocol: Type.Object(
    {
      mapping_id: Type.Optional(Type.String({ maxLength: 255 })),
      remote_id_attribute: RemoteAttribute,
    },
    { additionalProperties: false },
  ),
})
const PATH = '/v3/OS-FEDERATION/identity_providers/:idp_id/protocols'

/** A protocol is named within its provider: both make the key of its record. */
const keyOf = (params: { readonly idp_id: string; readonly id: string }): string =>
  `${params.idp_id}/${params.id}`

/** By which protocols a provider's users come, and how what it says of them is read. */
export const protocolRoutes: readonly Route[] = [
  guarded({
    method: 'PUT',
    path: `${PATH}/:id`,
    policy: 'identity:create_protocol',
    params: One,
    body: Create,
    status: 201,
    handle: async (ctx, req) => {
      await provider(ctx, req.params.idp_id)
      await checkMapping(ctx, req.body.protocol.mapping_id)
      const record = {
        id: keyOf(req.params),
        owner: req.params.idp_id,
        body: { remote_id_attribute: null, ...req.body.protocol },
      }
      await insertRecord(ctx, 'protocol', record, () =>
        cloudError(
          'conflict',
          `Conflict occurred attempting to store federation_protocol - Duplicate entry: ${req.params.id}.`,
        ),
      )
      return { protocol: view(req, record) }
    },
  }),
  guarded({
    method: 'GET',
    path: PATH,
    policy: 'identity:list_protocols',
    params: Provider,
    handle: async (ctx, req) => {
      await provider(ctx, req.params.idp_id)
      return listBody(
        req,
        'protocols',
        (await listRecords(ctx, 'protocol', req.params.idp_id)).map((record) => view(req, record)),
        10_000,
      )
    },
  }),
  guarded({
    method: 'GET',
    path: `${PATH}/:id`,
    policy: 'identity:get_protocol',
    params: One,
    handle: async (ctx, req) => ({ protocol: view(req, await protocol(ctx, req.params)) }),
  }),
  guarded({
    method: 'PATCH',
    path: `${PATH}/:id`,
    policy: 'identity:update_protocol',
    params: One,
    body: Update,
    handle: async (ctx, req) => {
      const before = await protocol(ctx, req.params)
      if (req.body.protocol.mapping_id !== undefined)
        await checkMapping(ctx, req.body.protocol.mapping_id)
      const record = { ...before, body: { ...before.body, ...req.body.protocol } }
      await putRecord(ctx, 'protocol', record)
      return { protocol: view(req, record) }
    },
  }),
  guarded({
    method: 'DELETE',
    path: `${PATH}/:id`,
    policy: 'identity:delete_protocol',
    params: One,
    handle: async (ctx, { params }) =>
      void (await removeRecord(ctx, 'protocol', (await protocol(ctx, params)).id)),
  }),
]

async function provider(ctx: Ctx, id: string): Promise<StoredRecord> {
  return await getRecord(ctx, { kind: 'identity-provider', noun: 'identity_provider' }, id)
}

async function protocol(
  ctx: Ctx,
  params: { readonly idp_id: string; readonly id: string },
): Promise<StoredRecord> {
  const record = await findRecord(ctx, 'protocol', keyOf(params))
  if (record === undefined) throw notFound('federated protocol', params.id)
  return record
}

async function checkMapping(ctx: Ctx, id: string): Promise<void> {
  if ((await findRecord(ctx, 'mapping', id)) === undefined)
    throw cloudError('badRequest', `Invalid mapping id: ${id}.`)
}

function view(req: Req, record: StoredRecord): Record<string, unknown> & { id: string } {
  const id = record.id.slice(record.owner.length + 1)
  const idp = `${req.serviceUrl}/v3/OS-FEDERATION/identity_providers/${encodeURIComponent(record.owner)}`
  return {
    ...record.body,
    id,
    links: { self: `${idp}/protocols/${encodeURIComponent(id)}`, identity_provider: idp },
  }
}
