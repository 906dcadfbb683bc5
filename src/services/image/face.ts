import type { Readable } from 'node:stream'
import type { Ctx } from '../../kernel/ctx/ctx.ts'

/** What other services may ask of image. */
export interface ImageFace {
  /** An image that the asking project may see (any, without an asker); undefined when there is none. */
  findImage(ctx: Ctx, id: string): Promise<ImageInfo | undefined>
  listImages(ctx: Ctx): Promise<readonly ImageInfo[]>
  /** The bytes; throws `notFound` when there are none. */
  openImage(ctx: Ctx, id: string): Promise<Readable>
  /** A `queued` image owned by the project, to be filled by `fillImage`: answers its id. Counts against the project's quota. */
  reserveImage(ctx: Ctx, wish: NewImage): Promise<string>
  /** Stores the bytes and makes the image `active`; whatever breaks leaves it `queued` and throws. */
  fillImage(ctx: Ctx, id: string, content: Readable): Promise<void>
  /** Nova's image proxy sets these; `null` removes a property. */
  setImageProperties(
    ctx: Ctx,
    id: string,
    properties: Readonly<Record<string, string | null>>,
  ): Promise<void>
  /** For the cloud's own hands; `notFound` when there is none. */
  renameImage(ctx: Ctx, id: string, name: string): Promise<void>
  /**
   * Also ends a reserved image whose filling failed for good. For the cloud's own hands one that is gone already is success, and
   * a protected one goes too.
   */
  deleteImage(ctx: Ctx, id: string): Promise<void>
}

export interface ImageInfo {
  readonly id: string
  readonly name: string
  readonly status:
    | 'queued'
    | 'saving'
    | 'active'
    | 'importing'
    | 'uploading'
    | 'deactivated'
    | 'deleted'
    | 'pending_delete'
    | 'killed'
  readonly visibility: 'public' | 'community' | 'shared' | 'private'
  readonly projectId: string
  readonly protected: boolean
  readonly containerFormat: string | null
  readonly diskFormat: string | null
  readonly minDiskGiB: number
  readonly minRamMiB: number
  readonly sizeBytes: number | null
  /** Digest of the stored bytes, `sha512:<hex>`: the key under which the engine knows it; null until active. */
  readonly key: string | null
  /** Custom properties. */
  readonly properties: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  /** ISO 8601 */
  readonly createdAt: string
  readonly updatedAt: string
}

export interface NewImage {
  readonly projectId: string
  readonly name: string
  readonly containerFormat: string
  readonly diskFormat: string
  readonly minDiskGiB: number
  readonly minRamMiB: number
  readonly properties: Readonly<Record<string, string>>
}
