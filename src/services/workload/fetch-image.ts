import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { inTx } from '../../kernel/db/db.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import { Hopeless } from '../../kernel/tasks/back-off.ts'
import { done, type Outcome, type Reconciler } from '../../kernel/tasks/reconciler.ts'
import { nudge } from '../../kernel/tasks/store.ts'
import type { PullProgress, RegistryAuth } from '../../ports/engine-images.ts'
import type { WorkloadDeps } from './deps.ts'
import type { WorkloadRow } from './schema.ts'
import {
  failWorkload,
  findWorkload,
  forgetPrivateImage,
  isPrivateImage,
  noteFetched,
  notePrivateImage,
  noteStep,
} from './store.ts'

const BY_NAME = 'docker:'
/** Progress is written down no more often than this. */
const TELL_EVERY_MS = 1_000
/** How soon a pull that nobody wants any more is ended. */
const LOOK_EVERY_MS = 300
const LONGEST_PULL_MS = 60 * 60_000

export const isByName = (row: Pick<WorkloadRow, 'image_key'>): boolean =>
  row.image_key.startsWith(BY_NAME)

/** Whether the container may be made of the image as it is on the host: it was fetched for this revision, or need not be. */
export async function isFetched(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow): Promise<boolean> {
  if (!(await deps.compute.hasImage(row.image_key))) return false
  if (row.fetched_revision === row.revision) return true
  // what came with credentials is asked for anew, each time with the asker's own
  return policyOf(row) !== 'always' && !(await isPrivateImage(ctx, nameOf(row)))
}

/**
 * Fetches images by name, on its own: it may take as long as it takes without holding up those whose image is there, and ends
 * as soon as the workload is deleted or wants another. A refusal is told at once: trying again cannot help.
 */
export function fetchReconciler(deps: WorkloadDeps): Reconciler {
  return {
    kind: 'workload.fetch',
    concurrency: 4,
    deadlineMs: LONGEST_PULL_MS,
    patience: { attempts: 7 },
    reconcile: async (ctx, id) => await fetch(ctx, deps, id),
    async giveUp(ctx, id, reason) {
      const row = await findWorkload(ctx, id)
      if (row === undefined || row.removing === 1) return
      await inTx(ctx, async (tx) => {
        await failWorkload(tx, id, reason)
        await nudge(tx, row.owner_kind, id)
      })
    },
  }
}

async function fetch(ctx: Ctx, deps: WorkloadDeps, id: string): Promise<Outcome> {
  const row = await findWorkload(ctx, id)
  if (row === undefined || !isWanted(row, row) || row.error !== null) return done
  if (!(await isFetched(ctx, deps, row))) {
    const unwanted = new AbortController()
    const timer = setInterval(() => void endWhenUnwanted(ctx, row, unwanted), LOOK_EVERY_MS)
    const signal = AbortSignal.any([ctx.signal, unwanted.signal])
    try {
      await pullFor({ ...ctx, signal }, deps, row)
    } catch (cause) {
      if (unwanted.signal.aborted) return done
      const wrong = cause instanceof Error && 'status' in cause && cause.status === 400
      throw wrong
        ? new Hopeless('loading the image', { cause })
        : new Error('loading the image', { cause })
    } finally {
      clearInterval(timer)
    }
  }
  await inTx(ctx, async (tx) => {
    await noteFetched(tx, row)
    await nudge(tx, 'workload', id)
  })
  return done
}

const isWanted = (row: WorkloadRow, before: WorkloadRow): boolean =>
  row.removing === 0 && row.revision === before.revision && isByName(row)

async function endWhenUnwanted(
  ctx: Ctx,
  before: WorkloadRow,
  unwanted: AbortController,
): Promise<void> {
  try {
    const row = await findWorkload(ctx, before.id)
    if (row === undefined || !isWanted(row, before))
      unwanted.abort(new Error('the image is no longer wanted'))
  } catch (error) {
    ctx.log.warn({ err: error, id: before.id }, 'looking whether an image is still wanted')
  }
}

async function pullFor(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow): Promise<void> {
  const name = nameOf(row)
  const present = await deps.compute.hasImage(row.image_key)
  const guarded = await isPrivateImage(ctx, name)
  if (policyOf(row) === 'never' && !guarded)
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
    // an engine that was not asked, or broke off, may have it all the same
    if (auth !== undefined && !present && !(await deps.compute.hasImage(row.image_key)))
      await forgetPrivateImage(ctx, name)
    throw error
  }
  // its registry gives it to everybody
  if (auth === undefined && guarded) await forgetPrivateImage(ctx, name)
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

const nameOf = (row: WorkloadRow): string => row.image_key.slice(BY_NAME.length)
const policyOf = (row: WorkloadRow): string => row.image_pull ?? 'ifnotpresent'

const MB = 1_000_000

function wordsOf({ layers, layersDone, bytes, totalBytes }: PullProgress): string {
  const megabytes = (count: number): string => (count / MB).toFixed(1)
  return `${layersDone} of ${layers} layers, ${megabytes(bytes)} of ${megabytes(totalBytes)} MB`
}
