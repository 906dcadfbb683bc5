import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { cutPage, pageOf } from '../../../kernel/http/paging.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { linksOf, nextLink } from '../wire/links.ts'
import { queryCount, queryText } from '../wire/query.ts'
import { zuluTime } from '../wire/times.ts'
import { imageMetadataRoutes } from './image-metadata.ts'
import { imageIn, mustOwn } from './image-of-request.ts'

/** The image service knows what the asker may see. */
export const imageProxyPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:images:read': '@',
  'os_compute_api:images:write': 'rule:project-member',
}

const until = '2.35'
const read = 'os_compute_api:images:read'

/** Nova's window on images, gone after 2.35 (their metadata after 2.38). */
export function imageProxyRoutes(deps: ComputeDeps): readonly Route[] {
  return [...readRoutes(deps), ...deleteRoute(deps), ...imageMetadataRoutes(deps)]
}

function readRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/images',
      until,
      policy: read,
      summary: 'List images',
      handle: async (ctx, req) => await list(ctx, deps, req, summary),
    }),
    route({
      method: 'GET',
      path: '/v2.1/images/detail',
      until,
      policy: read,
      summary: 'List images with details',
      handle: async (ctx, req) => await list(ctx, deps, req, imageView),
    }),
    route({
      method: 'GET',
      path: '/v2.1/images/:id',
      until,
      policy: read,
      summary: 'Show an image',
      handle: async (ctx, req) => ({ image: imageView(ctx, req, await imageIn(ctx, deps, req)) }),
    }),
  ]
}

function deleteRoute(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'DELETE',
      path: '/v2.1/images/:id',
      until,
      policy: 'os_compute_api:images:write',
      summary: 'Delete an image',
      handle: async (ctx, req) => {
        const image = await imageIn(ctx, deps, req)
        mustOwn(ctx, image)
        await deps.image.deleteImage(ctx, image.id)
        return reply(204)
      },
    }),
  ]
}

const stateOf = {
  active: 'ACTIVE',
  queued: 'SAVING',
  saving: 'SAVING',
  importing: 'SAVING',
  uploading: 'SAVING',
  deactivated: 'UNKNOWN',
  deleted: 'DELETED',
  pending_delete: 'DELETED',
  killed: 'ERROR',
} as const satisfies Record<ImageInfo['status'], string>

const progressOf = (image: ImageInfo): number =>
  image.status === 'active'
    ? 100
    : image.status === 'queued'
      ? 25
      : stateOf[image.status] === 'SAVING'
        ? 50
        : 0

async function list(
  ctx: Ctx,
  deps: ComputeDeps,
  req: Req,
  view: (ctx: Ctx, req: Req, image: ImageInfo) => unknown,
): Promise<unknown> {
  const fits = filterOf(req)
  const paging = new URLSearchParams(
    [...req.rawQuery].filter(([key]) => key === 'limit' || key === 'marker'),
  )
  const page = pageOf(paging, { sortable: [], defaultSort: [{ key: 'created', dir: 'desc' }] })
  const { items, more } = cutPage(
    (await deps.image.listImages(ctx)).filter(fits),
    page,
    (image) => image.createdAt,
  )
  return {
    images: items.map((image) => view(ctx, req, image)),
    ...nextLink(req, 'images_links', items.at(-1)?.id, more),
  }
}

/** `server` may be an id or any of a server's links; `property-…` asks for a custom property. */
function filterOf(req: Req): (image: ImageInfo) => boolean {
  const name = queryText(req, 'name')
  const state = queryText(req, 'status')?.toUpperCase()
  const since = sinceOf(req)
  const minRam = queryCount(req, 'minRam') ?? 0
  const minDisk = queryCount(req, 'minDisk') ?? 0
  const wanted = new Map(
    [...req.rawQuery]
      .filter(([key]) => key.startsWith('property-'))
      .map(([key, value]) => [key.slice('property-'.length), value]),
  )
  const server = queryText(req, 'server')?.split('/').at(-1)
  const type = queryText(req, 'type')
  if (server !== undefined) wanted.set('instance_uuid', server)
  if (type !== undefined) wanted.set('image_type', type)
  return (image) =>
    (name === undefined || image.name === name) &&
    (state === undefined || stateOf[image.status] === state) &&
    image.updatedAt >= since &&
    image.minRamMiB >= minRam &&
    image.minDiskGiB >= minDisk &&
    [...wanted].every(
      ([key, value]) => Object.hasOwn(image.properties, key) && image.properties[key] === value,
    )
}

function sinceOf(req: Req): string {
  const text = queryText(req, 'changes-since')
  if (text === undefined) return ''
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw cloudError(
      'badRequest',
      `Invalid changes-since ${text.slice(0, 60)}: it must be an ISO 8601 time.`,
    )
  return time.toISOString()
}

function summary(ctx: Ctx, req: Req, image: ImageInfo): Record<string, unknown> {
  const glance = {
    rel: 'alternate',
    type: 'application/vnd.openstack.image',
    href: `${ctx.baseUrl}/image/v2/images/${image.id}`,
  }
  return { id: image.id, name: image.name, links: [...linksOf(req, 'images', image.id), glance] }
}

function imageView(ctx: Ctx, req: Req, image: ImageInfo): Record<string, unknown> {
  const server = image.properties['instance_uuid']
  const diskConfig = image.properties['auto_disk_config']
  return {
    ...summary(ctx, req, image),
    status: stateOf[image.status],
    progress: progressOf(image),
    created: zuluTime(image.createdAt),
    updated: zuluTime(image.updatedAt),
    minDisk: image.minDiskGiB,
    minRam: image.minRamMiB,
    metadata: image.properties,
    'OS-EXT-IMG-SIZE:size': image.sizeBytes,
    ...(diskConfig === undefined
      ? {}
      : { 'OS-DCF:diskConfig': /^true$/i.test(diskConfig) ? 'AUTO' : 'MANUAL' }),
    ...(server === undefined
      ? {}
      : { server: { id: server, links: linksOf(req, 'servers', server) } }),
  }
}
