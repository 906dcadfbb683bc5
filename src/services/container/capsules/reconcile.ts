import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { done, type Outcome, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import { dropGroup } from '../containers/groups.ts'
import { partsOf, type ContainerParts } from '../containers/parts.ts'
import { begin } from '../containers/act.ts'
import { removeContainer } from '../containers/removal.ts'
import { membersOf } from '../containers/store.ts'
import type { ContainerDeps } from '../deps.ts'
import { planCapsule, type CapsuleStep } from './plan.ts'
import type { Capsule } from './schema.ts'
import { deleteCapsule, findCapsule, listCapsuleIds } from './store.ts'

const SWEEP_MS = 60_000

/** Starts a capsule's containers in their order, and takes them away in theirs; nudged whenever one of them changes. */
export function capsuleReconciler(deps: ContainerDeps): Reconciler {
  return {
    kind: 'container.capsule',
    sweep: { everyMs: SWEEP_MS, keys: listCapsuleIds },
    reconcile: async (ctx, id) => await reconcile(ctx, deps, id),
  }
}

async function reconcile(ctx: Ctx, deps: ContainerDeps, id: string): Promise<Outcome> {
  const capsule = await findCapsule(ctx, id)
  if (capsule === undefined) return done
  const members = await partsOf(ctx, deps, await membersOf(ctx, [id]))
  for (const step of planCapsule(capsule, members)) await apply(ctx, deps, capsule, members, step)
  return done
}

async function apply(
  ctx: Ctx,
  deps: ContainerDeps,
  capsule: Capsule,
  members: readonly ContainerParts[],
  step: CapsuleStep,
): Promise<void> {
  if (step.kind === 'bury') return await bury(ctx, deps, capsule)
  const member = members.find(({ container }) => container.id === step.id)?.container
  if (member === undefined) return
  if (step.kind === 'remove') return await removeContainer(ctx, deps, member)
  await begin(ctx, deps, member, { kind: 'start', change: { power: 'running' } })
}

/** None of its containers is left. */
async function bury(ctx: Ctx, deps: ContainerDeps, capsule: Capsule): Promise<void> {
  if (capsule.ownGroupId !== null) await dropGroup(ctx, deps, capsule.ownGroupId)
  await inTx(ctx, async (tx) => await deleteCapsule(tx, capsule.id))
}
