import { Type } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { limitOf } from '../quotas/check.ts'
import { Envelope, METADATA_KEY, Text } from '../wire/schemas.ts'
import { imageIn, mustOwn } from './image-of-request.ts'

type Properties = Readonly<Record<string, string>>

const strict = { additionalProperties: false } as const
const Metadata = Type.Record(Type.String({ pattern: METADATA_KEY }), Text(255), strict)
const OneItem = Type.Record(Type.String({ pattern: METADATA_KEY }), Text(255), {
  ...strict,
  minProperties: 1,
  maxProperties: 1,
})

const until = '2.38'
const all = '/v2.1/images/:id/metadata'
const one = `${all}/:key`
const read = 'os_compute_api:images:read'
const write = 'os_compute_api:images:write'

/** An image's custom properties under Nova's name for them. */
export function imageMetadataRoutes(deps: ComputeDeps): readonly Route[] {
  return [...mapRoutes(deps), ...itemRoutes(deps)]
}

function mapRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      until,
      policy: read,
      summary: 'List image metadata',
      handle: async (ctx, req) => ({ metadata: (await imageIn(ctx, deps, req)).properties }),
    }),
    route({
      method: 'POST',
      path: all,
      until,
      policy: write,
      body: Envelope('metadata', Metadata),
      summary: 'Add image metadata',
      handle: async (ctx, req) =>
        await change(ctx, deps, req, (old) => ({ ...old, ...req.body.metadata })),
    }),
    route({
      method: 'PUT',
      path: all,
      until,
      policy: write,
      body: Envelope('metadata', Metadata),
      summary: 'Replace image metadata',
      handle: async (ctx, req) => await change(ctx, deps, req, () => req.body.metadata),
    }),
  ]
}

function itemRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: one,
      until,
      policy: read,
      summary: 'Show an item of image metadata',
      handle: async (ctx, req) => ({
        meta: { [keyOf(req)]: itemOf(await imageIn(ctx, deps, req), keyOf(req)) },
      }),
    }),
    route({
      method: 'PUT',
      path: one,
      until,
      policy: write,
      body: Envelope('meta', OneItem),
      summary: 'Set an item of image metadata',
      handle: async (ctx, req) => {
        if (!Object.hasOwn(req.body.meta, keyOf(req)))
          throw cloudError(
            'badRequest',
            'Request body and URI mismatch: the body must hold the key that the URL names.',
          )
        await change(ctx, deps, req, (old) => ({ ...old, ...req.body.meta }))
        return { meta: req.body.meta }
      },
    }),
    route({
      method: 'DELETE',
      path: one,
      until,
      policy: write,
      summary: 'Delete an item of image metadata',
      handle: async (ctx, req) => await removeItem(ctx, deps, req),
    }),
  ]
}

const keyOf = (req: Req): string => (req.params as { key: string }).key // asked only where the path has :key

function itemOf(image: ImageInfo, key: string): string {
  const value = Object.hasOwn(image.properties, key) ? image.properties[key] : undefined
  if (value === undefined)
    throw cloudError('notFound', `Metadata item ${key.slice(0, 255)} was not found.`)
  return value
}

async function removeItem(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<unknown> {
  itemOf(await imageIn(ctx, deps, req), keyOf(req))
  await change(ctx, deps, req, (old) =>
    Object.fromEntries(Object.entries(old).filter(([key]) => key !== keyOf(req))),
  )
  return reply(204)
}

async function change(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
  edit: (old: Properties) => Properties,
): Promise<unknown> {
  const image = await imageIn(ctx, deps, req)
  mustOwn(ctx, image)
  const wanted = edit(image.properties)
  const limit = await limitOf(ctx, whoOf(ctx).projectId ?? '', 'metadata_items')
  if (limit >= 0 && Object.keys(wanted).length > limit)
    throw cloudError('quotaExceeded', `Image metadata limit exceeded: ${limit} items are allowed.`)
  const removed = Object.keys(image.properties)
    .filter((key) => !Object.hasOwn(wanted, key))
    .map((key) => [key, null])
  await deps.image.setImageProperties(ctx, image.id, {
    ...(Object.fromEntries(removed) as Record<string, null>),
    ...wanted,
  })
  return { metadata: wanted }
}
