import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import type { PluginAnswer, PluginHandler, PluginMethod } from '../../../ports/docker-plugin.ts'
import { releaseAddress, requestAddress } from './addresses/addresses.ts'
import type { PluginDeps } from './deps.ts'
import { createEndpoint, mustFindNetwork } from './endpoints/endpoints.ts'
import { join, leave } from './endpoints/join.ts'
import { endpointInfo, finishEndpoint, program, revoke } from './endpoints/life.ts'
import { createNetwork, deleteNetwork } from './networks/networks.ts'
import { readPayload, type Payload } from './payloads.ts'
import { releasePool, requestPool } from './addresses/pools.ts'

type Handlers = {
  readonly [M in PluginMethod]: (
    ctx: Ctx,
    payload: Payload<M>,
    call: string,
  ) => Promise<PluginAnswer>
}

const nothing: PluginAnswer = {}

/**
 * One function per call of the Docker Engine. What is only rows is one transaction; what touches the host writes its rows first,
 * then works, and may be repeated. Ending what is not there is success: Docker ends things it is not sure of.
 */
export function pluginHandler(deps: PluginDeps, ctx: () => Ctx): PluginHandler {
  const handlers = handlersOf(deps)
  return async (method, payload, call) => await answer(handlers, ctx(), method, payload, call)
}

async function answer<M extends PluginMethod>(
  handlers: Pick<Handlers, M>,
  ctx: Ctx,
  method: M,
  payload: unknown,
  call: string,
): Promise<PluginAnswer> {
  return await handlers[method](ctx, readPayload(method, payload), call)
}

function handlersOf(deps: PluginDeps): Handlers {
  return { ...addressHandlers(deps), ...networkHandlers(deps) }
}

function addressHandlers(deps: PluginDeps): Pick<Handlers, PluginMethod & `IpamDriver.${string}`> {
  return {
    'IpamDriver.RequestPool': async (ctx, asked, call) =>
      await inTx(ctx, async (tx) => await requestPool(tx, deps, asked, call)),
    'IpamDriver.ReleasePool': async (ctx, { PoolID }) =>
      await done(ctx, async (tx) => await releasePool(tx, deps, PoolID)),
    'IpamDriver.RequestAddress': async (ctx, asked, call) =>
      await inTx(ctx, async (tx) => await requestAddress(tx, deps, asked, call)),
    'IpamDriver.ReleaseAddress': async (ctx, asked) =>
      await done(ctx, async (tx) => await releaseAddress(tx, deps, asked)),
  }
}

function networkHandlers(
  deps: PluginDeps,
): Pick<Handlers, PluginMethod & `NetworkDriver.${string}`> {
  return {
    'NetworkDriver.CreateNetwork': async (ctx, asked) => {
      await deps.plugin.outlive()
      return await done(ctx, async (tx) => await createNetwork(tx, deps, asked))
    },
    'NetworkDriver.DeleteNetwork': async (ctx, { NetworkID }) =>
      await done(ctx, async (tx) => await deleteNetwork(tx, deps, NetworkID)),
    'NetworkDriver.CreateEndpoint': async (ctx, asked) =>
      await inTx(ctx, async (tx) => await createEndpoint(tx, deps, asked)),
    'NetworkDriver.DeleteEndpoint': async (ctx, { EndpointID }) => {
      await finishEndpoint(ctx, deps, EndpointID)
      return nothing
    },
    'NetworkDriver.EndpointOperInfo': async (ctx, { EndpointID }) =>
      await endpointInfo(ctx, deps, EndpointID),
    'NetworkDriver.Join': async (ctx, asked) => {
      await mustFindNetwork(ctx, asked.NetworkID)
      return await join(ctx, deps, asked)
    },
    'NetworkDriver.Leave': async (ctx, { EndpointID }) => {
      await leave(ctx, EndpointID)
      return nothing
    },
    'NetworkDriver.ProgramExternalConnectivity': async (ctx, asked) => {
      await program(ctx, deps, asked.EndpointID, asked.Options)
      return nothing
    },
    'NetworkDriver.RevokeExternalConnectivity': async (ctx, { EndpointID }) => {
      await revoke(ctx, deps, EndpointID)
      return nothing
    },
  }
}

async function done(ctx: Ctx, work: (tx: Ctx) => Promise<void>): Promise<PluginAnswer> {
  await inTx(ctx, work)
  return nothing
}
