import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { validate } from '../../../kernel/http/validate.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { getServer } from './act.ts'
import { Tag, Tags } from './create-schema.ts'
import { setTags, tagsOf, updateServer } from './store.ts'
import { onServer } from './on-server.ts'

const TagId = Type.Object({ id: Type.String(), tag: Type.String() })
const All = Type.Object({ tags: Tags }, { additionalProperties: false })
const MAX_TAGS = 50
const since = '2.26'

/** Tags of a server, from 2.26 on. */
export function tagRoutes(): readonly Route[] {
  return [...allTags(), ...oneTag()]
}

function allTags(): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/tags', 'os-server-tags:index', 'List tags'),
      since,
      handle: async (ctx, { params }) => ({
        tags: await tagsNow(ctx, (await getServer(ctx, params.id)).id),
      }),
    }),
    route({
      ...onServer('PUT', '/tags', 'os-server-tags:update_all', 'Replace tags'),
      since,
      body: All,
      handle: async (ctx, { params, body }) => ({
        tags: await changeTags(ctx, params.id, () => body.tags),
      }),
    }),
    route({
      ...onServer('DELETE', '/tags', 'os-server-tags:delete_all', 'Delete all tags'),
      since,
      status: 204,
      handle: async (ctx, { params }) => void (await changeTags(ctx, params.id, () => [])),
    }),
  ]
}

function oneTag(): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/tags/:tag', 'os-server-tags:show', 'Check a tag'),
      params: TagId,
      since,
      status: 204,
      handle: async (ctx, { params }) =>
        mustHave(await tagsNow(ctx, (await getServer(ctx, params.id)).id), params),
    }),
    route({
      ...onServer('PUT', '/tags/:tag', 'os-server-tags:update', 'Add a tag'),
      params: TagId,
      since,
      handle: async (ctx, req) => {
        const { id, tag } = req.params
        validate(Tag, tag, 'body', 'tag')
        const had = (await tagsNow(ctx, (await getServer(ctx, id)).id)).includes(tag)
        await changeTags(ctx, id, (now) => [...now, tag])
        return reply(had ? 204 : 201, undefined, {
          Location: `${req.serviceUrl}/v2.1/servers/${id}/tags/${encodeURIComponent(tag)}`,
        })
      },
    }),
    route({
      ...onServer('DELETE', '/tags/:tag', 'os-server-tags:delete', 'Delete a tag'),
      params: TagId,
      since,
      status: 204,
      handle: async (ctx, { params }) =>
        void (await changeTags(ctx, params.id, (now) => {
          mustHave(now, params)
          return now.filter((tag) => tag !== params.tag)
        })),
    }),
  ]
}

const tagsNow = async (ctx: Ctx, id: string): Promise<readonly string[]> =>
  (await tagsOf(ctx, [id])).get(id) ?? []

function mustHave(
  tags: readonly string[],
  { id, tag }: { readonly id: string; readonly tag: string },
): void {
  if (!tags.includes(tag))
    throw cloudError('notFound', `Server ${id} has no tag '${tag.slice(0, 100)}'`)
}

async function changeTags(
  ctx: Ctx,
  id: string,
  next: (now: readonly string[]) => readonly string[],
): Promise<readonly string[]> {
  return await inTx(ctx, async (tx) => {
    const server = await getServer(tx, id)
    const tags = [...new Set(next(await tagsNow(tx, server.id)))].toSorted()
    if (tags.length > MAX_TAGS)
      throw cloudError('badRequest', `The number of tags exceeded the per-server limit ${MAX_TAGS}`)
    await setTags(tx, server.id, tags)
    await updateServer(tx, server.id, {})
    return tags
  })
}
