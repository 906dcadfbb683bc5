import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
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

/** A login's remote id must say which provider it comes from. */
async function refuseShared(ctx: Ctx, id: string, remoteIds: readonly string[]): Promise<void> {
  for (const other of await listRecords(ctx, 'identity-provider')) {
    const taken = other.id === id ? undefined : other.body['remote_ids']
    const shared = Array.isArray(taken) ? remoteIds.find((one) => taken.includes(one)) : undefined
    if (shared !== undefined) throw cloudError('conflict', `Duplicate remote ID: ${shared}.`)
  }
}

/** Users of a provider without a domain get one of their own, as Keystone does it. */
async function ownDomain(ctx: Ctx, providerId: string): Promise<string> {
  const domain = await insertDomain(ctx, {
    id: newId(),
    name: newId(),
    enabled: true,
    options: {},
    extra: {},
    tags: [],
    description: `Domain of the federated users of identity provider ${providerId}`,
  })
  return domain.id
}

async function mustBeDomain(ctx: Ctx, id: string): Promise<void> {
  if ((await findDomain(ctx, id)) === undefined)
    throw cloudError('notFound', `Could not find domain: ${id}.`)
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
    await refuseShared(ctx, id, remoteIds)
    if (before === undefined) {
      const domainId = body['domain_id']
      if (typeof domainId === 'string') await mustBeDomain(ctx, domainId)
      else body['domain_id'] = await ownDomain(ctx, id)
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
    {
      rules: Rules,
      schema_version: Type.Optional(Type.String({ maxLength: 16 })),
      id: Type.Optional(Type.String({ maxLength: 255 })), // some clients repeat what the path says
    },
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
  prepare: async (_ctx, { id: _inPath, ...wish }, before) =>
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
