import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import type { ImageStore } from '../../ports/image-store.ts'
import { mustFor } from './access.ts'
import { bootstrapImages, type ImageSettings } from './bootstrap.ts'
import { blobReconciler } from './data/blobs.ts'
import { dataRoutes } from './data/routes.ts'
import { Writing } from './data/writing.ts'
import type { ImageFace, NewImage } from './face.ts'
import { imageFault } from './fault.ts'
import { newImage } from './images/change.ts'
import { deleteImage, imageRoutes } from './images/routes.ts'
import { changeImage, findImage, getImage, insertImage, noSuchImage } from './images/store.ts'
import { imageInfo } from './images/view.ts'
import { defaultDownloadRules, type DownloadRules } from './import/download.ts'
import { importReconciler } from './import/reconcile.ts'
import { importRoutes } from './import/routes.ts'
import { infoRoutes } from './info/routes.ts'
import { readFilters } from './listing/filters.ts'
import { listImages } from './listing/store.ts'
import { memberRoutes } from './members/routes.ts'
import { definitionRoutes } from './metadefs/definitions.ts'
import { definitionListRoutes } from './metadefs/lists.ts'
import { namespaceRoutes } from './metadefs/namespaces.ts'
import { resourceTypeRoutes } from './metadefs/resource-types.ts'
import { images } from './migrations/001-images.ts'
import { metadefs } from './migrations/002-metadefs.ts'
import { policies } from './policies.ts'
import { defaultQuota, mustHaveRoomForImage, type Quota } from './quota.ts'
import { schemaRoutes } from './schemas/routes.ts'
import { strictly } from './strict.ts'
import { tagRoutes } from './tags/routes.ts'
import { taskRoutes } from './tasks/routes.ts'
import { versionRoutes } from './versions.ts'

export interface ImageDeps {
  readonly store: ImageStore
  /** Per project. */
  readonly quota?: Partial<Quota>
  /** Where web-download may go. */
  readonly download?: DownloadRules
  /** The region that clients name to copy from an image of this cloud. */
  readonly region?: string
}

/**
 * image (Glance v2): images from `queued` to `active` and away, who sees them, how their bytes come in; metadata definitions.
 * Owns the tables image_*; asks the image store for bytes and no other service for anything.
 */
export function createImage(deps: ImageDeps): {
  readonly definition: ServiceDefinition
  readonly face: ImageFace
  bootstrap(ctx: Ctx, settings: ImageSettings): Promise<void>
} {
  const { store } = deps
  const quota: Quota = { ...defaultQuota, ...deps.quota }
  const download = deps.download ?? defaultDownloadRules
  const writing = new Writing({ store, quota })
  const storeId = store.kind
  const routes = [
    ...versionRoutes,
    ...imageRoutes({ storeId, quota }),
    ...dataRoutes({ store, writing }),
    ...tagRoutes,
    ...memberRoutes,
    ...taskRoutes,
    ...importRoutes({ storeId, download }),
    ...infoRoutes({ storeId, quota }),
    ...schemaRoutes,
    ...namespaceRoutes,
    ...definitionRoutes,
    ...definitionListRoutes,
    ...resourceTypeRoutes,
  ]
  const definition: ServiceDefinition = {
    name: 'image',
    mount: '/image',
    routes: routes.map(strictly),
    policies,
    migrations: [images, metadefs],
    reconcilers: [
      blobReconciler(store),
      writing.reconciler(),
      importReconciler({ store, quota, download, region: deps.region ?? 'RegionOne' }),
    ],
    fault: imageFault,
  }
  return {
    definition,
    face: new Face({ store, quota, writing }),
    bootstrap: async (ctx, settings) => await bootstrapImages(ctx, writing, settings),
  }
}

class Face implements ImageFace {
  readonly #store: ImageStore
  readonly #quota: Quota
  readonly #writing: Writing

  constructor(config: {
    readonly store: ImageStore
    readonly quota: Quota
    readonly writing: Writing
  }) {
    this.#store = config.store
    this.#quota = config.quota
    this.#writing = config.writing
  }

  async findImage(ctx: Ctx, id: string): ReturnType<ImageFace['findImage']> {
    const image = await findImage(ctx, id)
    return image === undefined ? undefined : imageInfo(image)
  }

  async listImages(ctx: Ctx): ReturnType<ImageFace['listImages']> {
    const everything = {
      limit: Number.MAX_SAFE_INTEGER - 1,
      marker: undefined,
      sorts: [],
      reverse: false,
    }
    const { images: found } = await listImages(ctx, readFilters(new URLSearchParams()), everything)
    return found.map(imageInfo)
  }

  async openImage(ctx: Ctx, id: string): Promise<Readable> {
    const image = await getImage(ctx, id)
    if (image.blob === null || image.size === null)
      throw cloudError('notFound', `Image ${id} has no data: it is ${image.status}.`)
    return await this.#store.read(image.blob)
  }

  async reserveImage(ctx: Ctx, wish: NewImage): Promise<string> {
    const id = randomUUID()
    const image = newImage({ ...ctx, who: undefined }, id, wish.projectId, {
      ...wish.properties,
      name: wish.name,
      visibility: 'private',
      container_format: wish.containerFormat,
      disk_format: wish.diskFormat,
      min_disk: wish.minDiskGiB,
      min_ram: wish.minRamMiB,
    })
    await mustHaveRoomForImage(ctx, this.#quota, wish.projectId)
    await insertImage(ctx, image)
    return id
  }

  async fillImage(ctx: Ctx, id: string, content: Readable): Promise<void> {
    await this.#writing.fill(ctx, await getImage(ctx, id), content)
  }

  async setImageProperties(
    ctx: Ctx,
    id: string,
    properties: Readonly<Record<string, string | null>>,
  ): Promise<void> {
    const image = await getImage(ctx, id)
    mustFor(ctx, 'modify_image', image.owner)
    if (!(await changeImage(ctx, id, { columns: {}, properties }))) throw noSuchImage(id)
  }

  async deleteImage(ctx: Ctx, id: string): Promise<void> {
    const image = await findImage(ctx, id)
    if (image !== undefined) return await deleteImage(ctx, image)
    if (ctx.who !== undefined) throw noSuchImage(id)
  }
}
