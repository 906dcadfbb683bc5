import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { badRequest, neutronError } from '../fault.ts'
import { innerAddress, routerFor } from '../floating-ips/reach.ts'
import type { FloatingIpRow } from '../floating-ips/schema.ts'
import { floatingIpSpec, floatingIpsOfPorts } from '../floating-ips/store.ts'
import { kinds } from '../kinds.ts'
import { getPort, portSpec } from '../ports/store.ts'
import { seesAll } from '../standard/access.ts'
import { changeRow, lockRow } from '../standard/store.ts'
import { clashOf } from './plan.ts'
import type { ForwardingTable } from './schema.ts'
import { forwardingsOf, forwardingsTo } from './store.ts'

export interface Goal {
  readonly address: string
  readonly router: string
}

/** Where a forwarding is to lead, after all of Neutron's checks. */
export async function checkedGoal(
  tx: Ctx,
  floating: FloatingIpRow,
  portId: string,
  asked: string | null | undefined,
): Promise<Goal> {
  const port = await getPort(tx, portId)
  if (port.project_id !== floating.project_id && !seesAll(tx))
    throw badRequest(
      `Bad port_forwarding request: Port ${port.id} is associated with a different tenant than Floating IP ${floating.id} and therefore cannot be bound.`,
    )
  const { address, subnet_id } = await innerAddress(tx, port, asked ?? null)
  await mustBeUnbound(tx, floating, portId, address)
  if (floating.port_id !== null)
    throw neutronError(
      'conflict',
      'FloatingIPPortAlreadyAssociated',
      `Cannot associate floating IP ${floating.address} (${floating.id}) with port ${portId} using fixed IP ${address}, as that floating IP leads to port ${floating.port_id}.`,
    )
  const router = await routerFor(tx, floating, port, subnet_id)
  if (floating.router_id !== null && floating.router_id !== router)
    throw badRequest(
      `Bad port_forwarding request: port ${port.id} is behind router ${router}, but floating IP ${floating.id} is forwarded by router ${floating.router_id}.`,
    )
  return { address, router }
}

/** A fixed address has either a floating one of its own or forwardings. */
async function mustBeUnbound(
  tx: Ctx,
  floating: FloatingIpRow,
  portId: string,
  address: string,
): Promise<void> {
  const bound = (await floatingIpsOfPorts(tx, [portId])).some(
    (other) => other.fixed_address === address,
  )
  if (!bound) return
  throw neutronError(
    'conflict',
    'PortHasBindingFloatingIP',
    `Cannot create port forwarding to floating IP ${floating.address} (${floating.id}) with port ${portId} using fixed IP ${address}, as that port already has a binding floating IP.`,
  )
}

export async function mustBeFree(tx: Ctx, row: ForwardingTable): Promise<void> {
  await lockRow(tx, floatingIpSpec, row.floatingip_id)
  await lockRow(tx, portSpec, row.port_id)
  const others = [
    ...(await forwardingsOf(tx, [row.floatingip_id])),
    ...(await forwardingsTo(tx, row.port_id)),
  ].filter(({ id }) => id !== row.id)
  const clash = others.flatMap((other) => clashOf(row, other) ?? [])[0]
  if (clash !== undefined)
    throw badRequest(
      `Bad port_forwarding request: A duplicate port forwarding entry with same attributes already exists, conflicting values are ${clash}.`,
    )
}

/** The floating IP is the router's now, and the router has something to do. */
export async function routerToldOf(
  tx: Ctx,
  floating: FloatingIpRow,
  router: string,
): Promise<void> {
  await changeRow(tx, floatingIpSpec, floating.id, { router_id: router })
  await nudge(tx, kinds.router, router)
}
