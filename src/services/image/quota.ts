import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import { usageOf } from './images/store.ts'

/** What one project may have; Glance answers 413 beyond. */
export interface Quota {
  readonly images: number
  readonly bytes: number
}

export const defaultQuota: Quota = { images: 10_000, bytes: 10 * 1024 ** 4 }

/** Per image, as Glance has them. */
export const PROPERTIES_PER_IMAGE = 128
export const TAGS_PER_IMAGE = 128
export const MEMBERS_PER_IMAGE = 128

export async function mustHaveRoomForImage(
  ctx: Ctx,
  quota: Quota,
  owner: string | null,
): Promise<void> {
  if (owner === null) return
  const { images } = await usageOf(ctx, owner)
  if (images >= quota.images) {
    throw cloudError(
      'tooLarge',
      `The project has ${images} images of the ${quota.images} it may have: delete some first.`,
    )
  }
}

/** How many bytes more the project may store; 413 when there are none. `announced` is what the client says it sends. */
export async function roomForBytes(
  ctx: Ctx,
  quota: Quota,
  owner: string | null,
  announced = 0,
): Promise<number> {
  if (owner === null) return quota.bytes
  const { bytes } = await usageOf(ctx, owner)
  const room = quota.bytes - bytes
  if (room <= 0 || announced > room) {
    throw cloudError(
      'tooLarge',
      `The project's images take ${bytes} of the ${quota.bytes} bytes they may take: there is no room for this one.`,
    )
  }
  return room
}

/** 413 when an image has too many of something. */
export function mustBeFew(count: number, most: number, what: string): void {
  if (count > most)
    throw cloudError('tooLarge', `An image can have ${most} ${what}; this would make ${count}.`)
}
