import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { portsById } from '../ports/store.ts'
import type { Wiring } from './wiring.ts'

/** Of these ports the ones that the engine really has plugged. */
export async function reallyPlugged(
  ctx: Ctx,
  wiring: Wiring,
  portIds: readonly string[],
): Promise<readonly string[]> {
  const ports = await portsById(ctx, portIds)
  const networks = [...new Set(ports.map(({ network_id }) => network_id))]
  const plugged = new Set(
    (await Promise.all(networks.map(async (id) => await wiring.port.pluggedPorts(id)))).flat(),
  )
  return portIds.filter((id) => plugged.has(id))
}
