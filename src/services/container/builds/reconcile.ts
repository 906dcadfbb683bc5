import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../../kernel/db/db.ts'
import { reasonOf } from '../../../kernel/errors/cloud-error.ts'
import { done, type Outcome, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { BuildDeps } from './deps.ts'
import { BuildLog } from './log.ts'
import { giveName } from './naming.ts'
import { isOver, type BuildOptions, type BuildRow, type BuildStatus } from './schema.ts'
import { deleteLines, findBuild, isCancelled, openBuildIds, updateBuild } from './store.ts'

export const BUILD = 'container.build'

const SWEEP_MS = 60_000
const CANCEL_LOOK_MS = 300
/** Begun again once after the process ended in the middle: a build that ends the process itself must not do so for ever. */
const MOST_ATTEMPTS = 2
const SPARE_MS = 120_000

/**
 * Builds: the files that were sent → an image of the engine → one in Glance. The engine's copy goes again; what runs is loaded
 * from Glance like any other image. A build that was interrupted is begun anew from its files.
 */
export function buildReconciler(deps: BuildDeps): Reconciler {
  return {
    kind: BUILD,
    concurrency: 2,
    deadlineMs: deps.limitMs + SPARE_MS,
    patience: { attempts: 1 },
    sweep: { everyMs: SWEEP_MS, keys: sweeper(deps) },
    reconcile: async (ctx, id) => await reconcileBuild(ctx, deps, id),
    giveUp: async (ctx, id, reason) => {
      const row = await findBuild(ctx, id)
      if (row !== undefined && !isOver(row.status)) await end(ctx, deps, row, 'Failed', reason)
    },
  }
}

/** Builds under way, and files that belong to none: seen twice, because at first they may be those of a request at hand. */
function sweeper(deps: BuildDeps): (ctx: Ctx) => Promise<readonly string[]> {
  let before = new Set<string>()
  return async (ctx) => {
    const open = await openBuildIds(ctx)
    const kept = await deps.contexts.list()
    const again = kept.filter((id) => before.has(id))
    before = new Set(kept)
    return [...new Set([...open, ...again])]
  }
}

async function reconcileBuild(ctx: Ctx, deps: BuildDeps, id: string): Promise<Outcome> {
  const row = await findBuild(ctx, id)
  if (row === undefined || isOver(row.status)) {
    await deps.contexts.remove(id)
    return done
  }
  if (row.cancelled === 1) return await end(ctx, deps, row, 'Cancelled')
  if (row.attempts >= MOST_ATTEMPTS)
    return await end(ctx, deps, row, 'Failed', 'The cloud was stopped twice while it was building.')
  await begin(ctx, row)
  const log = new BuildLog(ctx, id)
  try {
    const imageId = await build(ctx, deps, row, log)
    await log.flush()
    return await end(ctx, deps, { ...row, image_id: imageId }, 'Succeeded')
  } catch (error) {
    await log.flush()
    if (ctx.stopping.aborted) throw error // the next process begins it anew
    if (await isCancelled(ctx, id)) return await end(ctx, deps, row, 'Cancelled')
    return await end(ctx, deps, row, 'Failed', reasonOf(error))
  }
}

async function begin(ctx: Ctx, row: BuildRow): Promise<void> {
  await inTx(ctx, async (tx) => {
    await deleteLines(tx, row.id) // of an attempt that was interrupted
    await updateBuild(tx, row.id, {
      status: 'Building',
      attempts: row.attempts + 1,
      started_at: ctx.now().toISOString(),
    })
  })
}

async function build(ctx: Ctx, deps: BuildDeps, row: BuildRow, log: BuildLog): Promise<string> {
  const { signal, stop } = endOfPatience(ctx, deps, row.id)
  try {
    const { network, ...options } = fromJson<BuildOptions>(row.options)
    const built = await deps.builder.buildImage(await deps.contexts.read(row.id), {
      ...options,
      ...(network === undefined ? {} : { network }),
      onLine: (line) => log.add(line),
      signal,
    })
    try {
      log.add(`Saving the image (${Math.ceil(built.sizeBytes / 1_000_000)} MB)`)
      return await save(ctx, deps, row, built.id)
    } finally {
      await deps.builder.removeBuiltImage(built.id)
    }
  } catch (error) {
    throw signal.aborted ? new Error(reasonOf(signal.reason), { cause: error }) : error
  } finally {
    stop()
  }
}

/** Ends a build that takes too long, that somebody cancelled, or whose process stops. */
function endOfPatience(
  ctx: Ctx,
  { limitMs }: BuildDeps,
  id: string,
): { readonly signal: AbortSignal; readonly stop: () => void } {
  const abort = new AbortController()
  const minutes = Math.round(limitMs / 60_000)
  const late = setTimeout(
    () => abort.abort(new Error(`The build took longer than ${minutes} minutes.`)),
    limitMs,
  )
  const look = setInterval(() => {
    isCancelled(ctx, id).then(
      (cancelled) => {
        if (cancelled) abort.abort(new Error('The build was cancelled.'))
      },
      () => undefined, // looked again in a moment
    )
  }, CANCEL_LOOK_MS)
  const stop = (): void => {
    clearTimeout(late)
    clearInterval(look)
  }
  return { signal: AbortSignal.any([abort.signal, ctx.signal, ctx.stopping]), stop }
}

/** Reserved first, and its id written down, so that whatever happens it can be found and taken away. */
async function save(ctx: Ctx, deps: BuildDeps, row: BuildRow, builtId: string): Promise<string> {
  await dropImage(ctx, deps, row.image_id)
  const imageId = await inTx(ctx, async (tx) => {
    const reserved = await deps.image.reserveImage(tx, {
      projectId: row.project_id,
      name: row.name,
      containerFormat: 'docker',
      diskFormat: 'raw',
      minDiskGiB: 0,
      minRamMiB: 0,
      properties: { stackyard_build: row.id },
    })
    await updateBuild(tx, row.id, { status: 'Saving', image_id: reserved })
    return reserved
  })
  await deps.image.fillImage(ctx, imageId, await deps.builder.openEngineImage(builtId))
  await giveName(ctx, deps.image, row, imageId)
  return imageId
}

async function dropImage(ctx: Ctx, deps: BuildDeps, imageId: string | null): Promise<void> {
  if (imageId !== null) await deps.image.deleteImage(ctx, imageId)
}

async function end(
  ctx: Ctx,
  deps: BuildDeps,
  row: BuildRow,
  status: BuildStatus,
  reason?: string,
): Promise<Outcome> {
  const now = await findBuild(ctx, row.id)
  if (status !== 'Succeeded') await dropImage(ctx, deps, now?.image_id ?? null)
  await updateBuild(ctx, row.id, {
    status,
    reason: reason?.slice(0, 2000) ?? null,
    finished_at: ctx.now().toISOString(),
    ...(status === 'Succeeded' ? { image_id: row.image_id } : { image_id: null }),
  })
  await deps.contexts.remove(row.id)
  return done
}
