import { Type } from 'typebox'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Route } from '../../../kernel/http/route.ts'
import { newId } from '../new-id.ts'
import { insertDomain } from '../projects/changes.ts'
import { findDomain } from '../projects/store.ts'
import { recordRoutes, type RecordResource } from '../records/resource.ts'
import { listRecords, removeRecordsOf } from '../records/store.ts'
import { Description, IdText } from '../wire.ts'
import { protocolRoutes } from './protocols.ts'

const RemoteIds = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
  maxItems: 200,
  uniqueItems: true,
})
const idpAttributes = {
  description: Type.Optional(Description),
  enabled: Type.Optional(Type.Boolean()),
  remote_ids: Type.Optional(Type.Union([RemoteIds, Type.Null()])),
  authorization_ttl: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: 2_000_000_000 }), Type.Null()]),
  ),
}

const identityProviders: RecordResource = {
  kind: 'identity-provider',
  path: '/v3/OS-FEDERATION/identity_providers',
  member: 'identity_provider',
  collection: 'identity_providers',
  noun: 'identity_provider',
  nouns: 'identity_providers',
  filters: ['id'],
  flags: ['enabled'],
  putCreates: true,
  create: Type.Object({
    identity_provider: Type.Object(
      { domain_id: Type.Optional(Type.Union([IdText, Type.Null()])), ...idpAttributes },
      { additionalProperties: false },
    ),
  }),
  update: Type.Object({
    identity_provider: Type.Object(idpAttributes, { additionalProperties: false }),
  }),
  async prepare(ctx, wish, before, id) {
    const body: Record<string, unknown> = {
      description: null,
      enabled: false,
      authorization_ttl: null,
      remote_ids: [],
      domain_id: null,
      ...before?.body,
      ...wish,
    }
    const remoteIds = Array.isArray(body['remote_ids']) ? body['remote_ids'] : []
    for (const other of await listRecords(ctx, 'identity-provider')) {
      const shared =
        other.id === id
          ? undefined
          : remoteIds.find(
              (remote) =>
                Array.isArray(other.body['remote_ids']) &&
                other.body['remote_ids'].includes(remote),
            )
      if (shared !== undefined)
        throw cloudError('conflict', `Duplicate remote ID: ${String(shared)}.`)
    }
    if (before === undefined && body['domain_id'] === null) {
      // users of a provider without a domain get one of their own, as Keystone does it
      const domain = await insertDomain(ctx, {
        id: newId(),
        name: newId(),
        enabled: true,
        options: {},
        extra: {},
        tags: [],
        description: `Domain of the federated users of identity provider ${id}`,
      })
      body['domain_id'] = domain.id
    } else if (
      before === undefined &&
      (await findDomain(ctx, String(body['domain_id']))) === undefined
    ) {
      throw cloudError('notFound', `Could not find domain: ${String(body['domain_id'])}.`)
    }
    return { owner: '', body: { ...body, remote_ids: remoteIds } }
  },
  async beforeDelete(ctx, provider) {
    await inTx(ctx, async (tx) => await removeRecordsOf(tx, 'protocol', provider.id))
  },
  show: (_ctx, req, record) => ({
    links: {
      protocols: `${req.serviceUrl}/v3/OS-FEDERATION/identity_providers/${encodeURIComponent(record.id)}/protocols`,
    },
  }),
}

const Remote = Type.Object(
  {
    type: Type.String({ minLength: 1, maxLength: 255 }),
    any_one_of: Type.Optional(Type.Array(Type.Unknown())),
    not_any_of: Type.Optional(Type.Array(Type.Unknown())),
    whitelist: Type.Optional(Type.Array(Type.Unknown())),
    blacklist: Type.Optional(Type.Array(Type.Unknown())),
    regex: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
const Rules = Type.Array(
  Type.Object(
    {
      local: Type.Array(Type.Object({}), { maxItems: 100 }),
      remote: Type.Array(Remote, { minItems: 1, maxItems: 100 }),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: 200 },
)
const Mapping = Type.Object({
  mapping: Type.Object(
    { rules: Rules, schema_version: Type.Optional(Type.String({ maxLength: 16 })) },
    { additionalProperties: false },
  ),
})

const mappings: RecordResource = {
  kind: 'mapping',
  path: '/v3/OS-FEDERATION/mappings',
  member: 'mapping',
  collection: 'mappings',
  noun: 'mapping',
  nouns: 'mappings',
  filters: [],
  putCreates: true,
  create: Mapping,
  update: Mapping,
  prepare: async (_ctx, wish, before) =>
    await Promise.resolve({ owner: '', body: { schema_version: '1.0', ...before?.body, ...wish } }),
}

const Url = Type.String({ format: 'uri', maxLength: 256, pattern: '^https?://' })
const spAttributes = {
  description: Type.Optional(Description),
  enabled: Type.Optional(Type.Boolean()),
  relay_state_prefix: Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()])),
}

const serviceProviders: RecordResource = {
  kind: 'service-provider',
  path: '/v3/OS-FEDERATION/service_providers',
  member: 'service_provider',
  collection: 'service_providers',
  noun: 'service_provider',
  nouns: 'service_providers',
  filters: ['id'],
  flags: ['enabled'],
  putCreates: true,
  create: Type.Object({
    service_provider: Type.Object(
      { auth_url: Url, sp_url: Url, ...spAttributes },
      { additionalProperties: false },
    ),
  }),
  update: Type.Object({
    service_provider: Type.Object(
      { auth_url: Type.Optional(Url), sp_url: Type.Optional(Url), ...spAttributes },
      { additionalProperties: false },
    ),
  }),
  prepare: async (_ctx, wish, before) =>
    await Promise.resolve({
      owner: '',
      body: {
        description: null,
        enabled: false,
        relay_state_prefix: 'ss:mem:',
        ...before?.body,
        ...wish,
      },
    }),
}

/** OS-FEDERATION: what is known of other identity providers, and of clouds that trust this one. */
export const federationRoutes: readonly Route[] = [
  ...recordRoutes(identityProviders),
  ...protocolRoutes,
  ...recordRoutes(mappings),
  ...recordRoutes(serviceProviders),
]
