import { can, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { ComputeDeps } from '../deps.ts'

/** The image that the path's `:id` names; 404 when the asker may not see it. */
export async function imageIn(ctx: Ctx, deps: ComputeDeps, req: Req): Promise<ImageInfo> {
  const { id } = req.params as { id: string } // asked only where the path has :id
  const image = await deps.image.findImage(ctx, id)
  if (image === undefined)
    throw cloudError('notFound', `Image ${id.slice(0, 255)} could not be found.`)
  return image
}

/** 403: the image may be seen, so it is no secret that it exists. */
export function mustOwn(ctx: Ctx, image: ImageInfo): void {
  if (image.projectId !== whoOf(ctx).projectId && !can(ctx, 'admin'))
    throw cloudError(
      'forbidden',
      'You are not allowed to change this image: it belongs to another project.',
    )
}
