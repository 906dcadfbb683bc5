import type { Ctx } from '../../kernel/ctx/ctx.ts'

/** What services to the right may ask of compute. A client of a real Nova must be able to stand behind it. */
export interface ComputeFace {
  /** A server that the asker may see (any, for an administrator and without an asker); undefined when there is none. */
  findServer(
    ctx: Ctx,
    id: string,
  ): Promise<{ readonly id: string; readonly name: string; readonly projectId: string } | undefined>
}
