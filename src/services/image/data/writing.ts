import { randomUUID } from 'node:crypto'
import { PassThrough, type Readable } from 'node:stream'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError, isCloudError, reasonOf } from '../../../kernel/errors/cloud-error.ts'
import { done, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { ImageStore, StoredBlob } from '../../../ports/image-store.ts'
import type { ImageTable } from '../images/schema.ts'
import { updateImage } from '../images/store.ts'
import { roomForBytes, type Quota } from '../quota.ts'
import { dropBlobs } from './blobs.ts'
import { abandonedImages, keepWriting } from './store.ts'

const HEARTBEAT_MS = 20_000
const BELIEVED_ALIVE_MS = 60_000
const SWEEP_MS = 30_000

type Target = Pick<ImageTable, 'id' | 'owner' | 'status' | 'container_format' | 'disk_format'>

/**
 * How bytes get into an image, uploaded or staged. The row says first under which new name they will be (and who writes),
 * then the store writes, then the row becomes what was wanted. Whatever breaks in between puts the row back to `queued`: by
 * us, or after a kill by the sweep, which knows dead writers by their name.
 */
export class Writing {
  readonly #store: ImageStore
  readonly #quota: Quota
  readonly #writer = randomUUID()

  constructor(config: { readonly store: ImageStore; readonly quota: Quota }) {
    this.#store = config.store
    this.#quota = config.quota
  }

  /** Stores the content: `queued` → `saving` → `active`. `announced` is the size the sender says it has. */
  async fill(ctx: Ctx, image: Target, content: Readable, announced?: number): Promise<void> {
    mustHaveFormats(image)
    const blob = randomUUID()
    await this.#begin(ctx, image, { status: 'saving', blob }, announced)
    const stored = await this.#write(ctx, image, blob, content)
    const kept = await updateImage(
      ctx,
      image.id,
      { ...activeColumns(image, blob, stored), ...noWriter },
      { status: ['saving'], blob },
    )
    if (!kept) await this.#gone(ctx, image.id, blob)
  }

  /** Keeps the content for a later import: `queued` → `uploading`. */
  async stage(ctx: Ctx, image: Target, content: Readable, announced?: number): Promise<void> {
    const staged = randomUUID()
    await this.#begin(ctx, image, { status: 'uploading', staged }, announced)
    const stored = await this.#write(ctx, image, staged, content)
    const kept = await updateImage(
      ctx,
      image.id,
      { staged_digest: toJson(stored), staged_size: stored.sizeBytes, ...noWriter },
      { status: ['uploading'], staged },
    )
    if (!kept) await this.#gone(ctx, image.id, staged)
  }

  async #begin(
    ctx: Ctx,
    image: Target,
    to: Pick<ImageTable, 'status'> & Partial<Pick<ImageTable, 'blob' | 'staged'>>,
    announced?: number,
  ): Promise<void> {
    await roomForBytes(ctx, this.#quota, image.owner, announced)
    const began = await updateImage(
      ctx,
      image.id,
      { ...to, writer: this.#writer, writer_until: ctx.now().getTime() + BELIEVED_ALIVE_MS },
      { status: ['queued'] },
    )
    if (!began) {
      throw cloudError(
        'conflict',
        `Image status transition from ${image.status} to ${to.status} is not allowed: only a queued image takes data.`,
      )
    }
  }

  async #write(ctx: Ctx, image: Target, name: string, content: Readable): Promise<StoredBlob> {
    const alive =
      ctx.db.dialect === 'sqlite'
        ? undefined
        : setInterval(() => {
            keepWriting(ctx, this.#writer, image.id, ctx.now().getTime() + BELIEVED_ALIVE_MS).catch(
              (error: unknown) => ctx.log.warn({ err: error }, 'image upload heartbeat'),
            )
          }, HEARTBEAT_MS)
    try {
      const maxBytes = await roomForBytes(ctx, this.#quota, image.owner)
      const stored = await this.#store.write(name, shielded(content), { maxBytes })
      await roomForBytes(ctx, this.#quota, image.owner, stored.sizeBytes) // others may have uploaded meanwhile
      return stored
    } catch (error) {
      await putBack(ctx, image.id, name)
      throw uploadError(error, content)
    } finally {
      clearInterval(alive)
    }
  }

  /** The image was deleted while its bytes came in. */
  async #gone(ctx: Ctx, id: string, name: string): Promise<never> {
    await dropBlobs(ctx, [name])
    throw cloudError('gone', `Image ${id} was deleted during the upload.`)
  }

  /** Gives images of dead writers back to their users. */
  async release(ctx: Ctx): Promise<void> {
    for (const image of await abandonedImages(ctx, this.#writer)) await this.#releaseOne(ctx, image)
  }

  async #releaseOne(ctx: Ctx, image: ImageTable): Promise<void> {
    const name = image.status === 'saving' ? image.blob : image.staged
    if (name !== null) await putBack(ctx, image.id, name)
  }

  reconciler(): Reconciler {
    return {
      kind: 'image.writing',
      reconcile: async (ctx, key) => {
        const image = (await abandonedImages(ctx, this.#writer)).find(({ id }) => id === key)
        if (image !== undefined) await this.#releaseOne(ctx, image)
        return done
      },
      sweep: {
        everyMs: SWEEP_MS,
        keys: async (ctx) => (await abandonedImages(ctx, this.#writer)).map(({ id }) => id),
      },
    }
  }
}

const noWriter = { writer: null, writer_until: 0 } as const

/** What the row of an image with these bytes says. */
export function activeColumns(
  image: Pick<ImageTable, 'container_format' | 'disk_format'>,
  blob: string,
  stored: StoredBlob,
): Partial<ImageTable> {
  const plainDisk = image.container_format === 'bare' && image.disk_format === 'raw'
  return {
    status: 'active',
    blob,
    staged: null,
    staged_digest: null,
    staged_size: null,
    size: stored.sizeBytes,
    virtual_size: plainDisk ? stored.sizeBytes : null,
    checksum: stored.md5,
    sha512: stored.sha512,
  }
}

export function stagedBlob(image: Pick<ImageTable, 'staged_digest'>): StoredBlob | undefined {
  return image.staged_digest === null ? undefined : fromJson<StoredBlob>(image.staged_digest)
}

export function mustHaveFormats(image: Pick<ImageTable, 'container_format' | 'disk_format'>): void {
  if (image.container_format === null || image.disk_format === null) {
    throw cloudError(
      'badRequest',
      'Properties disk_format, container_format must be set prior to saving data.',
    )
  }
}

/** The image waits for data again; what was written under `name` goes. */
async function putBack(ctx: Ctx, id: string, name: string): Promise<void> {
  const queued = { status: 'queued', staged_digest: null, staged_size: null, ...noWriter } as const
  await inTx(ctx, async (tx) => {
    const saving = await updateImage(
      tx,
      id,
      { ...queued, blob: null },
      { status: ['saving'], blob: name },
    )
    if (!saving)
      await updateImage(
        tx,
        id,
        { ...queued, staged: null },
        { status: ['uploading'], staged: name },
      )
    await dropBlobs(tx, [name])
  })
}

/**
 * The store destroys what it reads from when it stops early; with a request that would close the connection before the
 * client has read why. So it reads from a stand-in.
 */
function shielded(source: Readable): Readable {
  const shield = new PassThrough({ highWaterMark: 1024 * 1024 })
  source.once('error', (error) => shield.destroy(error))
  source.once('close', () => {
    if (!source.readableEnded)
      shield.destroy(new Error('the sender went away before everything was sent'))
  })
  shield.once('close', () => source.unpipe(shield))
  if (source.destroyed) shield.destroy(new Error('the sender went away before everything was sent'))
  return source.pipe(shield)
}

function uploadError(error: unknown, content: Readable): unknown {
  if (isCloudError(error)) return error
  if (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ENOSPC' || error.code === 'EDQUOT')
  ) {
    return cloudError('tooLarge', 'There is not enough disk space left on the image store.', {
      cause: error,
    })
  }
  if (content.errored !== null || (content.destroyed && !content.readableEnded)) {
    return cloudError('badRequest', `The upload broke off: ${reasonOf(error)}.`, { cause: error })
  }
  return error
}
