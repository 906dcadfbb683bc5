import { Type } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { mustOwn } from './access.ts'
import type { Resource } from './resource.ts'
import { Text, type StandardRow } from './schema.ts'
import { findRow, tagsOf, writeTags } from './store.ts'

export const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000,]*$' })

const TagList = Type.Object(
  { tags: Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' })) },
  { additionalProperties: false },
)

/** Tags of one kind of object: `…/<id>/tags` and `…/<id>/tags/<tag>`. */
export function tagRoutes(kind: Resource): Route[] {
  const base = `/v2.0/${kind.path}/:id/tags`
  const read = `network:get_${kind.singular}`
  const write = `network:update_${kind.singular}`
  const Path = Type.Object({ id: Text(4096) })
  const OneTag = Type.Object({ id: Text(4096), tag: Text(4096) })
  return [
    route({
      method: 'GET',
      path: base,
      policy: read,
      params: Path,
      handle: async (ctx, { params }) => ({ tags: tagsOf(await tagged(ctx, kind, params.id)) }),
    }),
    route({
      method: 'PUT',
      path: base,
      policy: write,
      params: Path,
      body: TagList,
      handle: async (ctx, { params, body }) => ({
        tags: await changeTags(ctx, kind, params.id, () => body.tags),
      }),
    }),
    route({
      method: 'DELETE',
      path: base,
      policy: write,
      params: Path,
      handle: async (ctx, { params }) => {
        await changeTags(ctx, kind, params.id, () => [])
        return reply(204)
      },
    }),
    route({
      method: 'GET',
      path: `${base}/:tag`,
      policy: read,
      params: OneTag,
      handle: async (ctx, { params }) => {
        mustHave(tagsOf(await tagged(ctx, kind, params.id)), params.tag)
        return reply(204)
      },
    }),
    route({
      method: 'PUT',
      path: `${base}/:tag`,
      policy: write,
      params: OneTag,
      handle: async (ctx, { params }) => {
        if (params.tag.length > 255)
          throw cloudError('badRequest', 'A tag has at most 255 characters.')
        await changeTags(ctx, kind, params.id, (tags) => [...tags, params.tag])
        return reply(201)
      },
    }),
    route({
      method: 'DELETE',
      path: `${base}/:tag`,
      policy: write,
      params: OneTag,
      handle: async (ctx, { params }) => {
        await changeTags(ctx, kind, params.id, (tags) => {
          mustHave(tags, params.tag)
          return tags.filter((tag) => tag !== params.tag)
        })
        return reply(204)
      },
    }),
  ]
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
    mustOwn(tx, row, `update_${kind.singular}_tags`, kind.alsoOwner?.(row))
    return await writeTags(tx, kind.spec, id, edit(tagsOf(row)))
  })
}
