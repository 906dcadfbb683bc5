import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../kernel/db/db.ts'
import { again, done, type Outcome, type Reconciler } from '../../kernel/tasks/reconciler.ts'
import { nudge } from '../../kernel/tasks/store.ts'
import type { Limits, SeenWorkload } from '../../ports/compute.ts'
import type { WorkloadDeps } from './deps.ts'
import type { Nic, RestartPolicy } from './face.ts'
import { isByName, isFetched } from './fetch-image.ts'
import { restartDelay, wantsRestart, wasKilled } from './restarts.ts'
import { endedByItself, planWorkload, type Plan, type Seen, type Wish } from './plan.ts'
import type { WorkloadRow } from './schema.ts'
import { carryOut } from './steps.ts'
import {
  failWorkload,
  findWorkload,
  hasLeavingGuests,
  listSwept,
  noteRepairing,
  noteRestartDue,
  noteStep,
  settleWorkload,
  type Swept,
} from './store.ts'

const SWEEP_MS = 60_000
/** How soon the owner of a sandbox looks again whether those who share it are gone. */
const GUESTS_LOOK_MS = 200

/**
 * The one reconciler of everything that runs: create, start, stop, resize, rebuild, delete, «Docker says it died» and «we were
 * killed half-way» all end here. A key without a row is an orphan: what the engine holds for it is removed.
 */
export function workloadReconciler(deps: WorkloadDeps): Reconciler {
  return {
    kind: 'workload',
    concurrency: 6,
    patience: { attempts: 7 },
    reconcile: async (ctx, id) => await reconcile(ctx, deps, id),
    async giveUp(ctx, id, reason) {
      const row = await findWorkload(ctx, id)
      if (row === undefined) return
      await inTx(ctx, async (tx) => {
        await failWorkload(tx, id, reason)
        await nudge(tx, row.owner_kind, id)
      })
      // a removal is never given up for good: nothing may leak because the engine was away for a while
      if (row.removing === 1) await nudge(ctx, 'workload.retry', id, SWEEP_MS)
    },
    sweep: { everyMs: SWEEP_MS, keys: async (ctx) => await needingALook(ctx, deps) },
  }
}

/** Takes a removal up again that had been given up. */
export const retryReconciler: Reconciler = {
  kind: 'workload.retry',
  async reconcile(ctx, id) {
    await nudge(ctx, 'workload', id)
    return done
  },
}

async function reconcile(ctx: Ctx, deps: WorkloadDeps, id: string): Promise<Outcome> {
  const row = await findWorkload(ctx, id)
  if (row === undefined) {
    await deps.compute.destroy(id)
    return done
  }
  const waitMs = row.restart_at === null ? 0 : Date.parse(row.restart_at) - ctx.now().getTime()
  if (waitMs > 0 && row.removing === 0) return again(waitMs)
  const wish = wishOf(row)
  const seen = row.seen === 'new' ? nothing : await observe(ctx, deps, row)
  if (isLost(row, wish, seen)) return await giveLost(ctx, row)
  if (row.removing === 1 && row.shares_sandbox === 1 && (await hasLeavingGuests(ctx, id)))
    return again(GUESTS_LOOK_MS)
  const plan = planWorkload(wish, seen)
  if (await mustFetch(ctx, deps, row, plan)) return done
  if (plan.length > 0 && !wish.changed) await noteRepairing(ctx, row)
  for (const stage of plan) {
    ctx.signal.throwIfAborted()
    await carryOut(ctx, deps, row, stage)
  }
  if (wish.power === 'removed') return done
  const now = await seenAfter(ctx, deps, row, plan, seen)
  await settle(ctx, row, wish, now)
  return await perhapsAgain(ctx, row, wish, now)
}

/** An image by name that is not there yet: its own reconciler fetches it, and says so. */
async function mustFetch(
  ctx: Ctx,
  deps: WorkloadDeps,
  row: WorkloadRow,
  plan: Plan,
): Promise<boolean> {
  const loads = plan.some((stage) => stage.some(({ kind }) => kind === 'loadImage'))
  if (!loads || !isByName(row) || (await isFetched(ctx, deps, row))) return false
  await inTx(ctx, async (tx) => {
    await noteStep(tx, row.id, 'waiting for the image')
    await nudge(tx, 'workload.fetch', row.id)
  })
  return true
}

/** It is not to be made anew when somebody removed it behind the cloud's back. */
function isLost(row: WorkloadRow, wish: Wish, seen: Seen): boolean {
  const gone = row.seen !== 'new' && seen.container === 'absent'
  return row.heal === 0 && gone && !wish.changed && wish.power !== 'removed'
}

async function giveLost(ctx: Ctx, row: WorkloadRow): Promise<Outcome> {
  if (row.error !== null) return done
  await inTx(ctx, async (tx) => {
    await failWorkload(
      tx,
      row.id,
      'The container is gone from its host, and it is not to be healed.',
    )
    await nudge(tx, row.owner_kind, row.id)
  })
  return done
}

/** What is taken for granted of a new workload. Should a crash have left more, every step finds what is there already. */
const nothing: Seen = { sandbox: 'absent', container: 'absent', pluggedPorts: [] }

function wishOf(row: WorkloadRow): Wish {
  return {
    power: row.removing === 1 ? 'removed' : row.power,
    revision: row.revision,
    keepFiles: row.carried > 0,
    limits: fromJson<Limits>(row.limits),
    nics: fromJson<Nic[]>(row.nics),
    boundPorts: fromJson<string[]>(row.bound_ports),
    restart: row.restart,
    changed: row.generation !== row.settled_generation || row.repairing === 1,
  }
}

async function observe(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow): Promise<Seen> {
  const [seen, pluggedPorts] = await Promise.all([
    deps.compute.observe(row.id, row.sandbox_of ?? undefined),
    deps.network.pluggedPorts(
      ctx,
      fromJson<Nic[]>(row.nics).map((nic) => nic.portId),
    ),
  ])
  return { ...seen, pluggedPorts }
}

/** Writes down what is so now. A process that ended by itself makes the wish follow: nobody asked for it to run again. */
async function settle(ctx: Ctx, row: WorkloadRow, wish: Wish, seen: SeenWorkload): Promise<void> {
  const ended = hasEnded(wish, seen) && !isToRestart(row, seen)
  await inTx(ctx, async (tx) => {
    await settleWorkload(tx, row, {
      seen: seenWord(seen),
      exit_code: seen.exitCode ?? null,
      oom_killed: seen.oomKilled === true ? 1 : 0,
      started_at: seen.startedAt ?? row.started_at,
      finished_at: seen.finishedAt ?? null,
      health: seen.health ?? null,
      bound_ports: JSON.stringify(wish.nics.map((nic) => nic.portId)),
      ...(ended ? { power: 'stopped' as const } : {}),
    })
    if (isDue(row, wish, seen)) {
      const now = tx.now()
      const at = new Date(now.getTime() + restartDelay(row.restarts, seen, now)).toISOString()
      await noteRestartDue(tx, row, at, seen.container === 'running' ? 'soft' : null)
    }
    await nudge(tx, row.owner_kind, row.id)
  })
}

const hasEnded = (wish: Wish, seen: SeenWorkload): boolean =>
  endedByItself({ ...wish, changed: false }, { ...seen, pluggedPorts: [] })

const isToRestart = (row: WorkloadRow, seen: SeenWorkload): boolean =>
  row.rescue === 0 &&
  !wasKilled(row.killed_at, seen) &&
  wantsRestart(fromJson<RestartPolicy>(row.restart_policy), row.restarts, seen)

/** Its process ended, or runs and is unhealthy, and its policy says that it is started again. */
function isDue(row: WorkloadRow, wish: Wish, seen: SeenWorkload): boolean {
  const unwell = wish.power === 'running' && seen.health === 'unhealthy'
  return (hasEnded(wish, seen) || unwell) && isToRestart(row, seen)
}

/** When a restart was noted it is looked at again at its time. */
async function perhapsAgain(
  ctx: Ctx,
  row: WorkloadRow,
  wish: Wish,
  seen: SeenWorkload,
): Promise<Outcome> {
  if (!isDue(row, wish, seen)) return done
  const due = (await findWorkload(ctx, row.id))?.restart_at ?? null
  return due === null ? done : again(Math.max(1, Date.parse(due) - ctx.now().getTime()))
}

/**
 * What the engine shows after the plan. A start that succeeded needs no second look: should the process have ended since, the
 * engine's own event says so.
 */
async function seenAfter(
  ctx: Ctx,
  deps: WorkloadDeps,
  row: WorkloadRow,
  plan: Plan,
  before: Seen,
): Promise<SeenWorkload> {
  if (plan.length === 0) return before
  const [last] = plan.at(-1) ?? []
  if (last?.kind !== 'start') return await deps.compute.observe(row.id, row.sandbox_of ?? undefined)
  return { sandbox: 'running', container: 'running', startedAt: ctx.now().toISOString() }
}

function seenWord(seen: SeenWorkload): WorkloadRow['seen'] {
  if (seen.container === 'running' || seen.container === 'paused') return seen.container
  return seen.container === 'absent' ? 'new' : 'stopped'
}

/**
 * Orphans, what is not settled, what the engine lost altogether, and what hangs in no network because that one was lost;
 * the engine's own changes are told by `watchEngine`.
 */
async function needingALook(ctx: Ctx, deps: WorkloadDeps): Promise<readonly string[]> {
  const rows = await listSwept(ctx, deps.hostName)
  const known = new Set(rows.map((row) => row.id))
  const held = await deps.compute.list()
  const there = new Set(held)
  const ports = rows.flatMap((row) => row.portIds)
  const plugged = new Set(ports.length === 0 ? [] : await deps.network.pluggedPorts(ctx, ports))
  const fine = ({ id, settled, portIds }: Swept): boolean =>
    settled && there.has(id) && portIds.every((port) => plugged.has(port))
  return [
    ...held.filter((id) => !known.has(id)),
    ...rows.filter((row) => !fine(row)).map((row) => row.id),
  ]
}
