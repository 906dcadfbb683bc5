import type { ContainerParts } from '../containers/parts.ts'
import type { Capsule } from './schema.ts'

export type CapsuleStatus = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown' | 'Deleting'

/** Pure: what becomes of a capsule follows from its containers, init containers first. */
export function capsuleStatus(
  capsule: Pick<Capsule, 'removing' | 'restartPolicy'>,
  members: readonly ContainerParts[],
): { readonly status: CapsuleStatus; readonly reason: string | null } {
  if (capsule.removing) return { status: 'Deleting', reason: null }
  const broken = members.find(({ status }) => status.status === 'Error')
  if (broken !== undefined)
    return { status: 'Failed', reason: `${broken.container.name}: ${broken.status.reason ?? ''}` }
  const failed = initsOf(members).find((init) => hasEnded(init) && !endedWell(init))
  if (failed !== undefined)
    return {
      status: 'Failed',
      reason: `Init container ${failed.container.name} ended with exit code ${failed.workload?.exitCode ?? 0}.`,
    }
  const mains = mainsOf(members)
  if (mains.some(({ status }) => status.status === 'Running' || status.status === 'Restarting'))
    return { status: 'Running', reason: null }
  if (!mains.every(hasEnded)) return { status: 'Pending', reason: null }
  const bad = mains.find((main) => !endedWell(main))
  if (bad === undefined) return { status: 'Succeeded', reason: null }
  return {
    status: 'Failed',
    reason: `Container ${bad.container.name} ended with exit code ${bad.workload?.exitCode ?? 0}.`,
  }
}

export const initsOf = (members: readonly ContainerParts[]): readonly ContainerParts[] =>
  members.filter(({ container }) => container.capsuleRole === 'init')

export const mainsOf = (members: readonly ContainerParts[]): readonly ContainerParts[] =>
  members.filter(({ container }) => container.capsuleRole === 'main')

/** Its process ran and is over, and nothing is going to change that. */
export function hasEnded({ workload }: ContainerParts): boolean {
  return (
    workload !== undefined &&
    workload.seen === 'stopped' &&
    workload.startedAt !== null &&
    workload.wish === 'stopped' &&
    workload.settledGeneration >= workload.generation
  )
}

export const endedWell = ({ workload }: ContainerParts): boolean => workload?.exitCode === 0
