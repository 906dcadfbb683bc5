import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { addition, type Addition } from '../standard/addition.ts'
import type { StandardRow, View } from '../standard/schema.ts'
import type { ForwardingTable } from './schema.ts'
import { forwardingsOf } from './store.ts'

export function forwardingView(row: ForwardingTable): View {
  return {
    id: row.id,
    internal_port_id: row.port_id,
    internal_ip_address: row.address,
    internal_port: single(row.internal_first, row.internal_last),
    internal_port_range: `${row.internal_first}:${row.internal_last}`,
    external_port: single(row.external_first, row.external_last),
    external_port_range: `${row.external_first}:${row.external_last}`,
    protocol: row.protocol,
    description: row.description,
  }
}

const single = (first: number, last: number): number | null => (first === last ? first : null)

/** Floating IPs tell what they forward, in few words: ranges only where there are some. */
function shortView(row: ForwardingTable): View {
  return {
    id: row.id,
    internal_port_id: row.port_id,
    internal_ip_address: row.address,
    protocol: row.protocol,
    ...side('internal', row.internal_first, row.internal_last),
    ...side('external', row.external_first, row.external_last),
  }
}

const side = (name: string, first: number, last: number): View =>
  first === last ? { [`${name}_port`]: first } : { [`${name}_port_range`]: `${first}:${last}` }

export const forwardingsOnFloatingIps: Addition = addition({
  to: 'floatingip',
  views: async (ctx: Ctx, rows: readonly StandardRow[]) => {
    const forwardings = Map.groupBy(
      await forwardingsOf(
        ctx,
        rows.map(({ id }) => id),
      ),
      ({ floatingip_id }) => floatingip_id,
    )
    return rows.map(({ id }) => ({
      port_forwardings: (forwardings.get(id) ?? []).map(shortView),
    }))
  },
})
