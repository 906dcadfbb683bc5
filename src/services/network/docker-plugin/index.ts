import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Feature } from '../standard/feature.ts'
import type { PluginDeps } from './deps.ts'
import { endpointReconciler } from './endpoints/reconciler.ts'
import { pluginHandler } from './handler.ts'
import { dockerPluginMigration } from './migrations.ts'
import { allDockerNetworks } from './networks/store.ts'
import { dockerSweep } from './sweep/sweep.ts'

/**
 * Docker's network plugin (Kuryr's role): `docker network create -d kuryr` and `docker run --network` join tenant networks. What
 * Docker was given stands in tables of its own, keyed by Docker's ids; names and tags are for people only.
 */
export function dockerPluginFeature(deps: PluginDeps | undefined): Feature {
  return {
    migrations: [dockerPluginMigration],
    ...(deps === undefined
      ? {}
      : { reconcilers: [endpointReconciler(deps), dockerSweep(deps, deps.wiring.sweepMs)] }),
  }
}

/** From now on Docker's calls are answered; the promise ends when the first one can come. */
export async function servePlugin(deps: PluginDeps, ctx: () => Ctx): Promise<void> {
  const outlives = (await allDockerNetworks(ctx())).length > 0
  await deps.plugin.serve(pluginHandler(deps, ctx), outlives)
}
