import { Type } from '../../../kernel/schema/type.ts'
import type { Route } from '../../../kernel/http/route.ts'
import { recordRoutes, type RecordResource } from '../records/resource.ts'
import { removeRecordsOf } from '../records/store.ts'
import { openBody } from '../wire.ts'

const Blob = Type.Union([
  Type.String({ maxLength: 1_000_000 }),
  Type.Object({}),
  Type.Array(Type.Unknown()),
])
const Kind = Type.String({ minLength: 1, maxLength: 255 })

const policies: RecordResource = {
  kind: 'policy',
  path: '/v3/policies',
  member: 'policy',
  collection: 'policies',
  noun: 'policy',
  nouns: 'policies',
  filters: ['type'],
  create: openBody('policy', { blob: Blob, type: Kind }),
  update: openBody(
    'policy',
    { blob: Type.Optional(Blob), type: Type.Optional(Kind) },
    { minProperties: 1 },
  ),
  prepare: async (_ctx, wish, before) =>
    await Promise.resolve({ owner: '', body: { ...before?.body, ...wish } }),
  beforeDelete: async (ctx, policy) => await removeRecordsOf(ctx, 'policy-association', policy.id),
}

/** Documents that other programs keep here; Stackyard's own rules stand in policy.yaml. */
export const policyRoutes: readonly Route[] = recordRoutes(policies)
