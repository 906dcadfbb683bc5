import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { PortSpec } from '../../../ports/network.ts'

/**
 * What a feature adds to the wishes of ports, asked for many at once; ports it adds nothing to may be left out. It is asked
 * before every plugging: one short query. Whoever changes what it would answer nudges `kinds.port` in the same transaction.
 */
export type PortExtras = (
  ctx: Ctx,
  portIds: readonly string[],
) => Promise<ReadonlyMap<string, PortExtra>>

export type PortExtra = Partial<Pick<PortSpec, 'qos' | 'published'>>

/** Of all features together. */
export async function extrasOf(
  ctx: Ctx,
  sources: readonly PortExtras[],
  portIds: readonly string[],
): Promise<ReadonlyMap<string, PortExtra>> {
  const all = new Map<string, PortExtra>()
  for (const source of sources)
    for (const [id, extra] of await source(ctx, portIds)) all.set(id, { ...all.get(id), ...extra })
  return all
}
