import type { Readable } from 'node:stream'
import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { nodeHttp } from '../../../kernel/http/node-http.ts'
import { reply, route, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ImageStore } from '../../../ports/image-store.ts'
import { mustFor, seesAll } from '../access.ts'
import type { Image } from '../images/schema.ts'
import { getImage } from '../images/store.ts'
import { door } from '../policies.ts'
import { readRange } from './range.ts'
import type { Writing } from './writing.ts'

interface Deps {
  readonly store: ImageStore
  readonly writing: Writing
}

/** A sender that is silent for so long is taken for dead. */
const SILENCE_MS = 5 * 60_000

const Id = Type.Object({ id: Type.String() })

export function dataRoutes(deps: Deps): readonly Route[] {
  return [
    route({
      method: 'PUT',
      path: '/v2/images/:id/file',
      policy: door('upload_image'),
      params: Id,
      streamed: true,
      summary: 'Uploads image data',
      handle: async (ctx, req) => await upload(ctx, req, req.params.id, deps),
    }),
    route({
      method: 'PUT',
      path: '/v2/images/:id/stage',
      policy: door('modify_image'),
      params: Id,
      streamed: true,
      summary: 'Stages image data for an import',
      handle: async (ctx, req) => await stage(ctx, req, req.params.id, deps),
    }),
    route({
      method: 'GET',
      path: '/v2/images/:id/file',
      policy: door('download_image'),
      params: Id,
      summary: 'Downloads image data',
      handle: async (ctx, req) => await download(ctx, req, req.params.id, deps.store, true),
    }),
    route({
      method: 'HEAD',
      path: '/v2/images/:id/file',
      policy: door('download_image'),
      params: Id,
      summary: 'Shows what a download would be',
      handle: async (ctx, req) => await download(ctx, req, req.params.id, deps.store, false),
    }),
  ]
}

async function upload(ctx: Ctx, req: Req, id: string, { writing, store }: Deps): Promise<void> {
  const image = await getImage(ctx, id)
  mustFor(ctx, 'upload_image', image.owner)
  const wanted = req.headers['x-image-meta-store']
  if (wanted !== undefined && wanted !== store.kind)
    throw cloudError(
      'badRequest',
      `There is no store '${String(wanted).slice(0, 80)}': there is ${store.kind}.`,
    )
  await writing.fill(ctx, image, contentOf(req), announcedSize(req))
}

async function stage(ctx: Ctx, req: Req, id: string, { writing }: Deps): Promise<void> {
  const image = await getImage(ctx, id)
  mustFor(ctx, 'modify_image', image.owner)
  await writing.stage(ctx, image, contentOf(req), announcedSize(req))
}

function contentOf(req: Req): Readable {
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/octet-stream')
    throw cloudError('unsupportedMediaType', 'Image data must be sent as application/octet-stream.')
  const { stream } = req
  if (stream instanceof nodeHttp.IncomingMessage) {
    stream.setTimeout(SILENCE_MS, () =>
      stream.destroy(new Error(`nothing came for ${SILENCE_MS / 60_000} minutes`)),
    )
  }
  return stream
}

function announcedSize(req: Req): number | undefined {
  const length = Number(req.headers['content-length'])
  return Number.isSafeInteger(length) ? length : undefined
}

async function download(
  ctx: Ctx,
  req: Req,
  id: string,
  store: ImageStore,
  withBody: boolean,
): Promise<Reply> {
  const image = await getImage(ctx, id)
  // what is in sight may be downloaded, by those whose role lets them download from their own project
  mustFor(ctx, 'download_image', ctx.who?.projectId ?? null)
  if (image.status === 'deactivated' && !seesAll(ctx))
    throw cloudError(
      'forbidden',
      'The requested image has been deactivated. Image data download is forbidden.',
    )
  if (image.blob === null || image.size === null) return reply(204)
  const range = readRange(req.headers.range, image.size)
  const headers = headersOf(image, image.size, range)
  if (!withBody) return reply(range === undefined ? 200 : 206, undefined, headers)
  return reply(range === undefined ? 200 : 206, await store.read(image.blob, range), headers)
}

function headersOf(
  image: Image,
  size: number,
  range: { start: number; end: number } | undefined,
): Record<string, string> {
  const type = { 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' }
  if (range === undefined) {
    return {
      ...type,
      'Content-Length': String(size),
      ...(image.checksum === null ? {} : { 'Content-MD5': image.checksum }),
    }
  }
  return {
    ...type,
    'Content-Length': String(range.end - range.start + 1),
    'Content-Range': `bytes ${range.start}-${range.end}/${size}`,
  }
}
