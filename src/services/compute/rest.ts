/** All of compute but servers and their metadata: one folder per resource, joined here for the service's index. */
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { Migration } from '../../kernel/db/migrate.ts'
import type { Route } from '../../kernel/http/route.ts'
import { aggregatePolicies, aggregateRoutes } from './aggregates/routes.ts'
import { aggregateMigrations } from './aggregates/store.ts'
import { zonePolicies, zoneRoutes } from './availability-zones/routes.ts'
import { countersMigrations } from './counters/store.ts'
import type { ComputeDeps } from './deps.ts'
import { extensionPolicies, extensionRoutes } from './extensions/routes.ts'
import { externalEventPolicies, externalEventRoutes } from './external-events/routes.ts'
import { ensureFlavors } from './flavors/defaults.ts'
import { flavorPolicies, flavorRoutes } from './flavors/routes.ts'
import { flavorMigrations } from './flavors/store.ts'
import { gonePolicies, goneRoutes } from './gone/routes.ts'
import { hostPolicies, hostRoutes } from './hosts/routes.ts'
import { hypervisorPolicies, hypervisorRoutes } from './hypervisors/routes.ts'
import { keypairPolicies, keypairRoutes } from './keypairs/routes.ts'
import { keypairMigrations } from './keypairs/store.ts'
import { limitPolicies, limitRoutes } from './limits/routes.ts'
import { osMigrationPolicies, osMigrationRoutes } from './os-migrations/routes.ts'
import { osMigrationMigrations } from './os-migrations/store.ts'
import { servicePolicies, serviceRoutes } from './os-services/routes.ts'
import { ensureServices, serviceMigrations } from './os-services/store.ts'
import { floatingIpProxyPolicies, floatingIpProxyRoutes } from './proxies/floating-ips.ts'
import { imageProxyPolicies, imageProxyRoutes } from './proxies/images.ts'
import { networkProxyPolicies, networkProxyRoutes } from './proxies/networks.ts'
import { securityGroupProxyPolicies, securityGroupProxyRoutes } from './proxies/security-groups.ts'
import { quotaPolicies, quotaRoutes } from './quotas/routes.ts'
import { quotaMigrations } from './quotas/store.ts'
import { serverGroupPolicies, serverGroupRoutes } from './server-groups/routes.ts'
import { serverGroupMigrations } from './server-groups/store.ts'
import { usageAuditPolicies, usageAuditRoutes } from './usage-audit/routes.ts'
import { usagePolicies, usageRoutes } from './usage/routes.ts'
import { withoutNulls } from '../../kernel/http/without-nulls.ts'

const parts: readonly ((deps: ComputeDeps) => readonly Route[])[] = [
  flavorRoutes,
  keypairRoutes,
  serverGroupRoutes,
  quotaRoutes,
  limitRoutes,
  usageRoutes,
  zoneRoutes,
  hostRoutes,
  serviceRoutes,
  hypervisorRoutes,
  aggregateRoutes,
  osMigrationRoutes,
  networkProxyRoutes,
  floatingIpProxyRoutes,
  securityGroupProxyRoutes,
  imageProxyRoutes,
  extensionRoutes,
  usageAuditRoutes,
  externalEventRoutes,
  goneRoutes,
]

/** Every route but those of servers. */
export function restRoutes(deps: ComputeDeps): readonly Route[] {
  return parts.flatMap((part) => part(deps)).map(withoutNulls)
}

/** The rules those routes name. */
export const restPolicies: Readonly<Record<string, string>> = {
  ...flavorPolicies,
  ...keypairPolicies,
  ...serverGroupPolicies,
  ...quotaPolicies,
  ...limitPolicies,
  ...usagePolicies,
  ...zonePolicies,
  ...hostPolicies,
  ...servicePolicies,
  ...hypervisorPolicies,
  ...aggregatePolicies,
  ...osMigrationPolicies,
  ...networkProxyPolicies,
  ...floatingIpProxyPolicies,
  ...securityGroupProxyPolicies,
  ...imageProxyPolicies,
  ...extensionPolicies,
  ...usageAuditPolicies,
  ...externalEventPolicies,
  ...gonePolicies,
}

/** Their tables, in the order in which they are made. */
export const restMigrations: readonly Migration[] = [
  ...countersMigrations,
  ...flavorMigrations,
  ...keypairMigrations,
  ...quotaMigrations,
  ...serverGroupMigrations,
  ...aggregateMigrations,
  ...serviceMigrations,
  ...osMigrationMigrations,
]

/** Customary flavors in an empty cloud, and this host's services. May be repeated. */
export async function restBootstrap(ctx: Ctx, deps: ComputeDeps): Promise<void> {
  await ensureFlavors(ctx)
  await ensureServices(ctx, deps.hostName)
}
