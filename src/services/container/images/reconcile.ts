import { parseImageReference } from '../../../kernel/archive/reference.ts'
import { done, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { ContainerDeps } from '../deps.ts'
import { deletePull, failPull, findPull, listPulls } from './store.ts'

const DEADLINE_MS = 60 * 60_000

/** Fetches an image; what was fetched before a crash is used by the next try. A registry's refusal is final until asked again. */
export function pullReconciler(deps: ContainerDeps): Reconciler {
  return {
    kind: 'container.pull',
    concurrency: 2,
    deadlineMs: DEADLINE_MS,
    patience: { attempts: 1 },
    sweep: {
      everyMs: 60_000,
      keys: async (ctx) =>
        (await listPulls(ctx)).filter(({ error }) => error === null).map(({ id }) => id),
    },
    async reconcile(ctx, id) {
      const pull = await findPull(ctx, id)
      if (pull === undefined || pull.error !== null) return done
      const { whole } = parseImageReference(referenceOf(pull))
      await deps.workload.engineImages.pullImage(whole, { signal: ctx.signal })
      await deletePull(ctx, id)
      return done
    },
    giveUp: async (ctx, id, reason) => await failPull(ctx, id, reason),
  }
}

export function referenceOf(named: { readonly repo: string; readonly tag: string }): string {
  return `${named.repo}${named.tag.startsWith('sha256:') ? '@' : ':'}${named.tag}`
}
