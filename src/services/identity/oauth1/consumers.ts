import { randomBytes } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import type { Route } from '../../../kernel/http/route.ts'
import { recordRoutes, type RecordResource } from '../records/resource.ts'
import { listRecords, removeRecord } from '../records/store.ts'
import { extraOf, openBody } from '../wire.ts'

const Text = Type.Optional(Type.Union([Type.String({ maxLength: 65_535 }), Type.Null()]))

const consumers: RecordResource = {
  kind: 'consumer',
  path: '/v3/OS-OAUTH1/consumers',
  member: 'consumer',
  collection: 'consumers',
  noun: 'consumer',
  nouns: 'consumers',
  filters: [],
  create: openBody('consumer', { description: Text }),
  // the secret is made here and never changes
  update: openBody('consumer', { description: Text, secret: Type.Optional(Type.Never()) }),
  async prepare(_ctx, wish, before) {
    const secret = before?.body['secret'] ?? randomBytes(24).toString('hex')
    return await Promise.resolve({
      owner: '',
      body: { description: null, ...before?.body, ...extraOf(wish, []), secret },
    })
  },
  async beforeDelete(ctx, consumer) {
    for (const kind of ['request-token', 'access-token'] as const) {
      for (const token of await listRecords(ctx, kind))
        if (token.body['consumer_id'] === consumer.id) await removeRecord(ctx, kind, token.id)
    }
  },
  // the answer to its creation is the only one that shows the secret
  show: (_ctx, req, { body }) =>
    req.url.replace(/\?.*$/, '') === '/v3/OS-OAUTH1/consumers' && req.body !== undefined
      ? { secret: body['secret'] }
      : { secret: undefined },
}

/** Applications that may ask users for access by OAuth. */
export const consumerRoutes: readonly Route[] = recordRoutes(consumers)
