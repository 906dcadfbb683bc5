import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { mustFor } from '../access.ts'
import { addTags, getImage, removeTag, updateImage } from '../images/store.ts'
import { door } from '../policies.ts'
import { mustBeFew, TAGS_PER_IMAGE } from '../quota.ts'

const ImageTag = Type.Object({
  id: Type.String(),
  tag: Type.String({ minLength: 1, maxLength: 255 }),
})

export const tagRoutes: readonly Route[] = [
  route({
    method: 'PUT',
    path: '/v2/images/:id/tags/:tag',
    policy: door('modify_image'),
    params: ImageTag,
    summary: 'Adds a tag',
    handle: async (ctx, { params }) => await add(ctx, params.id, params.tag),
  }),
  route({
    method: 'DELETE',
    path: '/v2/images/:id/tags/:tag',
    policy: door('modify_image'),
    params: ImageTag,
    summary: 'Removes a tag',
    handle: async (ctx, { params }) => await remove(ctx, params.id, params.tag),
  }),
]

async function add(ctx: Ctx, id: string, tag: string): Promise<void> {
  await inTx(ctx, async (tx) => {
    const image = await getImage(tx, id)
    mustFor(tx, 'modify_image', image.owner)
    if (image.tags.includes(tag)) return
    mustBeFew(image.tags.length + 1, TAGS_PER_IMAGE, 'tags')
    await addTags(tx, id, [tag])
    await updateImage(tx, id, {})
  })
}

async function remove(ctx: Ctx, id: string, tag: string): Promise<void> {
  await inTx(ctx, async (tx) => {
    const image = await getImage(tx, id)
    mustFor(tx, 'modify_image', image.owner)
    if (!(await removeTag(tx, id, tag)))
      throw cloudError('notFound', `Image ${id} has no tag '${tag.slice(0, 80)}'.`)
    await updateImage(tx, id, {})
  })
}
