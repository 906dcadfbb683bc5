import type { SeenWorkload } from '../../ports/compute.ts'
import type { RestartPolicy } from './face.ts'

/** Pure: whether a process that ended (or is unhealthy) is started again. `restarts` were done already. */
export function wantsRestart(
  { name, maxRetries }: RestartPolicy,
  restarts: number,
  seen: Pick<SeenWorkload, 'container' | 'exitCode'>,
): boolean {
  switch (name) {
    case 'no':
      return false
    case 'always':
    case 'unless-stopped':
      return true
    case 'on-failure': {
      const failed = seen.container !== 'exited' || (seen.exitCode ?? 0) !== 0
      return failed && (maxRetries === 0 || restarts < maxRetries)
    }
  }
}

const FIRST_MS = 100
const LONGEST_MS = 60_000
/** Who ran so long was well: the next wait is a short one again. */
const WELL_AFTER_MS = 10_000

/** Doubled with each restart, as Docker does it. */
export function restartDelay(
  restarts: number,
  { startedAt, finishedAt }: Pick<SeenWorkload, 'startedAt' | 'finishedAt'>,
): number {
  const ranMs =
    startedAt === undefined || finishedAt === undefined
      ? 0
      : Date.parse(finishedAt) - Date.parse(startedAt)
  return ranMs >= WELL_AFTER_MS ? FIRST_MS : Math.min(FIRST_MS * 2 ** restarts, LONGEST_MS)
}
