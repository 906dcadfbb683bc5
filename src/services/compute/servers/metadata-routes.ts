import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { getServer } from './act.ts'
import { mustAllow, type ServerVerb } from './can.ts'
import { checkMetadata } from './create-checks.ts'
import { Metadata } from './create-schema.ts'
import { statusOf } from './status.ts'
import { updateServer } from './store.ts'
import { onServer } from './on-server.ts'

const ItemId = Type.Object({ id: Type.String(), key: Type.String() })
const Whole = Type.Object({ metadata: Metadata }, { additionalProperties: false })
const Item = Type.Object(
  { meta: Type.Intersect([Metadata, Type.Object({}, { minProperties: 1, maxProperties: 1 })]) },
  { additionalProperties: false },
)

type Map = Readonly<Record<string, string>>

/** A server's metadata as a whole and key by key. The guest sees changes through its metadata service; its environment keeps what it started with. */
export function metadataRoutes(deps: ComputeDeps): readonly Route[] {
  return [...wholeMetadata(deps), ...metadataItems(deps)]
}

function wholeMetadata(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/metadata', 'server-metadata:index', 'List metadata'),
      handle: async (ctx, { params }) => ({ metadata: (await getServer(ctx, params.id)).metadata }),
    }),
    route({
      ...onServer('POST', '/metadata', 'server-metadata:create', 'Add metadata'),
      body: Whole,
      handle: async (ctx, { params, body }) => ({
        metadata: await changeMetadata(ctx, deps, params.id, 'update_metadata', (now) => ({
          ...now,
          ...body.metadata,
        })),
      }),
    }),
    route({
      ...onServer('PUT', '/metadata', 'server-metadata:update_all', 'Replace metadata'),
      body: Whole,
      handle: async (ctx, { params, body }) => ({
        metadata: await changeMetadata(
          ctx,
          deps,
          params.id,
          'update_metadata',
          () => body.metadata,
        ),
      }),
    }),
  ]
}

function metadataItems(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/metadata/:key', 'server-metadata:show', 'Show a metadata item'),
      params: ItemId,
      handle: async (ctx, { params }) => ({
        meta: itemOf((await getServer(ctx, params.id)).metadata, params.key),
      }),
    }),
    route({
      ...onServer('PUT', '/metadata/:key', 'server-metadata:update', 'Set a metadata item'),
      params: ItemId,
      body: Item,
      handle: async (ctx, { params, body }) => await setItem(ctx, deps, params, body.meta),
    }),
    route({
      ...onServer('DELETE', '/metadata/:key', 'server-metadata:delete', 'Delete a metadata item'),
      params: ItemId,
      status: 204,
      handle: async (ctx, { params }) => {
        await changeMetadata(ctx, deps, params.id, 'delete_metadata', (now) => {
          itemOf(now, params.key)
          return Object.fromEntries(Object.entries(now).filter(([key]) => key !== params.key))
        })
      },
    }),
  ]
}

async function setItem(
  ctx: Ctx,
  deps: ComputeDeps,
  { id, key }: { readonly id: string; readonly key: string },
  meta: Map,
): Promise<unknown> {
  if (!Object.hasOwn(meta, key))
    throw cloudError(
      'badRequest',
      `Request body and URI mismatch: the body must set ${key.slice(0, 255)}.`,
    )
  return {
    meta: itemOf(
      await changeMetadata(ctx, deps, id, 'update_metadata', (now) => ({ ...now, ...meta })),
      key,
    ),
  }
}

function itemOf(metadata: Map, key: string): Map {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
  if (value === undefined) throw cloudError('notFound', 'Metadata item was not found')
  return Object.fromEntries([[key, value]])
}

async function changeMetadata(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  verb: ServerVerb,
  next: (now: Map) => Map,
): Promise<Map> {
  return await inTx(ctx, async (tx) => {
    const server = await getServer(tx, id)
    mustAllow(tx, server, statusOf(server, await deps.workload.find(tx, id)), verb)
    const metadata = next(server.metadata)
    await checkMetadata(tx, server.projectId, metadata)
    await updateServer(tx, id, { metadata: toJson(metadata) })
    return metadata
  })
}
