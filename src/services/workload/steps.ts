import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../kernel/db/db.ts'
import { Hopeless } from '../../kernel/tasks/back-off.ts'
import { nudge } from '../../kernel/tasks/store.ts'
import type { ComputePort, Limits } from '../../ports/compute.ts'
import { containerSpec } from './container-spec.ts'
import type { WorkloadDeps } from './deps.ts'
import type { Nic } from './face.ts'
import { isByName } from './fetch-image.ts'
import type { Step } from './plan.ts'
import type { WorkloadRow } from './schema.ts'
import { deleteWorkload, noteRestarted, noteStep } from './store.ts'

/** All steps of a stage, and only then its first failure: nothing may still be under way when the next try begins. */
export async function carryOut(
  ctx: Ctx,
  deps: WorkloadDeps,
  row: WorkloadRow,
  stage: readonly Step[],
): Promise<void> {
  const results = await Promise.allSettled(
    stage.map(async (step) => await apply(ctx, deps, row, step)),
  )
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function apply(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow, step: Step): Promise<void> {
  const begun = performance.now()
  try {
    await applyStep(ctx, deps, row, step)
    ctx.log.debug(
      { id: row.id, step: step.kind, ms: Math.round(performance.now() - begun) },
      'step',
    )
  } catch (cause) {
    await noteStep(ctx, row.id, wordsFor(step))
    throw stepFailed(step, cause)
  }
}

async function applyStep(
  ctx: Ctx,
  deps: WorkloadDeps,
  row: WorkloadRow,
  step: Step,
): Promise<void> {
  const { compute, network } = deps
  switch (step.kind) {
    case 'loadImage':
      return await loadImage(ctx, deps, row)
    case 'ensureSandbox':
      return await ensureSandbox(ctx, compute, row)
    case 'plug':
      return await plug(ctx, deps, row, step.nic)
    case 'create':
      return await compute.create(await containerSpec(ctx, network, row))
    case 'setLimits':
      return await compute.setLimits(row.id, fromJson<Limits>(row.limits))
    case 'noteRestart':
      return await noteRestarted(ctx, row)
    case 'unplug':
      return await network.unplugPort(ctx, step.portId)
    case 'release':
      await network.unplugPort(ctx, step.portId)
      return await network.releasePort(ctx, step.portId)
    case 'forget':
      return await forget(ctx, row)
    default:
      return await turn(compute, row, step.kind)
  }
}

/** The steps that are one call on the container. */
async function turn(
  compute: ComputePort,
  { id, grace_seconds: grace }: WorkloadRow,
  kind: 'start' | 'stop' | 'kill' | 'pause' | 'unpause' | 'destroy',
): Promise<void> {
  switch (kind) {
    case 'start':
      return await compute.start(id)
    case 'stop':
      return await compute.stop(id, grace)
    case 'kill':
      return await compute.kill(id, 'SIGKILL')
    case 'pause':
      return await compute.pause(id)
    case 'unpause':
      return await compute.unpause(id)
    case 'destroy':
      return await compute.destroy(id)
  }
}

/** Its own, or that of the one it joins, who has the ports and perhaps does not run itself. */
async function ensureSandbox(
  ctx: Ctx,
  compute: ComputePort,
  { id, sandbox_of: host, shares_sandbox: shares }: WorkloadRow,
): Promise<void> {
  await compute.ensureSandbox(host ?? id, host !== null || shares === 1)
  if (host !== null) await nudge(ctx, 'workload', host)
}

async function loadImage(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow): Promise<void> {
  if (isByName(row)) return // see `mustFetch` in reconcile.ts
  if (await deps.compute.hasImage(row.image_key)) return
  await deps.compute.loadImage(
    row.image_key,
    async () => await deps.image.openImage(ctx, row.image_id),
  )
}

/** The namespace is asked for anew: `ensureSandbox` of a running one only says where it is. */
async function plug(ctx: Ctx, deps: WorkloadDeps, row: WorkloadRow, nic: Nic): Promise<void> {
  const { netns } = await deps.compute.ensureSandbox(row.id, row.shares_sandbox === 1)
  await deps.network.plugPort(ctx, nic.portId, { netns, ifname: `eth${nic.index}` })
}

async function forget(ctx: Ctx, row: WorkloadRow): Promise<void> {
  await inTx(ctx, async (tx) => {
    await deleteWorkload(tx, row.id)
    await nudge(tx, row.owner_kind, row.id)
  })
}

/** What the engine refuses as wrong (status 400: a broken image, no command) stays wrong: the runner need not try again. */
function stepFailed(step: Step, cause: unknown): Error {
  const wrong = cause instanceof Error && 'status' in cause && cause.status === 400
  return wrong ? new Hopeless(wordsFor(step), { cause }) : new Error(wordsFor(step), { cause })
}

function wordsFor(step: Step): string {
  switch (step.kind) {
    case 'loadImage':
      return 'loading the image'
    case 'ensureSandbox':
      return 'making the sandbox'
    case 'plug':
      return `plugging port ${step.nic.portId}`
    case 'unplug':
    case 'release':
      return `letting go of port ${step.portId}`
    case 'create':
      return 'creating the container'
    case 'setLimits':
      return 'changing the limits'
    case 'noteRestart':
      return 'restarting'
    case 'forget':
    case 'destroy':
      return 'removing the container'
    default:
      return `${step.kind === 'stop' ? 'stopp' : step.kind.replace(/e$/, '')}ing the container`
  }
}
