import type { Static } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { validate } from '../../../kernel/http/validate.ts'
import { mustFor, seesAll } from '../access.ts'
import { mustBeFew, PROPERTIES_PER_IMAGE, TAGS_PER_IMAGE } from '../quota.ts'
import { allowedName, type Attributes } from './patch.ts'
import {
  isBaseAttribute,
  PatchedImage,
  type Image,
  type ImageTable,
  type NewImageBody,
  type Visibility,
} from './schema.ts'
import type { ImageChange } from './store.ts'

/** The image as a patch sees it. */
export function attributesOf(image: Image): Attributes {
  return new Map<string, unknown>([
    ['name', image.name],
    ['visibility', image.visibility],
    ['protected', image.protected === 1],
    ['os_hidden', image.os_hidden === 1],
    ['owner', image.owner],
    ['container_format', image.container_format],
    ['disk_format', image.disk_format],
    ['min_disk', image.min_disk],
    ['min_ram', image.min_ram],
    ['tags', image.tags],
    ...Object.entries(image.properties),
  ])
}

/** What a row says of an image that has no bytes. */
const withoutData = {
  size: null,
  virtual_size: null,
  checksum: null,
  sha256: null,
  sha512: null,
  blob: null,
  staged: null,
  staged_digest: null,
  staged_size: null,
  writer: null,
  writer_until: 0,
  importing_to: null,
  failed_import: null,
} as const

/** A new image's row, from a validated body, for the asking project. */
export function newImage(
  ctx: Ctx,
  id: string,
  project: string | null,
  body: NewImageBody & Readonly<Record<string, unknown>>,
): Image {
  const properties = customProperties(body)
  const tags = [...new Set(body.tags ?? [])].toSorted()
  mustBeFew(Object.keys(properties).length, PROPERTIES_PER_IMAGE, 'properties')
  mustBeFew(tags.length, TAGS_PER_IMAGE, 'tags')
  const owner = body.owner === undefined ? project : body.owner
  if (owner !== project && !seesAll(ctx)) {
    throw cloudError(
      'forbidden',
      `You are not permitted to create images owned by '${String(owner).slice(0, 80)}'.`,
    )
  }
  const visibility = body.visibility ?? 'shared'
  mustMayShow(ctx, visibility, owner)
  const now = ctx.now().toISOString()
  return {
    id,
    owner,
    visibility,
    properties,
    tags,
    status: 'queued',
    name: body.name ?? null,
    protected: body.protected === true ? 1 : 0,
    os_hidden: body.os_hidden === true ? 1 : 0,
    container_format: body.container_format ?? null,
    disk_format: body.disk_format ?? null,
    min_disk: body.min_disk ?? 0,
    min_ram: body.min_ram ?? 0,
    ...withoutData,
    created_at: now,
    updated_at: now,
  }
}

function customProperties(body: Readonly<Record<string, unknown>>): Record<string, string> {
  const custom = Object.entries(body).filter(
    (entry): entry is [string, string] =>
      entry[0] !== 'id' && !isBaseAttribute(entry[0]) && typeof entry[1] === 'string',
  )
  for (const [name] of custom) allowedName(name)
  return Object.fromEntries(custom)
}

function mustMayShow(ctx: Ctx, visibility: Visibility, owner: string | null): void {
  if (visibility === 'public') mustFor(ctx, 'publicize_image', owner)
  if (visibility === 'community') mustFor(ctx, 'communitize_image', owner)
}

/** Checks what a patch made of an image, and says what to write. */
export function changeOf(ctx: Ctx, image: Image, patched: Attributes): ImageChange {
  const before = attributesOf(image)
  const wanted: unknown = Object.fromEntries(patched)
  validate(PatchedImage, wanted, 'body', 'image')
  const after = wanted as Static<typeof PatchedImage> // just validated
  const changed = new Set(
    [...patched.keys()].filter((name) => !same(before.get(name), patched.get(name))),
  )
  mustMayChange(ctx, image, after, changed)
  const names = [...new Set([...before.keys(), ...patched.keys()])].filter(
    (name) => !isBaseAttribute(name),
  )
  const kept = names.filter((name) => typeof patched.get(name) === 'string')
  const tags = [...new Set(after.tags ?? [])]
  if (kept.length > Object.keys(image.properties).length)
    mustBeFew(kept.length, PROPERTIES_PER_IMAGE, 'properties')
  if (tags.length > image.tags.length) mustBeFew(tags.length, TAGS_PER_IMAGE, 'tags')
  const properties = Object.fromEntries(
    names
      .filter((name) => !same(before.get(name), patched.get(name)))
      .map((name): [string, string | null] => {
        const value = patched.get(name)
        return [name, typeof value === 'string' ? value : null]
      }),
  )
  return {
    columns: columnsOf(after, changed),
    properties,
    ...(changed.has('tags') ? { tags } : {}),
  }
}

function mustMayChange(
  ctx: Ctx,
  image: Image,
  after: Static<typeof PatchedImage>,
  changed: ReadonlySet<string>,
): void {
  for (const format of ['container_format', 'disk_format']) {
    if (changed.has(format) && image.status !== 'queued') {
      throw cloudError('forbidden', `Attribute ${format} can be only replaced for a queued image.`)
    }
  }
  if (changed.has('owner') && !seesAll(ctx))
    throw cloudError('forbidden', "You are not permitted to modify 'owner' on this image.")
  if (changed.has('visibility') && after.visibility !== undefined)
    mustMayShow(ctx, after.visibility, image.owner)
}

function columnsOf(
  after: Static<typeof PatchedImage>,
  changed: ReadonlySet<string>,
): Partial<ImageTable> {
  const columns: Partial<ImageTable> = {}
  if (changed.has('name')) columns.name = after.name ?? null
  if (changed.has('visibility') && after.visibility !== undefined)
    columns.visibility = after.visibility
  if (changed.has('protected')) columns.protected = after.protected === true ? 1 : 0
  if (changed.has('os_hidden')) columns.os_hidden = after.os_hidden === true ? 1 : 0
  if (changed.has('owner')) columns.owner = after.owner ?? null
  if (changed.has('container_format')) columns.container_format = after.container_format ?? null
  if (changed.has('disk_format')) columns.disk_format = after.disk_format ?? null
  if (changed.has('min_disk')) columns.min_disk = after.min_disk ?? 0
  if (changed.has('min_ram')) columns.min_ram = after.min_ram ?? 0
  return columns
}

function same(a: unknown, b: unknown): boolean {
  return (
    a === b || (Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b))
  )
}
