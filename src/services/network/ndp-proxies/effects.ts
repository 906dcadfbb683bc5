import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { holds } from '../subnets/plan.ts'
import { deleteProxies, proxiesBy } from './store.ts'

/** The port, or one address of it, is no more: nobody outside is to look for it. */
export async function proxyNoMore(tx: Ctx, portId: string, address?: string): Promise<void> {
  const gone = (await proxiesBy(tx, 'port_id', portId)).filter(
    (row) => address === undefined || row.address === address,
  )
  await deleteProxies(
    tx,
    gone.map(({ id }) => id),
  )
  for (const router of new Set(gone.map(({ router_id }) => router_id)))
    await nudge(tx, kinds.router, router)
}

/** A router keeps its leg in a subnet as long as it stands in for an address there. */
export async function mustNotProxy(
  tx: Ctx,
  routerId: string,
  subnet: { readonly id: string; readonly cidr: string },
): Promise<void> {
  const hit = (await proxiesBy(tx, 'router_id', routerId)).some(({ address }) =>
    holds(subnet.cidr, address),
  )
  if (!hit) return
  throw neutronError(
    'conflict',
    'RouterInterfaceInUseByNDPProxy',
    `Unable to remove subnet ${subnet.id} from router ${routerId}, There are one or more ndp proxies still in use on the subnet.`,
  )
}
