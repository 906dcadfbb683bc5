import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { ImageFace } from '../../image/face.ts'
import type { BuildRow } from './schema.ts'

/**
 * As `docker build -t`: the name belongs to the newest image. One that was built under it before keeps its content and is
 * called by name and id from now on, so that a container can be asked for by the plain name.
 */
export async function giveName(
  ctx: Ctx,
  images: ImageFace,
  build: Pick<BuildRow, 'project_id' | 'name'>,
  imageId: string,
): Promise<void> {
  const older = (await images.listImages(ctx)).filter(
    (image) =>
      image.id !== imageId &&
      image.name === build.name &&
      image.projectId === build.project_id &&
      image.properties['stackyard_build'] !== undefined,
  )
  for (const image of older)
    await images.renameImage(ctx, image.id, `${image.name}@${image.id.slice(0, 8)}`)
}
