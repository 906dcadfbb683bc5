import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { proxyNoMore } from '../ndp-proxies/effects.ts'
import { anyPort, hidePort } from '../ports/store.ts'
import { forwardNoMore, mustNotForward } from '../port-forwardings/effects.ts'
import { changeRow } from '../standard/store.ts'
import type { FloatingIpTable } from '../tables.ts'
import { deleteFloatingIp, floatingIpsOfPorts, floatingIpSpec } from './store.ts'

/** The port, or one address of it, is no more: floating addresses that led there stay, and lead nowhere. */
export async function detachFrom(tx: Ctx, portId: string, address?: string): Promise<void> {
  await forwardNoMore(tx, portId, address)
  await proxyNoMore(tx, portId, address)
  for (const floating of await floatingIpsOfPorts(tx, [portId])) {
    if (address !== undefined && floating.fixed_address !== address) continue
    await changeRow(tx, floatingIpSpec, floating.id, {
      port_id: null,
      fixed_address: null,
      router_id: null,
      status: 'DOWN',
    })
    if (floating.router_id !== null) await nudge(tx, kinds.router, floating.router_id)
  }
}

/** The address goes back to its network, the port that held it with it; 409 while it forwards something. */
export async function dropFloatingIp(tx: Ctx, row: FloatingIpTable): Promise<void> {
  await mustNotForward(tx, row.id)
  await deleteFloatingIp(tx, row.id)
  const port = await anyPort(tx, row.floating_port)
  if (port !== undefined) await hidePort(tx, port)
  if (row.router_id !== null) await nudge(tx, kinds.router, row.router_id)
}
