import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Drift } from '../../../ports/network.ts'

/** What was found to differ from its wish and was handed on to be repaired; it counts when that has been done. */
export class Repairs {
  readonly #open = new Set<string>()

  note({ kind, id }: Pick<Drift, 'kind' | 'id'>): void {
    this.#open.add(`${kind} ${id}`)
  }

  /** The object is as it is wanted. */
  settled(ctx: Ctx, kind: Drift['kind'], id: string): void {
    if (this.#open.delete(`${kind} ${id}`)) ctx.metrics.repairs.inc({ kind })
  }
}
