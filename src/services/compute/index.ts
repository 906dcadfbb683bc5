/**
 * compute (Nova v2.1): servers, flavors, keypairs, server groups, quotas, hosts and what belongs to them. Owns tables
 * compute_*; asks identity for projects, image for what to boot, network for ports, workload for what runs.
 */
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Route } from '../../kernel/http/route.ts'
import { within } from '../../kernel/http/microversion.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import type { ComputeDeps } from './deps.ts'
import { discoveryRoutes } from './discovery.ts'
import type { ComputeFace } from './face.ts'
import { computeFault } from './fault.ts'
import { serveMetadata } from './metadata/serve.ts'
import { restBootstrap, restMigrations, restPolicies, restRoutes } from './rest.ts'
import {
  serversMigrations,
  serversPolicies,
  serversReconcilers,
  serversRoutes,
} from './servers/index.ts'
import { usersWithKey } from './keypairs/store.ts'
import { serverAnswers } from './servers/answers.ts'
import { findServer, findServersNamed } from './servers/store.ts'
import { computeMicroversions } from './versions.ts'

export interface Compute {
  readonly definition: ServiceDefinition
  readonly face: ComputeFace
  /** For a new cloud: customary flavors and this host's services. May be repeated. */
  bootstrap(ctx: Ctx): Promise<void>
  /** At every start, before the door opens: guests get answers from their metadata address. */
  start(ctx: Ctx): void
}

export function createCompute(deps: ComputeDeps): Compute {
  const routes = [...restRoutes(deps), ...serversRoutes(deps)]
  const definition: ServiceDefinition = {
    name: 'compute',
    mount: '/compute',
    requestIdHeader: 'x-compute-request-id',
    microversions: computeMicroversions,
    routes: [...discoveryRoutes, ...routes, ...legacy(routes)],
    policies: { ...restPolicies, ...serversPolicies },
    migrations: [...restMigrations, ...serversMigrations],
    reconcilers: serversReconcilers(deps),
    fault: computeFault,
  }
  return {
    definition,
    face: { findServer, findServersNamed, usersWithKey, ...serverAnswers(deps) },
    bootstrap: async (ctx) => await restBootstrap(ctx, deps),
    start: (ctx) => serveMetadata(ctx, deps),
  }
}

/** `/v2`, which every Nova still has beside v2.1: the same endpoints as they are without microversions. */
function legacy(routes: readonly Route[]): readonly Route[] {
  return routes
    .filter((route) => within('2.1', route.since, route.until))
    .map((route) => ({ ...route, path: route.path.replace('/v2.1/', '/v2/'), until: '2.1' }))
}
