import { Type } from 'typebox'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { validate } from '../../../kernel/http/validate.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { getServer } from './act.ts'
import { Tag, Tags } from './create-schema.ts'
import { setTags, tagsOf, updateServer } from './store.ts'

const ServerId = Type.Object({ id: Type.String() })
const TagId = Type.Object({ id: Type.String(), tag: Type.String() })
const All = Type.Object({ tags: Tags }, { additionalProperties: false })
const PATH = '/v2.1/servers/:id/tags'
const MAX_TAGS = 50
const since = '2.26'

/** Tags of a server, from 2.26 on. */
export function tagRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: PATH,
      since,
      policy: 'os_compute_api:os-server-tags:index',
      params: ServerId,
      summary: 'List tags',
      handle: async (ctx, { params }) => ({
        tags: await tagsNow(ctx, (await getServer(ctx, params.id)).id),
      }),
    }),
    route({
      method: 'PUT',
      path: PATH,
      since,
      policy: 'os_compute_api:os-server-tags:update_all',
      params: ServerId,
      body: All,
      summary: 'Replace tags',
      handle: async (ctx, { params, body }) => ({
        tags: await changeTags(ctx, params.id, () => body.tags),
      }),
    }),
    route({
      method: 'DELETE',
      path: PATH,
      since,
      policy: 'os_compute_api:os-server-tags:delete_all',
      params: ServerId,
      status: 204,
      summary: 'Delete all tags',
      handle: async (ctx, { params }) => void (await changeTags(ctx, params.id, () => [])),
    }),
    route({
      method: 'GET',
      path: `${PATH}/:tag`,
      since,
      policy: 'os_compute_api:os-server-tags:show',
      params: TagId,
      status: 204,
      summary: 'Check a tag',
      handle: async (ctx, { params }) =>
        mustHave(await tagsNow(ctx, (await getServer(ctx, params.id)).id), params),
    }),
    route({
      method: 'PUT',
      path: `${PATH}/:tag`,
      since,
      policy: 'os_compute_api:os-server-tags:update',
      params: TagId,
      summary: 'Add a tag',
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
      method: 'DELETE',
      path: `${PATH}/:tag`,
      since,
      policy: 'os_compute_api:os-server-tags:delete',
      params: TagId,
      status: 204,
      summary: 'Delete a tag',
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
