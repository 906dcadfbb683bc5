import { createReadStream } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Writing } from './data/writing.ts'
import { newImage } from './images/change.ts'
import { findImageByName, insertImage } from './images/store.ts'

/** An image that every cloud has from its first start. */
export interface GuestImage {
  readonly name: string
  /** Absolute path of a `docker save` archive. */
  readonly file: string
  readonly description: string
  readonly minDisk: number
  readonly minRam: number
  readonly properties: Readonly<Record<string, string>>
}

export interface ImageSettings {
  readonly guests: readonly GuestImage[]
  /** Owner of the guests. */
  readonly projectId: string
}

/** Uploads the guests that are not there yet. A start that was killed half-way is taken up where it broke off. */
export async function bootstrapImages(
  ctx: Ctx,
  writing: Writing,
  settings: ImageSettings,
): Promise<void> {
  await writing.release(ctx)
  for (const guest of settings.guests) {
    const known = await findImageByName(ctx, settings.projectId, guest.name)
    if (known !== undefined && known.status !== 'queued') continue
    try {
      await access(guest.file, constants.R_OK)
    } catch (cause) {
      throw new Error(`the guest image ${guest.name} cannot be read from ${guest.file}`, { cause })
    }
    const image = known ?? (await insertGuest(ctx, guest, settings.projectId))
    await writing.fill(ctx, image, createReadStream(guest.file, { highWaterMark: 1024 * 1024 }))
  }
}

async function insertGuest(
  ctx: Ctx,
  guest: GuestImage,
  projectId: string,
): Promise<ReturnType<typeof newImage>> {
  const image = newImage(ctx, randomUUID(), projectId, {
    name: guest.name,
    visibility: 'public',
    container_format: 'docker',
    disk_format: 'raw',
    min_disk: guest.minDisk,
    min_ram: guest.minRam,
    ...guest.properties,
    description: guest.description,
  })
  await insertImage(ctx, image)
  return image
}
