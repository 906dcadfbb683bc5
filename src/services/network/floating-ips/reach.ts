import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { addressesOf } from '../addresses/store.ts'
import { canonicalIp } from '../addressing/address.ts'
import { badRequest, neutronError } from '../fault.ts'
import { routerBetween } from '../routers/store.ts'
import type { FloatingIpTable, PortTable } from '../tables.ts'

/** The router that leads the floating address to the subnet; 404 without one. */
export async function routerFor(
  tx: Ctx,
  row: Pick<FloatingIpTable, 'network_id'>,
  port: PortTable,
  subnetId: string,
): Promise<string> {
  const router = await routerBetween(tx, subnetId, row.network_id)
  if (router !== undefined) return router
  throw neutronError(
    'notFound',
    'ExternalGatewayForFloatingIPNotFound',
    `External network ${row.network_id} is not reachable from subnet ${subnetId}. Therefore, cannot associate Port ${port.id} with a Floating IP.`,
  )
}

/** The port's IPv4 address that is asked for, or the only one it has. */
export async function innerAddress(
  tx: Ctx,
  port: PortTable,
  asked: string | null,
): Promise<{ readonly address: string; readonly subnet_id: string }> {
  const all = (await addressesOf(tx, [port.id])).filter(({ address }) => !address.includes(':'))
  if (asked !== null) {
    const hit = all.find(({ address }) => address === canonicalIp(asked))
    if (hit !== undefined) return hit
    throw badRequest(`Bad floatingip request: Port ${port.id} does not have fixed ip ${asked}.`)
  }
  const [only, second] = all
  if (only === undefined)
    throw badRequest(
      `Bad floatingip request: Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses.`,
    )
  if (second !== undefined)
    throw badRequest(
      `Bad floatingip request: Port ${port.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a floating IP.`,
    )
  return only
}
