/** Servers: Nova's tongue over workloads. Rows know what was asked for; what runs is the workload of the same id. */
import type { Migration } from '../../../kernel/db/migrate.ts'
import type { Route } from '../../../kernel/http/route.ts'
import type { Reconciler } from '../../../kernel/tasks/reconciler.ts'
import type { ComputeDeps } from '../deps.ts'
import { withoutNulls } from '../../../kernel/http/without-nulls.ts'
import { addressActions } from './actions/addresses.ts'
import { consoleActions } from './actions/console.ts'
import { imageActions } from './actions/image.ts'
import { lockActions } from './actions/lock.ts'
import { moveActions } from './actions/no-second-host.ts'
import { passwordActions } from './actions/password.ts'
import { powerActions } from './actions/power.ts'
import { rebuildActions } from './actions/rebuild.ts'
import { refusedActions } from './actions/refused.ts'
import { rescueActions } from './actions/rescue.ts'
import { adminStateActions } from './actions/reset-state.ts'
import { resizeActions } from './actions/resize.ts'
import { unshelveActions } from './actions/unshelve.ts'
import { addressRoutes } from './address-routes.ts'
import { diagnosticsRoutes } from './diagnostics.ts'
import { instanceActionRoutes } from './instance-actions/routes.ts'
import { instanceActionsTable } from './instance-actions/store.ts'
import { interfaceRoutes } from './interfaces.ts'
import { listRoutes } from './list.ts'
import { metadataRoutes } from './metadata-routes.ts'
import { tablesOfServers } from './migrations.ts'
import { serverReconciler } from './reconcile.ts'
import { serverRoutes } from './routes.ts'
import { smallRoutes } from './small-routes.ts'
import { snapshotReconciler } from './snapshots/reconcile.ts'
import { snapshotsTable } from './snapshots/store.ts'
import { tagRoutes } from './tag-routes.ts'

export { serversPolicies } from './policies.ts'

export const serversMigrations: readonly Migration[] = [
  tablesOfServers,
  instanceActionsTable,
  snapshotsTable,
]

export function serversRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    ...listRoutes(deps),
    ...serverRoutes(deps),
    ...powerActions(deps),
    ...lockActions(),
    ...rebuildActions(deps),
    ...resizeActions(deps),
    ...imageActions(deps),
    ...unshelveActions(deps),
    ...adminStateActions(deps),
    ...moveActions(deps),
    ...consoleActions(deps),
    ...passwordActions(deps),
    ...rescueActions(deps),
    ...refusedActions(deps),
    ...addressActions(deps),
    ...interfaceRoutes(deps),
    ...metadataRoutes(deps),
    ...tagRoutes(),
    ...addressRoutes(deps),
    ...instanceActionRoutes(),
    ...diagnosticsRoutes(deps),
    ...smallRoutes(),
  ].map(withoutNulls)
}

export function serversReconcilers(deps: ComputeDeps): readonly Reconciler[] {
  return [serverReconciler(deps), snapshotReconciler(deps)]
}
