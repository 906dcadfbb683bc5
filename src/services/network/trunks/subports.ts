import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { invalidInput, neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { anyNetwork } from '../networks/store.ts'
import { getPort, plainUpdate, portSpec } from '../ports/store.ts'
import { lockRow } from '../standard/store.ts'
import type { NetworkTable, PortTable } from '../tables.ts'
import { SUBPORT_OWNER } from '../wiring/subports.ts'
import { freeSubports } from './effects.ts'
import { planSubports, type PlannedSubport } from './plan.ts'
import type { SubportWish, TrunkTable } from './schema.ts'
import { insertSubports, subportsOfTrunks, trunkOfParent, trunkOfSubport } from './store.ts'

const inUse = (type: string, message: string): Error => neutronError('conflict', type, message)

/** A port is in one trunk at most, as its parent or as a sub-port. */
export async function mustBeFree(tx: Ctx, portId: string): Promise<void> {
  await lockRow(tx, portSpec, portId)
  const taken = (await trunkOfParent(tx, portId)) ?? (await trunkOfSubport(tx, portId))
  if (taken !== undefined)
    throw inUse('TrunkPortInUse', `Port ${portId} is in use by another trunk.`)
}

export async function addSubports(
  tx: Ctx,
  trunk: Pick<TrunkTable, 'id' | 'port_id'>,
  asked: readonly SubportWish[],
): Promise<void> {
  const plan = planSubports(asked)
  if (plan.length === 0) return
  const had = await subportsOfTrunks(tx, [trunk.id])
  const taken = new Set(had.map(({ vlan }) => vlan))
  const parent = await getPort(tx, trunk.port_id)
  const carrier = await anyNetwork(tx, parent.network_id)
  let position = had.at(-1)?.position ?? 0
  for (const one of plan) {
    const vlan = await checkedSubport(tx, trunk, carrier?.mtu ?? 0, one)
    if (taken.has(vlan))
      throw inUse(
        'DuplicateSubPort',
        `segmentation_type vlan and segmentation_id ${vlan} already in use on trunk ${trunk.id}.`,
      )
    taken.add(vlan)
    position += 1
    await join(tx, trunk, parent, { port_id: one.portId, vlan, position })
  }
}

async function join(
  tx: Ctx,
  trunk: Pick<TrunkTable, 'id'>,
  parent: PortTable,
  subport: { readonly port_id: string; readonly vlan: number; readonly position: number },
): Promise<void> {
  await insertSubports(tx, [{ ...subport, trunk_id: trunk.id }])
  await plainUpdate(tx, subport.port_id, {
    device_id: trunk.id,
    device_owner: SUBPORT_OWNER,
    host_id: parent.host_id,
  })
  await nudge(tx, kinds.port, subport.port_id)
}

/** The VLAN id that the sub-port is to have, after all of Neutron's checks. */
async function checkedSubport(
  tx: Ctx,
  trunk: Pick<TrunkTable, 'id' | 'port_id'>,
  trunkMtu: number,
  { portId, vlan }: PlannedSubport,
): Promise<number> {
  if (portId === trunk.port_id)
    throw inUse(
      'ParentPortInUse',
      `Port ${portId} is currently in use and is not eligible for use as a parent port.`,
    )
  const port = await getPort(tx, portId)
  const network = await anyNetwork(tx, port.network_id)
  if (network !== undefined && network.mtu > trunkMtu)
    throw inUse(
      'SubPortMtuGreaterThanTrunkPortMtu',
      `MTU ${network.mtu} of subport ${portId} cannot be greater than MTU ${trunkMtu} of trunk ${trunk.id}.`,
    )
  await mustBeFree(tx, portId)
  if (port.device_id !== '' || port.netns !== null)
    throw inUse(
      'PortInUse',
      `Unable to complete operation on port ${portId} for network ${port.network_id}. Port already has an attached device ${port.device_id}.`,
    )
  return vlan ?? inheritedVlan(portId, network)
}

function inheritedVlan(portId: string, network: NetworkTable | undefined): number {
  if (network?.provider_type === 'vlan' && network.segment !== null) return network.segment
  throw invalidInput(
    `Cannot inherit segmentation details for subport ${portId}: network ${network?.id} is not a VLAN.`,
  )
}

/** 404 when one of them is no sub-port of the trunk. */
export async function removeSubports(
  tx: Ctx,
  trunk: Pick<TrunkTable, 'id'>,
  asked: readonly Pick<SubportWish, 'port_id'>[],
): Promise<void> {
  const had = new Set((await subportsOfTrunks(tx, [trunk.id])).map(({ port_id }) => port_id))
  const missing = asked.find(({ port_id }) => !had.has(port_id))
  if (missing !== undefined)
    throw neutronError(
      'notFound',
      'SubPortNotFound',
      `SubPort on trunk ${trunk.id} with parent port ${missing.port_id} could not be found.`,
    )
  await freeSubports(
    tx,
    asked.map(({ port_id }) => port_id),
  )
}
