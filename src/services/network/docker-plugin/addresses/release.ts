import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import type { PluginDeps } from '../deps.ts'
import { addressesOfPort, deleteAddress } from './store.ts'
import { endpointOfPort } from '../endpoints/store.ts'
import type { AddressTable } from '../tables.ts'

/**
 * The address is Docker's no longer. A port that was made for it goes with the last of its addresses; one that was there before
 * stays, and was given back when its endpoint went.
 */
export async function dropAddress(tx: Ctx, deps: PluginDeps, row: AddressTable): Promise<void> {
  await deleteAddress(tx, row.pool_id, row.address)
  if (row.port_id === null || row.made === 0) return
  const left = await addressesOfPort(tx, row.port_id)
  // an endpoint that still has it ends first: `DeleteEndpoint` takes the port then
  if (left.length > 0 || (await endpointOfPort(tx, row.port_id)) !== undefined) return
  await deps.neutron.remove(tx, 'port', row.port_id)
}
