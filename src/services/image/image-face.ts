import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { asCloud, type Ctx } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ImageStore } from '../../ports/image-store.ts'
import { mustFor } from './access.ts'
import type { Writing } from './data/writing.ts'
import type { ImageFace, NewImage } from './face.ts'
import { newImage } from './images/change.ts'
import { deleteImage } from './images/routes.ts'
import { changeImage, findImage, getImage, insertImage, noSuchImage } from './images/store.ts'
import { imageInfo } from './images/view.ts'
import { readFilters } from './listing/filters.ts'
import { listImages } from './listing/store.ts'
import { mustHaveRoomForImage, type Quota } from './quota.ts'

/** What other services see of this one. */
export class LocalImages implements ImageFace {
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
    const image = newImage(asCloud(ctx), id, wish.projectId, {
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

  async renameImage(ctx: Ctx, id: string, name: string): Promise<void> {
    if (!(await changeImage(ctx, id, { columns: { name }, properties: {} }))) throw noSuchImage(id)
  }

  async deleteImage(ctx: Ctx, id: string): Promise<void> {
    const image = await findImage(ctx, id)
    if (image !== undefined) return await deleteImage(ctx, image)
    if (ctx.who !== undefined) throw noSuchImage(id)
  }
}
