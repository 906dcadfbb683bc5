import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { done, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import { nudge, pendingTasks } from '../../../kernel/tasks/store.ts'
import type { Drift } from '../../../ports/network.ts'
import { unserved } from '../agents/store.ts'
import { floatingIpsOfRouter } from '../floating-ips/store.ts'
import { kinds, WORKLOAD } from '../kinds.ts'
import { allNetworks, anyNetwork } from '../networks/store.ts'
import { portsById } from '../ports/store.ts'
import { allRouters, anyRouter, legsOf } from '../routers/store.ts'
import { routerSpecOf } from './specs.ts'
import type { Wiring } from './wiring.ts'

/** Two at once: it is nobody's wait, and each starts programs on the host. */
const WIDTH = 2

type Look = (ctx: Ctx) => Promise<readonly Drift[]>

/**
 * Compares everything wanted with what is on the host, at start and from time to time, and nudges what differs. What is being
 * worked on anyway differs for that reason and is left out.
 */
export function inspection(wiring: Wiring, everyMs: number): Reconciler {
  return {
    kind: 'network.inspection',
    async reconcile(ctx) {
      const looks = await looksAt(ctx, wiring)
      const work = looks.values()
      await Promise.all(
        Array.from({ length: WIDTH }, async () => {
          for (const look of work) {
            ctx.signal.throwIfAborted()
            await lookAndNudge(ctx, wiring, look)
          }
        }),
      )
      return done
    },
    sweep: { everyMs, keys: async () => await Promise.resolve(['all']) },
  }
}

/** One per object that is on the host; what is missing altogether is found by the sweeps of its kind. */
async function looksAt(ctx: Ctx, wiring: Wiring): Promise<Look[]> {
  const held = await wiring.port.list()
  const networks = (await allNetworks(ctx)).filter(({ deleted }) => deleted === 0)
  const routers = (await allRouters(ctx)).filter(({ deleted }) => deleted === 0)
  const resting = await unserved(ctx, 'L3 agent', routers)
  return [
    ...networks
      .filter(({ id }) => held.networks.includes(id))
      .map(({ id }) => atNetwork(wiring, id)),
    ...networks
      .filter(({ id }) => held.externals.includes(id))
      .map(({ id }) => atExternal(wiring, id)),
    ...routers
      .filter(({ id }) => held.routers.includes(id) && !resting.has(id))
      .map(({ id }) => atRouter(wiring, id)),
  ]
}

const atNetwork =
  (wiring: Wiring, id: string): Look =>
  async (ctx) => {
    const row = await anyNetwork(ctx, id)
    if (row === undefined || row.deleted === 1) return []
    const wish = await wiring.networkWish(ctx, row)
    return await wiring.port.inspectNetwork(wish, await wiring.wishes.pluggedIn(ctx, id))
  }

const atExternal =
  (wiring: Wiring, id: string): Look =>
  async (ctx) => {
    const spec = await wiring.externalWish(ctx, id)
    return spec === undefined ? [] : await wiring.port.inspectExternal(spec)
  }

const atRouter =
  (wiring: Wiring, id: string): Look =>
  async (ctx) => {
    const row = await anyRouter(ctx, id)
    if (row === undefined || row.deleted === 1) return []
    const legs = await legsOf(ctx, id)
    const floating = await floatingIpsOfRouter(ctx, id)
    const outer =
      row.gateway_network === null ? undefined : await wiring.externalWish(ctx, row.gateway_network)
    const extra = await wiring.routerExtra(ctx, id)
    return await wiring.port.inspectRouter(routerSpecOf(row, legs, floating, outer, extra))
  }

async function lookAndNudge(ctx: Ctx, wiring: Wiring, look: Look): Promise<void> {
  const before = await underWay(ctx)
  const found = await look(ctx)
  if (found.length === 0) return
  const now = await underWay(ctx)
  const devices = new Map(
    (
      await portsById(
        ctx,
        found.filter(({ kind }) => kind === 'port').map(({ id }) => id),
      )
    ).map((port) => [port.id, port.device_id]),
  )
  const isUnderWay = ({ kind, id }: Drift): boolean =>
    [`${kinds[kind]} ${id}`, `${WORKLOAD} ${devices.get(id) ?? ''}`].some(
      (task) => before.has(task) || now.has(task),
    )
  for (const drift of found.filter((each) => !isUnderWay(each))) {
    ctx.log.warn({ ...drift }, 'differs from its wish; repairing')
    wiring.repairs.note(drift)
    if (drift.kind === 'network') wiring.forget(drift.id)
    await nudge(ctx, kinds[drift.kind], drift.id)
  }
}

const underWay = async (ctx: Ctx): Promise<ReadonlySet<string>> =>
  await pendingTasks(ctx, [...Object.values(kinds), WORKLOAD])
