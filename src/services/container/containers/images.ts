import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { WorkloadImage } from '../../workload/face.ts'
import type { ContainerDeps } from '../deps.ts'
import type { ImageDriver } from './schema.ts'

/** Where the bytes of a container's file system come from. */
export async function resolveImage(
  ctx: Ctx,
  deps: ContainerDeps,
  driver: ImageDriver,
  name: string,
): Promise<WorkloadImage> {
  if (driver === 'docker')
    throw cloudError(
      'badRequest',
      `Image ${name} is asked of the engine (image_driver docker), which has none by name: use image_driver glance.`,
    )
  const image = await glanceImage(ctx, deps, name)
  if (image.status !== 'active' || image.key === null)
    throw cloudError('badRequest', `Image ${name} is not active: its status is ${image.status}.`)
  if (image.containerFormat !== 'docker')
    throw cloudError(
      'badRequest',
      `Image ${name} cannot be run: its container_format is ${image.containerFormat ?? 'not set'} and must be docker. Upload the output of \`docker save\` with --container-format docker --disk-format raw.`,
    )
  return { imageId: image.id, key: image.key }
}

/** By id, else by name; a name with the tag `latest` also finds the image without one. */
async function glanceImage(ctx: Ctx, deps: ContainerDeps, name: string): Promise<ImageInfo> {
  const byId = UUID.test(name) ? await deps.image.findImage(ctx, name) : undefined
  if (byId !== undefined) return byId
  const images = await deps.image.listImages(ctx)
  for (const candidate of [name, name.replace(/:latest$/, '')]) {
    const named = images.filter((image) => image.name === candidate)
    const ready = named.filter((image) => image.status === 'active')
    const [only, ...others] = ready.length > 0 ? ready : named
    if (others.length > 0)
      throw cloudError('conflict', `Several images are named ${candidate}: use the id of one.`)
    if (only !== undefined) return only
  }
  throw cloudError(
    'badRequest',
    `Image ${name} could not be found in the image service: there is none, or this project may not see it.`,
  )
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
