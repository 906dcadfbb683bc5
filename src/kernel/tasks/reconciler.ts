import type { Ctx } from '../ctx/ctx.ts'

/**
 * Long work is a function of a key: it reads what is wanted and what is, moves one closer to the other, and says `done` or
 * `again`, or throws (the runner backs off and calls again). It is never told what changed: create, update, delete and
 * crash recovery are the same path. Runs of one key never overlap.
 */
export interface Reconciler {
  /** e.g. `workload`; nudges name it. */
  readonly kind: string
  reconcile(ctx: Ctx, key: string): Promise<Outcome>
  /** How many keys at once; default 4. */
  readonly concurrency?: number
  /** One run is aborted (`ctx.signal`) and counted as failed after this time; default 5 minutes. */
  readonly deadlineMs?: number
  /** After so much failing in a row (default 10 minutes, or `attempts`) the runner calls `giveUp` once, and goes on only when nudged again. */
  readonly patience?: { readonly ms?: number; readonly attempts?: number }
  /** Writes the reason where the user sees it (an ERROR state). */
  giveUp?(ctx: Ctx, key: string, reason: string): Promise<void>
  readonly sweep?: Sweep
}

/** Keys to look at whether nudged or not: asked for at the start, and from time to time. */
export interface Sweep {
  readonly everyMs: number
  keys(ctx: Ctx): Promise<readonly string[]>
  /** Whatever it yields is asked after at once, as what it stands for has been lost. Ends with the signal. */
  losses?(signal: AbortSignal): AsyncIterable<unknown>
}

export type Outcome = { readonly again: false } | { readonly again: true; readonly afterMs: number }

export const done: Outcome = { again: false }

/** Look at the key again after so many ms. */
export function again(afterMs: number): Outcome {
  return { again: true, afterMs }
}
