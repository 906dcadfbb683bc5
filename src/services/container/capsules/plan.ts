import type { ContainerParts } from '../containers/parts.ts'
import type { Capsule } from './schema.ts'
import { endedWell, hasEnded, initsOf, mainsOf } from './status.ts'

export type CapsuleStep =
  | { readonly kind: 'start'; readonly id: string }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'bury' }

/**
 * Pure: what is to be done next. Init containers run one after the other; when the last has ended well, the others start
 * together. On the way out whoever shares another's sandbox goes first.
 */
export function planCapsule(
  capsule: Pick<Capsule, 'removing' | 'ownerId'>,
  members: readonly ContainerParts[],
): readonly CapsuleStep[] {
  if (capsule.removing) return planRemoval(capsule, members)
  const waiting = initsOf(members).find((init) => !(hasEnded(init) && endedWell(init)))
  if (waiting !== undefined) return startOf(waiting)
  return mainsOf(members).flatMap(startOf)
}

function planRemoval(
  { ownerId }: Pick<Capsule, 'ownerId'>,
  members: readonly ContainerParts[],
): readonly CapsuleStep[] {
  if (members.length === 0) return [{ kind: 'bury' }]
  const guests = members.filter(({ container }) => container.id !== ownerId)
  const next = guests.length > 0 ? guests : members
  return next
    .filter(({ container }) => container.task?.kind !== 'delete')
    .map(({ container }) => ({ kind: 'remove', id: container.id }))
}

/** Made, never started, and not about to be. */
function startOf({ container, workload }: ContainerParts): CapsuleStep[] {
  const fresh = workload?.wish === 'stopped' && workload.startedAt === null
  return fresh && workload.error === null ? [{ kind: 'start', id: container.id }] : []
}
