/** Containers: Zun's tongue over workloads. Rows know what was asked for; what runs is the workload of the same id. */
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { Route } from '../../../kernel/http/route.ts'
import type { Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { ContainerDeps } from '../deps.ts'
import type { ContainerFeed } from '../events/feed.ts'
import { archiveRoutes } from './actions/archives.ts'
import { attachRoutes } from './actions/attach.ts'
import { executeRoutes } from './actions/execute.ts'
import { killRoutes } from './actions/kill.ts'
import { logRoutes } from './actions/logs.ts'
import { statisticsRoutes } from './actions/statistics.ts'
import { commitRoutes } from './actions/commit.ts'
import { networkRoutes } from './actions/networks.ts'
import { powerRoutes } from './actions/power.ts'
import { rebuildRoutes } from './actions/rebuild.ts'
import { securityGroupRoutes } from './actions/security-groups.ts'
import { updateRoutes } from './actions/update.ts'
import { commitReconciler } from './commits/reconcile.ts'
import { createRoutes } from './create-routes.ts'
import { deleteRoutes } from './delete.ts'
import { listRoutes } from './list.ts'
import { containersTable } from './migrations.ts'
import { containerReconciler } from './reconcile.ts'
import { showRoutes } from './show.ts'

export const containersMigrations: readonly Migration[] = [containersTable]

export function containersRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    ...listRoutes(deps),
    ...createRoutes(deps),
    ...showRoutes(deps),
    ...deleteRoutes(deps),
    ...powerRoutes(deps),
    ...rebuildRoutes(deps),
    ...updateRoutes(deps),
    ...networkRoutes(deps),
    ...securityGroupRoutes(deps),
    ...commitRoutes(deps),
    ...killRoutes(deps),
    ...logRoutes(deps),
    ...statisticsRoutes(deps),
    ...archiveRoutes(deps),
    ...executeRoutes(deps),
    ...attachRoutes(deps),
  ]
}

export function containersReconcilers(
  deps: ContainerDeps,
  feed: ContainerFeed,
): readonly Reconciler[] {
  return [containerReconciler(deps, feed), commitReconciler(deps)]
}
