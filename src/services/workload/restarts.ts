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

const ENDING = new Set(['KILL', '9', 'TERM', '15', 'INT', '2', 'QUIT', '3'])

/** Whether a signal is sent to end a process rather than to tell it something. */
export function isEnding(signal: string, stopSignal = 'TERM'): boolean {
  const plain = (name: string): string => name.toUpperCase().replace(/^SIG/, '')
  return ENDING.has(plain(signal)) || plain(signal) === plain(stopSignal)
}

/** A process may take so long to end after it was told to. */
const LAST_WORDS_MS = 10_000

/** Whether it ended because a user killed it: what he ended is not started again. */
export function wasKilled(
  killedAt: string | null,
  { finishedAt }: Pick<SeenWorkload, 'finishedAt'>,
): boolean {
  if (killedAt === null || finishedAt === undefined) return false
  const afterMs = Date.parse(finishedAt) - Date.parse(killedAt)
  // the engine's clock is this host's, read a moment earlier or later
  return afterMs > -1_000 && afterMs < LAST_WORDS_MS
}

const FIRST_MS = 100
const LONGEST_MS = 60_000
/** Who ran so long was well: the next wait is a short one again. */
const WELL_AFTER_MS = 10_000

/** Doubled with each restart, as Docker does it. What is not well runs until `now`. */
export function restartDelay(
  restarts: number,
  {
    container,
    startedAt,
    finishedAt,
  }: Pick<SeenWorkload, 'container' | 'startedAt' | 'finishedAt'>,
  now: Date,
): number {
  const end = container === 'running' ? now.toISOString() : finishedAt
  const ranMs =
    startedAt === undefined || end === undefined ? 0 : Date.parse(end) - Date.parse(startedAt)
  return ranMs >= WELL_AFTER_MS ? FIRST_MS : Math.min(FIRST_MS * 2 ** restarts, LONGEST_MS)
}
