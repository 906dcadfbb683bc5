import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { QosSpec, RouterSpec } from '../../../ports/network.ts'

/**
 * What a feature adds to the wish of a router. It is asked at each look at the router; whoever changes what it would answer
 * nudges `kinds.router` in the same transaction.
 */
export type RouterExtras = (ctx: Ctx, routerId: string) => Promise<RouterExtra>

export interface RouterExtra extends Pick<
  RouterSpec,
  'portForwardings' | 'metering' | 'conntrackHelpers' | 'ndpProxies'
> {
  /** Limits by floating IP, and by the router's own id for its gateway. */
  readonly qos?: ReadonlyMap<string, QosSpec>
  /** Inner prefixes that the external network knows as they are. */
  readonly routed?: readonly string[]
}

/** Of all features together. */
export async function routerExtraOf(
  ctx: Ctx,
  sources: readonly RouterExtras[],
  routerId: string,
): Promise<RouterExtra> {
  let all: RouterExtra = {}
  for (const source of sources) all = { ...all, ...(await source(ctx, routerId)) }
  return all
}
