import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { PullProgress, RegistryAuth } from '../../ports/engine-images.ts'
import type { WorkloadDeps } from './reconcile.ts'
import type { WorkloadRow } from './schema.ts'
import { forgetPrivateImage, isPrivateImage, notePrivateImage, noteStep } from './store.ts'

const BY_NAME = 'docker:'
/** Progress is written down no more often than this. */
const TELL_EVERY_MS = 1_000

/** An image that the engine fetches by its name; false for one that is given to it. A refusal is told at once: trying again cannot help. */
export async function fetchImage(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow): Promise<boolean> {
  if (!row.image_key.startsWith(BY_NAME)) return false
  const name = row.image_key.slice(BY_NAME.length)
  const policy = row.image_pull ?? 'ifnotpresent'
  const present = await deps.compute.hasImage(row.image_key)
  // what came with credentials is asked for anew, each time with the asker's own
  const guarded = await isPrivateImage(ctx, name)
  if (present && !guarded && policy !== 'always') return true
  if (policy === 'never' && !guarded)
    throw cloudError(
      'badRequest',
      `The image ${name} is not on the host, and its pull policy is never`,
    )
  const auth = await deps.pulls.credentials?.(ctx, row.id)
  // written down before: a crash in between must not open the image to everybody
  if (auth !== undefined && !present) await notePrivateImage(ctx, name)
  try {
    await pull(ctx, deps, row, name, auth)
  } catch (error) {
    if (auth !== undefined && !present) await forgetPrivateImage(ctx, name)
    throw error
  }
  // its registry gives it to everybody
  if (auth === undefined && guarded) await forgetPrivateImage(ctx, name)
  return true
}

async function pull(
  ctx: Ctx,
  deps: WorkloadDeps,
  row: WorkloadRow,
  name: string,
  auth: RegistryAuth | undefined,
): Promise<void> {
  await noteStep(ctx, row.id, `pulling image ${name}`)
  let toldAt = 0
  await deps.compute.pullImage(name, {
    signal: ctx.signal,
    ...(auth === undefined ? {} : { auth }),
    onProgress(progress) {
      if (Date.now() - toldAt < TELL_EVERY_MS) return
      toldAt = Date.now()
      const step = `pulling image ${name}: ${wordsOf(progress)}`
      noteStep(ctx, row.id, step).catch((error: unknown) =>
        ctx.log.warn({ err: error, id: row.id }, 'writing down how far a pull is'),
      )
    },
  })
}

const MB = 1_000_000

function wordsOf({ layers, layersDone, bytes, totalBytes }: PullProgress): string {
  const megabytes = (count: number): string => (count / MB).toFixed(1)
  return `${layersDone} of ${layers} layers, ${megabytes(bytes)} of ${megabytes(totalBytes)} MB`
}
