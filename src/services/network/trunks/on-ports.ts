import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { addition, type Addition } from '../standard/addition.ts'
import type { StandardRow, View } from '../standard/schema.ts'
import { subportView } from './routes.ts'
import { subportsOfTrunks, trunkOfParent, trunkOfSubport, trunksOfPorts } from './store.ts'

/** Ports tell what they carry, and stay as long as a trunk needs them. */
export const trunksOnPorts: Addition = addition({
  to: 'port',
  async removing(tx, row) {
    const asParent = await trunkOfParent(tx, row.id)
    if (asParent !== undefined)
      throw neutronError(
        'conflict',
        'PortInUseAsTrunkParent',
        `Port ${row.id} is currently a parent port for trunk ${asParent}.`,
      )
    const asSubport = await trunkOfSubport(tx, row.id)
    if (asSubport !== undefined)
      throw neutronError(
        'conflict',
        'PortInUseAsSubPort',
        `Port ${row.id} is currently a subport for trunk ${asSubport}.`,
      )
  },
  views: detailViews,
})

async function detailViews(ctx: Ctx, rows: readonly StandardRow[]): Promise<readonly View[]> {
  const trunks = await trunksOfPorts(
    ctx,
    rows.map(({ id }) => id),
  )
  const subports = Map.groupBy(
    await subportsOfTrunks(
      ctx,
      trunks.map(({ id }) => id),
    ),
    ({ trunk_id }) => trunk_id,
  )
  const byPort = new Map(trunks.map((trunk) => [trunk.port_id, trunk.id]))
  return rows.map((row) => {
    const trunk = byPort.get(row.id)
    if (trunk === undefined) return {}
    const sub_ports = (subports.get(trunk) ?? []).map((subport) => ({
      ...subportView(subport),
      mac_address: subport.mac,
    }))
    return { trunk_details: { trunk_id: trunk, sub_ports } }
  })
}
