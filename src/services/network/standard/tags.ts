import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { mustOwn } from './access.ts'
import type { Resource } from './resource.ts'
import { Text, type StandardRow } from './schema.ts'
import { findRow, tagsOf, writeTags } from './store.ts'

const TagList = Type.Object(
  { tags: Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' })) },
  { additionalProperties: false },
)

const Path = Type.Object({ id: Text(4096) })
const OneTag = Type.Object({ id: Text(4096), tag: Text(4096) })

/** Tags of one kind of object: `…/<id>/tags` and `…/<id>/tags/<tag>`. */
export function tagRoutes(kind: Resource): Route[] {
  return [kind.path, ...(kind.tagPaths ?? [])].flatMap((path) => [
    ...listRoutes(kind, path),
    ...singleRoutes(kind, path),
  ])
}

interface Common {
  readonly path: string
  readonly read: string
  readonly write: string
}

const common = (kind: Resource, path: string): Common => ({
  path: `/v2.0/${path}/:id/tags`,
  read: `network:get_${kind.singular}`,
  write: `network:update_${kind.singular}${kind.openTags === true ? '_tags' : ''}`,
})

function listRoutes(kind: Resource, below: string): Route[] {
  const { path, read, write } = common(kind, below)
  return [
    route({
      method: 'GET',
      path,
      policy: read,
      params: Path,
      handle: async (ctx, { params }) => ({ tags: tagsOf(await tagged(ctx, kind, params.id)) }),
    }),
    route({
      method: 'PUT',
      path,
      policy: write,
      params: Path,
      body: TagList,
      handle: async (ctx, { params, body }) => ({
        tags: await changeTags(ctx, kind, params.id, () => body.tags),
      }),
    }),
    route({
      method: 'DELETE',
      path,
      policy: write,
      params: Path,
      status: 204,
      handle: async (ctx, { params }) => void (await changeTags(ctx, kind, params.id, () => [])),
    }),
  ]
}

function singleRoutes(kind: Resource, below: string): Route[] {
  const { read, write, ...at } = common(kind, below)
  const path = `${at.path}/:tag`
  return [
    route({
      method: 'GET',
      path,
      policy: read,
      params: OneTag,
      status: 204,
      handle: async (ctx, { params }) =>
        mustHave(tagsOf(await tagged(ctx, kind, params.id)), params.tag),
    }),
    route({
      method: 'PUT',
      path,
      policy: write,
      params: OneTag,
      status: 201,
      handle: async (ctx, { params }) => await addTag(ctx, kind, params.id, params.tag),
    }),
    route({
      method: 'DELETE',
      path,
      policy: write,
      params: OneTag,
      status: 204,
      handle: async (ctx, { params }) => await removeTag(ctx, kind, params.id, params.tag),
    }),
  ]
}

async function addTag(ctx: Ctx, kind: Resource, id: string, tag: string): Promise<void> {
  if (tag.length > 255) throw cloudError('badRequest', 'A tag has at most 255 characters.')
  await changeTags(ctx, kind, id, (tags) => [...tags, tag])
}

async function removeTag(ctx: Ctx, kind: Resource, id: string, tag: string): Promise<void> {
  await changeTags(ctx, kind, id, (tags) => {
    mustHave(tags, tag)
    return tags.filter((other) => other !== tag)
  })
}

function mustHave(tags: readonly string[], tag: string): void {
  if (!tags.includes(tag))
    throw neutronError('notFound', 'TagNotFound', `Tag ${tag} could not be found.`)
}

async function tagged(ctx: Ctx, kind: Resource, id: string): Promise<StandardRow> {
  const row = await findRow<StandardRow>(ctx, kind.spec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'TagResourceNotFound',
      `Resource ${kind.path} ${id.slice(0, 255)} could not be found.`,
    )
  return row
}

async function changeTags(
  ctx: Ctx,
  kind: Resource,
  id: string,
  edit: (tags: readonly string[]) => readonly string[],
): Promise<string[]> {
  return await inTx(ctx, async (tx) => {
    const row = await tagged(tx, kind, id)
    if (kind.openTags !== true)
      mustOwn(tx, row, `update_${kind.singular}_tags`, kind.alsoOwner?.(row))
    return await writeTags(tx, kind.spec, id, edit(tagsOf(row)))
  })
}
