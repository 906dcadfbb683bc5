import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { again, done, type Outcome, type Reconciler } from '../../../kernel/tasks/reconciler.ts'
import { putOn, unserved } from '../agents/store.ts'
import { floatingIpsOfRouter, markActive } from '../floating-ips/store.ts'
import { kinds } from '../kinds.ts'
import {
  allNetworks,
  anyNetwork,
  eraseNetwork,
  routersOutThrough,
  setNetworkStatus,
} from '../networks/store.ts'
import { networksInUse, setStatus } from '../ports/store.ts'
import {
  allRouters,
  anyRouter,
  eraseRouter,
  legsOf,
  routersIn,
  routersWithLegs,
  setRouterStatus,
  type Leg,
} from '../routers/store.ts'
import {
  groupsById,
  lostGroups,
  networksWithGroup,
  addPlaces,
  placesOf,
  removePlace,
} from '../security-groups/store.ts'
import type { RouterTable } from '../tables.ts'
import { heldAgainst } from './held.ts'
import { inspection } from './inspection.ts'
import { askToPlug, portReconciler } from './port-reconciler.ts'
import { routerSpecOf } from './specs.ts'
import { needsSegment, networksDown, pluggedIn } from './store.ts'
import type { Wiring } from './wiring.ts'

/** Until ports on their way out are unplugged. */
const WAIT_MS = 300

/** Everything that makes rows true: one reconciler per kind of thing the engine holds. */
export function reconcilers(wiring: Wiring): readonly Reconciler[] {
  return [
    networks(wiring, wiring.sweepMs),
    externals(wiring, wiring.sweepMs),
    routers(wiring, wiring.sweepMs),
    portReconciler(wiring, wiring.sweepMs),
    groups(wiring, wiring.sweepMs),
    inspection(wiring, wiring.sweepMs),
  ]
}

function networks(wiring: Wiring, everyMs: number): Reconciler {
  return {
    kind: kinds.network,
    async reconcile(ctx, id) {
      const row = await anyNetwork(ctx, id)
      const wanted =
        row !== undefined &&
        row.deleted === 0 &&
        (row.external === 0 || (await needsSegment(ctx, id)))
      if (wanted) {
        await wiring.ensureNetwork(ctx, id, true)
        if (wiring.wasLost(id)) await plugAgain(ctx, id)
        await setNetworkStatus(ctx, id, 'ACTIVE')
        wiring.repairs.settled(ctx, 'network', id)
        return done
      }
      wiring.forget(id)
      if (row?.deleted === 1 && (await needsSegment(ctx, id))) return again(WAIT_MS)
      await wiring.port.removeNetwork(id)
      if (row?.deleted !== 1) return done
      // an external network's other side goes first, then the row
      if (row.external === 1) await wiring.port.removeExternal(id)
      if (!(await eraseNetwork(ctx, id))) return again(WAIT_MS)
      await putOn(ctx, 'DHCP agent', id)
      return done
    },
    giveUp: async (ctx, id) => await setNetworkStatus(ctx, id, 'ERROR'),
    sweep: {
      everyMs,
      keys: async (ctx) => await networkDrift(ctx, wiring),
      losses: (signal) => wiring.port.losses('network', signal),
    },
  }
}

/** Only once the network is there again: until then its ports seem to be plugged, into what nobody can reach any more. */
async function plugAgain(ctx: Ctx, id: string): Promise<void> {
  for (const port of await pluggedIn(ctx, id)) await askToPlug(ctx, port)
}

async function networkDrift(ctx: Ctx, wiring: Wiring): Promise<readonly string[]> {
  const rows = await allNetworks(ctx)
  const { held, missing, leftover } = await heldAgainst(
    ctx,
    wiring,
    'network',
    rows.map(({ id, external, deleted }) => ({ id, wanted: deleted === 0 && external === 0 })),
  )
  for (const id of missing) wiring.lose(id)
  // a segment that came back empty has lost its routers' legs
  for (const id of missing)
    for (const router of await routersIn(ctx, id)) await nudge(ctx, kinds.router, router)
  for (const id of await networksInUse(ctx)) if (held.includes(id)) void wiring.serveGuests(ctx, id)
  const external = new Set(
    rows.filter((row) => row.external === 1 && row.deleted === 0).map(({ id }) => id),
  )
  return [...missing, ...leftover.filter((id) => held.includes(id) || !external.has(id))]
}

function externals(wiring: Wiring, everyMs: number): Reconciler {
  return {
    kind: kinds.external,
    async reconcile(ctx, id) {
      await wiring.ensureExternal(ctx, id, true)
      wiring.repairs.settled(ctx, 'external', id)
      // routers that looked before this were told what was true then
      for (const router of await routersOutThrough(ctx, id)) await nudge(ctx, kinds.router, router)
      return done
    },
    giveUp: async (ctx, id) => await setNetworkStatus(ctx, id, 'ERROR'),
    sweep: {
      everyMs,
      keys: async (ctx) => {
        const rows = (await allNetworks(ctx)).filter(({ external }) => external === 1)
        const wishes = rows.map(async ({ id }) => ({
          id,
          wanted: (await wiring.externalWish(ctx, id)) !== undefined,
        }))
        const { missing, leftover } = await heldAgainst(
          ctx,
          wiring,
          'external',
          await Promise.all(wishes),
        )
        for (const id of missing) wiring.forget(id)
        return [...missing, ...leftover]
      },
      losses: (signal) => wiring.port.losses('external', signal),
    },
  }
}

function routers(wiring: Wiring, everyMs: number): Reconciler {
  return {
    kind: kinds.router,
    reconcile: async (ctx, id) => await reconcileRouter(ctx, wiring, id),
    giveUp: async (ctx, id) => await setRouterStatus(ctx, id, 'ERROR'),
    sweep: {
      everyMs,
      keys: async (ctx) => {
        const rows = await allRouters(ctx)
        const resting = await unserved(ctx, 'L3 agent', rows)
        const { held, missing, leftover } = await heldAgainst(
          ctx,
          wiring,
          'router',
          rows.map(({ id, deleted }) => ({ id, wanted: deleted === 0 && !resting.has(id) })),
        )
        for (const id of await routersWithLegs(ctx))
          if (held.includes(id)) void wiring.serveRouterGuests(ctx, id)
        return [...missing, ...leftover]
      },
      losses: (signal) => wiring.port.losses('router', signal),
    },
  }
}

async function reconcileRouter(ctx: Ctx, wiring: Wiring, id: string): Promise<Outcome> {
  const row = await anyRouter(ctx, id)
  if (row === undefined || row.deleted === 1) {
    await wiring.port.removeRouter(id)
    await eraseRouter(ctx, id)
    await putOn(ctx, 'L3 agent', id)
    return done
  }
  if ((await unserved(ctx, 'L3 agent', [row])).has(id)) return await restRouter(ctx, wiring, id)
  const [legs, floating] = [await legsOf(ctx, id), await floatingIpsOfRouter(ctx, id)]
  const inner = new Set(
    legs
      .filter(({ owner }) => owner === 'network:router_interface')
      .map(({ network_id }) => network_id),
  )
  await Promise.all([...inner].map(async (network) => await wiring.ensureNetwork(ctx, network)))
  const outer =
    row.gateway_network === null ? undefined : await wiring.ensureExternal(ctx, row.gateway_network)
  const spec = routerSpecOf(row, legs, floating, outer, await wiring.routerExtra(ctx, id))
  try {
    await wiring.port.ensureRouter(spec)
  } catch (error) {
    for (const network of inner) wiring.forget(network) // the engine may have lost one that was thought to be there
    throw error
  }
  await setRouterStatus(ctx, id, 'ACTIVE')
  wiring.repairs.settled(ctx, 'router', id)
  await setLegStatus(ctx, row, legs)
  await markActive(ctx, spec.external === undefined ? [] : floating.map((each) => each.id))
  if (spec.interfaces.length > 0) void wiring.serveRouterGuests(ctx, id)
  return done
}

/** A leg in a network that is switched off carries nothing either. */
async function setLegStatus(ctx: Ctx, row: RouterTable, legs: readonly Leg[]): Promise<void> {
  const off = new Set(await networksDown(ctx, [...new Set(legs.map((leg) => leg.network_id))]))
  const isDown = (leg: Leg): boolean => row.admin_up === 0 || off.has(leg.network_id)
  const idsOf = (list: readonly Leg[]): string[] => list.map(({ port_id }) => port_id)
  await setStatus(ctx, idsOf(legs.filter((leg) => !isDown(leg))), 'ACTIVE')
  await setStatus(ctx, idsOf(legs.filter(isDown)), 'DOWN')
}

/** Nobody is to carry out this router: its wish stays, its packets stop. */
async function restRouter(ctx: Ctx, wiring: Wiring, id: string): Promise<Outcome> {
  await wiring.port.removeRouter(id)
  const legs = await legsOf(ctx, id)
  await setStatus(
    ctx,
    legs.map(({ port_id }) => port_id),
    'DOWN',
  )
  return done
}

/** A group's rules or members changed: it is written wherever a plugged port is in it, and forgotten elsewhere. */
function groups(wiring: Wiring, everyMs: number): Reconciler {
  return {
    kind: kinds.group,
    async reconcile(ctx, id) {
      const exists = (await groupsById(ctx, [id])).length > 0
      const wanted = new Set(exists ? await networksWithGroup(ctx, id) : [])
      for (const network of await placesOf(ctx, id)) {
        if (wanted.has(network)) continue
        await wiring.port.removeSecurityGroup(network, id)
        wiring.forgetPlace(network, id)
        await removePlace(ctx, network, id)
      }
      if (wanted.size === 0) return done
      const spec = await wiring.wishes.group(ctx, id)
      for (const network of wanted) {
        await wiring.ensureNetwork(ctx, network)
        await wiring.port.ensureSecurityGroup(network, spec)
        await addPlaces(ctx, network, [id])
      }
      wiring.repairs.settled(ctx, 'group', id)
      return done
    },
    sweep: { everyMs, keys: lostGroups },
  }
}
