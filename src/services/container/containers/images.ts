import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { parseImageReference } from '../../../kernel/archive/reference.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { ImageInfo } from '../../image/face.ts'
import type { PullPolicy, WorkloadImage } from '../../workload/face.ts'
import type { ContainerDeps } from '../deps.ts'
import type { ImageDriver } from './schema.ts'

/** What is asked of an image, and by whom it may be fetched. */
export interface ImageWish {
  readonly driver: ImageDriver
  readonly name: string
  readonly pullPolicy: string | null
  /** Domain of the registry that a name without one belongs to. */
  readonly registryDomain: string | undefined
}

/** Where the bytes of a container's file system come from. */
export async function resolveImage(
  ctx: Ctx,
  deps: ContainerDeps,
  wish: ImageWish,
): Promise<WorkloadImage> {
  if (wish.driver === 'docker') return byName(wish)
  const image = await glanceImage(ctx, deps, wish.name)
  if (image.status !== 'active' || image.key === null)
    throw cloudError(
      'badRequest',
      `Image ${wish.name} is not active: its status is ${image.status}.`,
    )
  if (image.containerFormat !== 'docker')
    throw cloudError(
      'badRequest',
      `Image ${wish.name} cannot be run: its container_format is ${image.containerFormat ?? 'not set'} and must be docker. Upload the output of \`docker save\` with --container-format docker --disk-format raw.`,
    )
  return { imageId: image.id, key: image.key }
}

/** An image that the engine has by its name or fetches from a registry: what is there is used unless the policy says otherwise. */
function byName({ name, pullPolicy, registryDomain }: ImageWish): WorkloadImage {
  const own = parseImageReference(name)
  if (own.name.startsWith('stackyard/'))
    throw cloudError(
      'badRequest',
      `Image ${name} cannot be named: the cloud keeps such names for itself.`,
    )
  const bare = own.server === 'docker.io' && !/^(index\.)?docker\.io\//.test(name)
  const whole =
    registryDomain !== undefined && bare
      ? parseImageReference(`${registryDomain}/${name}`).whole
      : own.whole
  return { imageId: '', key: `docker:${whole}`, pull: policyOf(pullPolicy) }
}

function policyOf(given: string | null): PullPolicy {
  const text = given?.toLowerCase()
  return text === 'always' || text === 'never' ? text : 'ifnotpresent'
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
