import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx, toJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { NetworkPort } from '../../../ports/network.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { anyPort } from '../ports/store.ts'
import { choosePorts, type PublishedPort, type PublishedPortWish } from './choose.ts'
import { lockHostPorts, publishedByOthers, writePublished } from './store.ts'

/**
 * From now on exactly these ports of the host lead to the port's guest; an empty list closes all. Answers them with what was
 * chosen; 409 when one is taken, by another port or by a program of the host.
 */
export async function publishPorts(
  ctx: Ctx,
  engine: NetworkPort,
  portId: string,
  wishes: readonly PublishedPortWish[],
): Promise<readonly PublishedPort[]> {
  const busy = wishes.length === 0 ? [] : await engine.busyHostPorts()
  return await inTx(ctx, async (tx) => {
    await lockHostPorts(tx)
    const port = await anyPort(tx, portId)
    if (port === undefined || port.deleted === 1) {
      if (wishes.length === 0) return []
      throw neutronError('notFound', 'PortNotFound', `Port ${portId} could not be found.`)
    }
    const taken = wishes.length === 0 ? [] : await publishedByOthers(tx, port.host_id, portId)
    const had = fromJson<PublishedPort[]>(port.published)
    const chosen = choosePorts(wishes, [...taken, ...busy], had)
    if (toJson(chosen) === port.published) return chosen
    await writePublished(tx, portId, chosen)
    if (port.netns !== null) await nudge(tx, kinds.port, portId)
    return chosen
  })
}
