import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { autoAddress, isRouterOwner } from '../addresses/choose.ts'
import { addressesOf, insertAddress } from '../addresses/store.ts'
import { kinds } from '../kinds.ts'
import { membershipChanged } from '../security-groups/effects.ts'
import type { PortTable, SubnetTable } from '../tables.ts'
import { groupIdsOf, portsInNetwork, portsWithAddress } from './store.ts'

/** Something of a port changed that the engine must hear of: filters and addresses of what is plugged, or a router's legs. */
export async function portChanged(
  tx: Ctx,
  port: Pick<PortTable, 'id' | 'netns' | 'device_id' | 'device_owner'>,
): Promise<void> {
  if (port.netns !== null) await nudge(tx, kinds.port, port.id)
  if (isRouterOwner(port.device_owner)) await nudge(tx, kinds.router, port.device_id)
}

export async function nudgePluggedPorts(tx: Ctx, networkId: string): Promise<void> {
  for (const port of await portsInNetwork(tx, networkId))
    if (port.netns !== null) await nudge(tx, kinds.port, port.id)
}

export const portsWithAddressIn = portsWithAddress

/** A subnet with automatic addresses came: everybody in the network has one in it now. */
export async function addAutoAddresses(tx: Ctx, subnet: SubnetTable): Promise<void> {
  const ports = (await portsInNetwork(tx, subnet.network_id)).filter(
    (port) => !isRouterOwner(port.device_owner) && port.device_owner !== 'network:floatingip',
  )
  const counts = Map.groupBy(
    await addressesOf(
      tx,
      ports.map(({ id }) => id),
    ),
    ({ port_id }) => port_id,
  )
  for (const port of ports) {
    const position = counts.get(port.id)?.length ?? 0
    await insertAddress(tx, {
      network_id: subnet.network_id,
      address: autoAddress(subnet, port.mac),
      port_id: port.id,
      subnet_id: subnet.id,
      position,
    })
    await portChanged(tx, port)
    await membershipChanged(tx, await groupIdsOf(tx, port.id))
  }
}
