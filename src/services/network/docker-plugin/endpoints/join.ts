import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { fromJson } from '../../../../kernel/db/db.ts'
import type { PluginAnswer } from '../../../../ports/docker-plugin.ts'
import { overlaps, parseCidr } from '../../addressing/cidr.ts'
import { invalidInput, neutronError } from '../../fault.ts'
import { anyPort, setStatus } from '../../ports/store.ts'
import type { Route } from '../../subnets/schema.ts'
import { subnetsById } from '../../subnets/store.ts'
import { handedOverName } from '../../wiring/places.ts'
import type { PluginDeps } from '../deps.ts'
import { openExposed } from './exposure.ts'
import { joinAnswer, staticRoutes, type NetworkFacts } from './join-answer.ts'
import { exposedPorts, portBindings } from '../options.ts'
import type { Payload } from '../payloads.ts'
import { addressesOfPort, poolsOf } from '../addresses/store.ts'
import { endpointsInSandbox, findEndpoint, updateEndpoint } from './store.ts'
import { findDockerNetwork } from '../networks/store.ts'
import type { EndpointTable, PoolTable } from '../tables.ts'

type Asked = Payload<'NetworkDriver.Join'>

export async function mustFindEndpoint(ctx: Ctx, id: string): Promise<EndpointTable> {
  const row = await findEndpoint(ctx, id)
  if (row !== undefined) return row
  throw neutronError(
    'notFound',
    'EndpointNotFound',
    `There is no endpoint ${id.slice(0, 12)}: start the container again.`,
  )
}

/**
 * The container's link is made, its filters in force, and handed over to Docker. A link of an earlier try may have got as far as
 * a sandbox that is gone: it goes first.
 */
export async function join(ctx: Ctx, deps: PluginDeps, asked: Asked): Promise<PluginAnswer> {
  const row = await mustFindEndpoint(ctx, asked.EndpointID)
  const pools = await poolsIn(ctx, row)
  const others = await endpointsBeside(ctx, row, asked.SandboxKey)
  await mustNotOverlap(ctx, others, pools)
  const link = handedOverName(asked.EndpointID)
  const port = await anyPort(ctx, row.port_id)
  if (port?.netns != null) await deps.wiring.unplug(ctx, row.port_id)
  await updateEndpoint(ctx, row.id, { sandbox: asked.SandboxKey, missing_since: null })
  await deps.wiring.plug(ctx, row.port_id, { netns: asked.SandboxKey, ifname: link })
  const answer = joinAnswer({
    ...(await factsOf(ctx, row, pools)),
    link,
    known: (await Promise.all(others.map(async (other) => await routesOf(ctx, other)))).flat(),
  })
  await openWithoutGateway(ctx, deps, row, asked, answer)
  return answer
}

/** The pools that the endpoint has addresses of; all of them when Docker gave the addresses itself. */
async function poolsIn(ctx: Ctx, row: EndpointTable): Promise<readonly PoolTable[]> {
  const pools = await poolsOf(ctx, row.docker_network)
  const own = new Set((await addressesOfPort(ctx, row.port_id)).map(({ pool_id }) => pool_id))
  return own.size === 0 ? pools : pools.filter(({ id }) => own.has(id))
}

/** What the container has of this driver already. */
async function endpointsBeside(
  ctx: Ctx,
  row: EndpointTable,
  sandbox: string,
): Promise<readonly EndpointTable[]> {
  return (await endpointsInSandbox(ctx, sandbox)).filter(({ id }) => id !== row.id)
}

async function routesOf(ctx: Ctx, row: EndpointTable): Promise<readonly string[]> {
  const facts = await factsOf(ctx, row, await poolsIn(ctx, row))
  return staticRoutes(facts).map(({ Destination }) => Destination)
}

/** Linux would refuse the second route, and Docker would then never be able to start the container again. */
async function mustNotOverlap(
  ctx: Ctx,
  others: readonly EndpointTable[],
  pools: readonly PoolTable[],
): Promise<void> {
  for (const other of others)
    for (const theirs of await poolsIn(ctx, other))
      for (const mine of pools) {
        const [a, b] = [parseCidr(mine.cidr), parseCidr(theirs.cidr)]
        if (a !== undefined && b !== undefined && overlaps(a, b))
          throw invalidInput(
            `the container is in a network with ${theirs.cidr} already, which overlaps with ${mine.cidr}. Docker remembers this try: stop the container and docker network disconnect it from this network, or it cannot start again.`,
          )
      }
}

async function factsOf(
  ctx: Ctx,
  row: EndpointTable,
  pools: readonly PoolTable[],
): Promise<NetworkFacts> {
  const network = await findDockerNetwork(ctx, row.docker_network)
  const subnets = await subnetsById(
    ctx,
    pools.flatMap(({ subnet_id }) => subnet_id ?? []),
  )
  return {
    internal: network?.internal === 1,
    subnets: subnets.map(({ version, gateway, routes }) => ({
      version,
      gateway,
      routes: fromJson<Route[]>(routes),
    })),
  }
}

/** Docker programs ports on the interface with the IPv4 gateway only; in a network without one they would never open. */
async function openWithoutGateway(
  ctx: Ctx,
  deps: PluginDeps,
  row: EndpointTable,
  asked: Asked,
  answer: PluginAnswer,
): Promise<void> {
  const network = await findDockerNetwork(ctx, row.docker_network)
  if (answer['Gateway'] !== undefined || network?.internal === 1) return
  if (exposedPorts(asked.Options).length + portBindings(asked.Options).length === 0) return
  await openExposed(ctx, deps, row, asked.Options)
  await deps.wiring.refresh(ctx, row.port_id)
}

/** Docker takes its end back only after this: the link itself goes with the endpoint. */
export async function leave(ctx: Ctx, endpointId: string): Promise<void> {
  const row = await findEndpoint(ctx, endpointId)
  if (row === undefined) return
  await updateEndpoint(ctx, row.id, { sandbox: null })
  await setStatus(ctx, [row.port_id], 'DOWN')
}
