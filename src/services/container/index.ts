/**
 * container (Zun v1): containers, capsules, registries, quotas and what belongs to them. Owns tables container_*; asks image
 * for what to run, network for ports, workload for what runs, compute for the servers that are shown beside containers.
 */
import type { ServiceDefinition } from '../../kernel/http/service.ts'
import { withoutNulls } from '../../kernel/http/without-nulls.ts'
import { containerActionsTable } from './container-actions/store.ts'
import {
  containersMigrations,
  containersReconcilers,
  containersRoutes,
} from './containers/index.ts'
import type { ContainerDeps } from './deps.ts'
import { discoveryRoutes } from './discovery.ts'
import { containerFault } from './fault.ts'
import { containerPolicies } from './policies.ts'
import { quotaTables } from './quotas/store.ts'
import { containerMicroversions } from './versions.ts'

export interface ContainerService {
  readonly definition: ServiceDefinition
}

export function createContainerService(deps: ContainerDeps): ContainerService {
  return {
    definition: {
      name: 'container',
      mount: '/container',
      microversions: containerMicroversions,
      routes: [...discoveryRoutes, ...containersRoutes(deps)].map(withoutNulls),
      policies: containerPolicies,
      migrations: [...containersMigrations, containerActionsTable, quotaTables],
      reconcilers: containersReconcilers(deps),
      fault: containerFault,
    },
  }
}
