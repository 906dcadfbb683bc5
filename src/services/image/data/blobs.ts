import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { done, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { ImageStore } from '../../../ports/image-store.ts'
import { blobsInUse, isBlobInUse } from './store.ts'

const KIND = 'image.blob'
const SWEEP_MS = 60 * 60_000

/** To be called in the transaction that takes the names out of their rows. */
export async function dropBlobs(tx: Ctx, names: readonly (string | null)[]): Promise<void> {
  for (const name of names) if (name !== null) await nudge(tx, KIND, name)
}

/**
 * Removes bytes that no image has. A blob's name is used for one writing only, and stands in a row before the first byte
 * is written: what no row names is garbage for ever, so that removing it can never hit a later upload.
 */
export function blobReconciler(store: ImageStore): Reconciler {
  return {
    kind: KIND,
    async reconcile(ctx, name) {
      if (!(await isBlobInUse(ctx, name))) await store.remove(name)
      return done
    },
    sweep: {
      everyMs: SWEEP_MS,
      async keys(ctx) {
        const stored = await store.list() // before the rows are read: what appears later has its row already
        const inUse = await blobsInUse(ctx)
        return stored.filter((name) => !inUse.has(name))
      },
    },
  }
}
