import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { asCloud } from '../../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../../kernel/db/db.ts'
import { reasonOf } from '../../../../kernel/errors/cloud-error.ts'
import { done, type Reconciler } from '../../../../kernel/tasks/reconciler.ts'
import type { PluginDeps } from '../deps.ts'
import { finishEndpoint } from '../endpoints/life.ts'
import { lostOf, type Lost } from './lost.ts'
import { deleteNetwork } from '../networks/networks.ts'
import { releasePool } from '../addresses/pools.ts'
import { dropAddress } from '../addresses/release.ts'
import { allAddresses, allPools, poolsOf } from '../addresses/store.ts'
import { allEndpoints } from '../endpoints/store.ts'
import { allDockerNetworks, markSeen } from '../networks/store.ts'
import { type Marked, markMissing } from './store.ts'

/** Docker ends what it began, but for what it forgot: it was killed in between, or its own files were removed. */
const GRACE_MS = 120_000

/** Takes away what nobody has wanted for a while. What Docker may still be about to use is given that time. */
export function dockerSweep(deps: PluginDeps, everyMs: number): Reconciler {
  return {
    kind: 'network.docker-plugin',
    concurrency: 1,
    async reconcile(ctx) {
      await sweep(asCloud(ctx), deps)
      return done
    },
    sweep: { everyMs, keys: async () => await Promise.resolve(['all']) },
  }
}

async function sweep(ctx: Ctx, deps: PluginDeps): Promise<void> {
  const view = await deps.plugin.look()
  if (view === undefined) return
  await markSeen(
    ctx,
    view.networks.map(({ id }) => id),
  )
  const held = {
    networks: await allDockerNetworks(ctx),
    pools: await allPools(ctx),
    endpoints: await allEndpoints(ctx),
    addresses: await allAddresses(ctx),
  }
  const boxes = held.endpoints.flatMap(({ sandbox }) => sandbox ?? [])
  const lost = lostOf(held, view, new Set(await deps.plugin.sandboxes(boxes)))
  await remember(ctx, 'net_docker_networks', held.networks, lost.networks)
  await remember(ctx, 'net_docker_pools', held.pools, lost.pools)
  await remember(ctx, 'net_docker_endpoints', held.endpoints, lost.endpoints)
  await remember(ctx, 'net_docker_addresses', held.addresses, lost.addresses)
  await endAll(ctx, deps, lost)
}

interface Missable {
  readonly id: string
  readonly missing_since: string | null
}

/** Those who are missing from now on, and those who are not any more. */
async function remember(
  ctx: Ctx,
  table: Marked,
  held: readonly Missable[],
  lost: readonly Missable[],
): Promise<void> {
  const missing = new Set(lost.map(({ id }) => id))
  const idsOf = (fits: (row: Missable) => boolean): string[] =>
    held.filter(fits).map(({ id }) => id)
  const now = ctx.now().toISOString()
  const fresh = idsOf((row) => row.missing_since === null && missing.has(row.id))
  const found = idsOf((row) => row.missing_since !== null && !missing.has(row.id))
  await markMissing(ctx, table, fresh, now)
  await markMissing(ctx, table, found, null)
}

/** In the order in which Docker would have done it. One that cannot go does not keep the others. */
async function endAll(ctx: Ctx, deps: PluginDeps, lost: Lost): Promise<void> {
  const until = new Date(ctx.now().getTime() - (deps.graceMs ?? GRACE_MS)).toISOString()
  const due = <Row extends Missable>(rows: readonly Row[]): readonly Row[] =>
    rows.filter(({ missing_since: since }) => since !== null && since <= until)
  const inOne = (work: (tx: Ctx) => Promise<void>) => async () => await inTx(ctx, work)
  for (const { id } of due(lost.endpoints))
    await end(ctx, `endpoint ${id}`, async () => await finishEndpoint(ctx, deps, id))
  for (const row of due(lost.addresses))
    await end(
      ctx,
      `address ${row.address}`,
      inOne(async (tx) => await dropAddress(tx, deps, row)),
    )
  for (const { id } of due(lost.networks))
    await end(
      ctx,
      `network ${id}`,
      inOne(async (tx) => await forgetNetwork(tx, deps, id)),
    )
  for (const { id } of due(lost.pools))
    await end(
      ctx,
      `pool ${id}`,
      inOne(async (tx) => await releasePool(tx, deps, id)),
    )
}

/** With its pools: who forgot the network does not give them back. */
async function forgetNetwork(tx: Ctx, deps: PluginDeps, id: string): Promise<void> {
  const pools = await poolsOf(tx, id)
  await deleteNetwork(tx, deps, id)
  for (const pool of pools) await releasePool(tx, deps, pool.id)
}

async function end(ctx: Ctx, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    ctx.log.warn({ what }, 'Docker forgot it; taken away')
  } catch (error) {
    ctx.log.warn({ what, reason: reasonOf(error) }, 'Docker forgot it; it cannot be taken away yet')
  }
}
