/**
 * container (Zun v1): containers, capsules, registries, quotas and what belongs to them. Owns tables container_*; asks image
 * for what to run, network for ports, workload for what runs, compute for the servers that are shown beside containers.
 */
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Migration } from '../../kernel/db/migrate.ts'
import type { Route } from '../../kernel/http/route.ts'
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import { withoutNulls } from '../../kernel/http/without-nulls.ts'
import { containerActionRoutes } from './container-actions/routes.ts'
import type { AuditLog } from '../../kernel/events/audit.ts'
import type { SshHost } from '../../kernel/ssh/guest.ts'
import { containerActionsTable, endOrphanedActions } from './container-actions/store.ts'
import {
  containersMigrations,
  containersReconcilers,
  containersRoutes,
} from './containers/index.ts'
import type { ContainerDeps } from './deps.ts'
import { containerFeed } from './events/feed.ts'
import { eventRoutes } from './events/routes.ts'
import { capsuleMemberRoutes } from './capsules/container-routes.ts'
import { capsuleReconciler } from './capsules/reconcile.ts'
import { capsuleRoutes } from './capsules/routes.ts'
import { capsulesTable } from './capsules/store.ts'
import { credentialsOf } from './containers/registry-of.ts'
import { commitsTable } from './containers/commits/store.ts'
import { consoleRoutes } from './consoles/routes.ts'
import { consolesTable } from './consoles/store.ts'
import { pullReconciler } from './images/reconcile.ts'
import { imageRoutes } from './images/routes.ts'
import { imageSearchRoutes } from './images/search.ts'
import { imagePullsTable } from './images/store.ts'
import { networkRecordRoutes } from './networks/routes.ts'
import { networksTable } from './networks/store.ts'
import { discoveryRoutes } from './discovery.ts'
import { containerFault } from './fault.ts'
import { containerPolicies } from './policies.ts'
import { availabilityZoneRoutes } from './availability-zones/routes.ts'
import { buildReconciler } from './builds/reconcile.ts'
import { buildRoutes } from './builds/routes.ts'
import { buildTables } from './builds/store.ts'
import { hostRoutes } from './hosts/routes.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { registryRoutes } from './registries/routes.ts'
import { registriesTable } from './registries/store.ts'
import { serviceRoutes } from './services/routes.ts'
import { ensureService, servicesTable } from './services/store.ts'
import { sshHost } from './ssh/host.ts'
import { quotaTables } from './quotas/store.ts'
import { containerMicroversions } from './versions.ts'

export interface ContainerService {
  readonly definition: ServiceDefinition
  /** At every start, before the door opens: this host's service is known. */
  start(ctx: Ctx): Promise<void>
  /** What is behind the SSH gateway; `ctx` is the cloud's own. */
  sshHost(ctx: Ctx, audit: AuditLog): SshHost
}

export function createContainerService(deps: ContainerDeps): ContainerService {
  deps.workload.onPull(async (ctx, id) => await credentialsOf(ctx, deps, id))
  const builds = { ...deps.builds, image: deps.image }
  const feed = containerFeed()
  return {
    definition: {
      name: 'container',
      mount: '/container',
      microversions: containerMicroversions,
      routes: [...routesOf(deps), ...buildRoutes(builds), ...eventRoutes(feed)].map(withoutNulls),
      policies: containerPolicies,
      migrations,
      reconcilers: [
        ...containersReconcilers(deps, feed),
        capsuleReconciler(deps),
        pullReconciler(deps),
        buildReconciler(builds),
      ],
      fault: containerFault,
    },
    async start(ctx) {
      await ensureService(ctx, deps.hostName)
      await endOrphanedActions(ctx, ['exec_cmd'], CUT_OFF)
    },
    sshHost: (ctx, audit) => sshHost(ctx, deps, audit),
  }
}

const CUT_OFF = 'The cloud was stopped while the command ran: what became of it is not known.'

const migrations: readonly Migration[] = [
  ...containersMigrations,
  containerActionsTable,
  quotaTables,
  servicesTable,
  registriesTable,
  commitsTable,
  consolesTable,
  networksTable,
  capsulesTable,
  imagePullsTable,
  buildTables,
]

/** What `bookmark` links lead to: the same without a version. */
const BOOKMARKED = /^\/v1(\/(?:containers|capsules|hosts|images|registries)\/:id)$/

function routesOf(deps: ContainerDeps): readonly Route[] {
  const routes = versionedRoutes(deps)
  const bookmarks = routes.flatMap((route) => {
    const path = BOOKMARKED.exec(route.path)?.[1]
    return route.method === 'GET' && path !== undefined ? [{ ...route, path }] : []
  })
  return [...discoveryRoutes, ...routes, ...bookmarks]
}

function versionedRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    ...containersRoutes(deps),
    ...containerActionRoutes(),
    ...capsuleRoutes(deps),
    ...capsuleMemberRoutes(deps),
    ...consoleRoutes(deps),
    ...quotaRoutes(),
    ...serviceRoutes(deps),
    ...hostRoutes(deps),
    ...availabilityZoneRoutes(deps),
    ...registryRoutes(deps),
    ...networkRecordRoutes(deps),
    ...imageRoutes(deps),
    ...imageSearchRoutes(deps),
  ]
}
