import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { kinds } from '../kinds.ts'
import { plainUpdate } from '../ports/store.ts'
import { deleteSubports, deleteTrunk, subportsOfTrunks, trunkOfParent } from './store.ts'

/** These ports stand on their own again: whoever has plugged them lets go. */
export async function freeSubports(tx: Ctx, portIds: readonly string[]): Promise<void> {
  await deleteSubports(tx, portIds)
  for (const id of portIds) {
    await plainUpdate(tx, id, { device_id: '', device_owner: '', host_id: '' })
    await nudge(tx, kinds.port, id)
  }
}

/** The port goes with what it carries: a trunk without a parent is none. */
export async function leaveTrunks(tx: Ctx, portId: string): Promise<void> {
  await deleteSubports(tx, [portId])
  const trunk = await trunkOfParent(tx, portId)
  if (trunk !== undefined) await dropTrunk(tx, trunk)
}

export async function dropTrunk(tx: Ctx, id: string): Promise<void> {
  const subports = await subportsOfTrunks(tx, [id])
  await freeSubports(
    tx,
    subports.map(({ port_id }) => port_id),
  )
  await deleteTrunk(tx, id)
}
