import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { neutronError } from '../fault.ts'
import { anyFloatingIp, floatingIpSpec } from '../floating-ips/store.ts'
import { kinds } from '../kinds.ts'
import { changeRow } from '../standard/store.ts'
import { deleteForwardings, forwardingsOf, forwardingsTo } from './store.ts'

/** The port, or one address of it, is no more: nothing is forwarded there. */
export async function forwardNoMore(tx: Ctx, portId: string, address?: string): Promise<void> {
  const rows = (await forwardingsTo(tx, portId)).filter(
    (row) => address === undefined || row.address === address,
  )
  await deleteForwardings(
    tx,
    rows.map(({ id }) => id),
  )
  for (const id of new Set(rows.map(({ floatingip_id }) => floatingip_id)))
    await forwardingsGone(tx, id)
}

/** Some forwardings of a floating IP went: its router is told, and let go of with the last. */
export async function forwardingsGone(tx: Ctx, floatingIpId: string): Promise<void> {
  const floating = await anyFloatingIp(tx, floatingIpId)
  if (floating === undefined) return
  const last = (await forwardingsOf(tx, [floatingIpId])).length === 0
  await changeRow(tx, floatingIpSpec, floatingIpId, last ? { router_id: null, status: 'DOWN' } : {})
  if (floating.router_id !== null) await nudge(tx, kinds.router, floating.router_id)
}

/** A floating IP that forwards stays, and leads to no port as a whole. */
export async function mustNotForward(tx: Ctx, floatingIpId: string): Promise<void> {
  if ((await forwardingsOf(tx, [floatingIpId])).length === 0) return
  throw neutronError(
    'conflict',
    'FipInUseByPortForwarding',
    `Floating IP ${floatingIpId} in use by Port Forwarding resources.`,
  )
}

/** What is forwarded to gets no floating IP of its own. */
export async function mustNotBeForwardedTo(
  tx: Ctx,
  portId: string,
  address: string,
): Promise<void> {
  const hit = (await forwardingsTo(tx, portId)).some((row) => row.address === address)
  if (!hit) return
  throw neutronError(
    'badRequest',
    'PortHasPortForwarding',
    `Cannot associate floating IP to port ${portId} because it already has a Port Forwarding binding.`,
  )
}
