import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../../../kernel/db/db.ts'
import type { PluginAnswer } from '../../../../ports/docker-plugin.ts'
import type { PortRow } from '../../ports/schema.ts'
import type { PublishedPort } from '../../published-ports/choose.ts'
import type { PluginDeps } from '../deps.ts'
import { endEndpoint } from './endpoints.ts'
import { closeExposed, closePublished, openExposed } from './exposure.ts'
import { mustFindEndpoint } from './join.ts'
import { exposedPorts, portBindings } from '../options.ts'
import type { OptionMap } from '../payloads.ts'
import { findEndpoint } from './store.ts'

/** An endpoint between Join and its end. */

/** Its ports are open when this returns: whoever started the container may connect at once. */
export async function program(
  ctx: Ctx,
  deps: PluginDeps,
  endpointId: string,
  options: OptionMap,
): Promise<void> {
  const row = await mustFindEndpoint(ctx, endpointId)
  if (exposedPorts(options).length + portBindings(options).length === 0) return
  await openExposed(ctx, deps, row, options)
  await deps.wiring.refresh(ctx, row.port_id)
}

export async function revoke(ctx: Ctx, deps: PluginDeps, endpointId: string): Promise<void> {
  const row = await findEndpoint(ctx, endpointId)
  if (row === undefined) return
  const port = await deps.neutron.find<PortRow>(asCloud(ctx), 'port', row.port_id)
  if (row.exposed_group === null && port?.published === '[]') return
  await closePublished(ctx, deps, row)
  await inTx(ctx, async (tx) => await closeExposed(tx, deps, row))
  await deps.wiring.refresh(ctx, row.port_id)
}

/** The link goes first: a row that outlives it is ended again, a link that outlives its row would be nobody's. */
export async function finishEndpoint(
  ctx: Ctx,
  deps: PluginDeps,
  endpointId: string,
): Promise<void> {
  const row = await findEndpoint(ctx, endpointId)
  if (row === undefined) return
  await closePublished(ctx, deps, row)
  await deps.wiring.unplug(ctx, row.port_id)
  await inTx(ctx, async (tx) => {
    const still = await findEndpoint(tx, endpointId)
    if (still !== undefined) await endEndpoint(tx, deps, still)
  })
}

export async function endpointInfo(
  ctx: Ctx,
  { neutron }: PluginDeps,
  endpointId: string,
): Promise<PluginAnswer> {
  const row = await findEndpoint(ctx, endpointId)
  const port =
    row === undefined ? undefined : await neutron.find<PortRow>(asCloud(ctx), 'port', row.port_id)
  if (port === undefined) return { Value: {} }
  const published = fromJson<PublishedPort[]>(port.published)
  return {
    Value: {
      status: port.status,
      port_id: port.id,
      network_id: port.network_id,
      mac_address: port.mac,
      published: published.map(
        (each) => `${each.hostAddress}:${each.hostPort}->${each.port}/${each.protocol}`,
      ),
    },
  }
}
