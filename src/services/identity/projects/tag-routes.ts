import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { guarded } from '../guarded.ts'
import { notFound } from '../not-found.ts'
import { IdParams } from '../wire.ts'
import { projectTarget } from './routes.ts'
import { Tag, Tags } from './schema.ts'
import { getProject, setTags, tagsOf } from './store.ts'

const MAX_TAGS = 80
const One = Type.Object({ id: Type.String(), tag: Tag })
const Body = Type.Object({ tags: Tags }, { additionalProperties: false })
const ALL = '/v3/projects/:id/tags'

const tagsOfProject = async (ctx: Ctx, id: string): Promise<readonly string[]> =>
  (await tagsOf(ctx, [(await getProject(ctx, id)).id])).get(id) ?? []
const body = (req: Req<{ id: string }>, tags: readonly string[]): unknown => ({
  tags,
  links: {
    next: null,
    previous: null,
    self: `${req.serviceUrl}/v3/projects/${req.params.id}/tags`,
  },
})

/** Words on a project by which lists can be narrowed. */
export const projectTagRoutes: readonly Route[] = [
  guarded({
    method: 'GET',
    path: ALL,
    policy: 'identity:list_project_tags',
    params: IdParams,
    target: projectTarget,
    handle: async (ctx, req) => body(req, await tagsOfProject(ctx, req.params.id)),
  }),
  guarded({
    method: 'PUT',
    path: ALL,
    policy: 'identity:update_project_tags',
    params: IdParams,
    body: Body,
    target: projectTarget,
    handle: async (ctx, req) => {
      await tagsOfProject(ctx, req.params.id)
      await inTx(ctx, async (tx) => await setTags(tx, req.params.id, req.body.tags))
      return body(req, await tagsOfProject(ctx, req.params.id))
    },
  }),
  guarded({
    method: 'DELETE',
    path: ALL,
    policy: 'identity:delete_project_tags',
    params: IdParams,
    target: projectTarget,
    handle: async (ctx, { params }) => {
      await tagsOfProject(ctx, params.id)
      await setTags(ctx, params.id, [])
    },
  }),
  guarded({
    method: 'GET',
    path: `${ALL}/:tag`,
    policy: 'identity:get_project_tag',
    params: One,
    target: projectTarget,
    status: 204,
    handle: async (ctx, { params }) => {
      if (!(await tagsOfProject(ctx, params.id)).includes(params.tag))
        throw notFound('project tag', params.tag)
    },
  }),
  guarded({
    method: 'PUT',
    path: `${ALL}/:tag`,
    policy: 'identity:create_project_tag',
    params: One,
    target: projectTarget,
    handle: async (ctx, req) => {
      await inTx(ctx, async (tx) => {
        const tags = new Set([...(await tagsOfProject(tx, req.params.id)), req.params.tag])
        if (tags.size > MAX_TAGS)
          throw cloudError('badRequest', `A project can have at most ${MAX_TAGS} tags.`)
        await setTags(tx, req.params.id, [...tags])
      })
      return reply(201, undefined, {
        Location: `${req.serviceUrl}/v3/projects/${req.params.id}/tags/${encodeURIComponent(req.params.tag)}`,
      })
    },
  }),
  guarded({
    method: 'DELETE',
    path: `${ALL}/:tag`,
    policy: 'identity:delete_project_tag',
    params: One,
    target: projectTarget,
    handle: async (ctx, { params }) => {
      await inTx(ctx, async (tx) => {
        const tags = await tagsOfProject(tx, params.id)
        if (!tags.includes(params.tag)) throw notFound('project tag', params.tag)
        await setTags(
          tx,
          params.id,
          tags.filter((tag) => tag !== params.tag),
        )
      })
    },
  }),
]
