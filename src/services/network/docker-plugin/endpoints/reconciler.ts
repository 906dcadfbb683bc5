import { done, type Reconciler } from '../../../../kernel/tasks/reconciler.ts'
import type { PortPlace } from '../../../../ports/network.ts'
import { kinds } from '../../kinds.ts'
import { anyPort } from '../../ports/store.ts'
import type { PortTable } from '../../tables.ts'
import { handedOverName, placeAt } from '../../wiring/places.ts'
import type { PluginDeps } from '../deps.ts'
import { findEndpoint } from './store.ts'
import type { EndpointTable } from '../tables.ts'

/**
 * A running container's link is as it should be. Docker moves a link into its container once, at the start: one that was lost
 * later (its namespace deleted, say) is made anew straight inside. What has no container any more is the sweep's.
 */
export function endpointReconciler(deps: PluginDeps): Reconciler {
  return {
    kind: kinds.endpoint,
    async reconcile(ctx, id) {
      const row = await findEndpoint(ctx, id)
      if (row === undefined) return done
      const port = await anyPort(ctx, row.port_id)
      const at = port === undefined ? undefined : await placeFor(deps, row, port)
      if (at !== undefined) await deps.wiring.plug(ctx, row.port_id, at)
      return done
    },
  }
}

async function placeFor(
  { plugin, engine }: PluginDeps,
  { id, sandbox }: EndpointTable,
  port: PortTable,
): Promise<PortPlace | undefined> {
  if (sandbox === null || (await plugin.sandboxes([sandbox])).length === 0) return undefined
  const plugged = await engine.pluggedPorts(port.network_id)
  if (plugged.includes(port.id)) return placeAt(sandbox, port.ifname ?? handedOverName(id))
  return placeAt(sandbox, await plugin.freeInterface(sandbox))
}
