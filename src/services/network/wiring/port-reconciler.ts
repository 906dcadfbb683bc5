import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { done, type Outcome, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { PortPlace } from '../../../ports/network.ts'
import { DOCKER_OWNER, kinds, WORKLOAD } from '../kinds.ts'
import { anyPort, erasePort, hiddenPorts, setStatus } from '../ports/store.ts'
import { addPlaces } from '../security-groups/store.ts'
import type { PortTable } from '../tables.ts'
import { placeOf } from './places.ts'
import { SUBPORT_OWNER } from './subports.ts'
import type { Wiring } from './wiring.ts'

/** Address or filters of a plugged port changed, a sub-port is to follow its parent, or a port is on its way out. */
export function portReconciler(wiring: Wiring, everyMs: number): Reconciler {
  return {
    kind: kinds.port,
    async reconcile(ctx, id) {
      const row = await anyPort(ctx, id)
      if (row === undefined) return done
      const at = placeOf(row)
      if (row.deleted === 1) {
        await wiring.port.unplug(id, row.network_id, at)
        await erasePort(ctx, id)
        return done
      }
      // one that was a sub-port is known by the name of its interface
      if (row.device_owner === SUBPORT_OWNER || at?.ifname.includes('.') === true)
        return await followParent(ctx, wiring, row)
      return at === undefined ? done : await bringUpToDate(ctx, wiring, row, at)
    },
    giveUp: async (ctx, id) => await setStatus(ctx, [id], 'ERROR'),
    sweep: { everyMs, keys: hiddenPorts },
  }
}

/** Whoever plugs this port is asked to do it again. */
export async function askToPlug(
  ctx: Ctx,
  port: Pick<PortTable, 'id' | 'device_id' | 'device_owner'>,
): Promise<void> {
  if (port.device_owner === SUBPORT_OWNER) await nudge(ctx, kinds.port, port.id)
  else if (port.device_owner === DOCKER_OWNER) await nudge(ctx, kinds.endpoint, port.device_id)
  else await nudge(ctx, WORKLOAD, port.device_id)
}

async function bringUpToDate(
  ctx: Ctx,
  wiring: Wiring,
  row: PortTable,
  at: PortPlace,
): Promise<Outcome> {
  // what is not really plugged gets its wish when it is plugged again
  if (!(await wiring.port.pluggedPorts(row.network_id)).includes(row.id)) {
    await askToPlug(ctx, row)
    return done
  }
  const spec = await wiring.wishes.port(ctx, row.id)
  if (spec === undefined) return done
  await wiring.port.updatePort(spec, at)
  await addPlaces(
    ctx,
    row.network_id,
    spec.securityGroups.map((group) => group.id),
  )
  await setStatus(ctx, [row.id], spec.adminUp ? 'ACTIVE' : 'DOWN')
  wiring.repairs.settled(ctx, 'port', row.id)
  // the parent's link may have been down, and its sub-ports with it
  for (const sub of await wiring.wishes.trunks.subportsOf(ctx, row.id))
    await nudge(ctx, kinds.port, sub.portId)
  return done
}

/** A sub-port is plugged where and as long as its parent is. */
async function followParent(ctx: Ctx, wiring: Wiring, row: PortTable): Promise<Outcome> {
  const is = placeOf(row)
  const wanted = await subportPlace(ctx, wiring, row)
  const moved = is?.netns !== wanted?.netns || is?.ifname !== wanted?.ifname
  if (is !== undefined && moved) await wiring.unplug(ctx, row.id)
  if (wanted !== undefined) await wiring.plug(ctx, row.id, wanted)
  return done
}

async function subportPlace(
  ctx: Ctx,
  wiring: Wiring,
  row: PortTable,
): Promise<PortPlace | undefined> {
  if (row.device_owner !== SUBPORT_OWNER) return undefined
  const trunk = await wiring.wishes.trunks.parentOf(ctx, row.id)
  const parent = trunk === undefined ? undefined : await anyPort(ctx, trunk.parentPortId)
  const at = parent === undefined || parent.deleted === 1 ? undefined : placeOf(parent)
  // where the Docker Engine puts its container's end, and how it calls it there, nobody tells
  if (trunk === undefined || at === undefined || at.handedOver === true) return undefined
  return { netns: at.netns, ifname: `${at.ifname}.${trunk.vlan}` }
}
