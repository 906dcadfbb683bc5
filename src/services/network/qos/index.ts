import type { Feature } from '../standard/feature.ts'
import { attachments } from './attachments.ts'
import { qosExtensions } from './extensions.ts'
import { qosOfPorts, qosOfRouter } from './extras.ts'
import { qosMigration } from './migrations.ts'
import { policyResource } from './policies.ts'
import { resourceRequests } from './resource-request.ts'
import { rulePolicies, ruleRoutes } from './rules.ts'
import { ruleTypePolicies, ruleTypeRoutes } from './rule-type-routes.ts'

/**
 * QoS: policies of rules, which networks, ports, floating addresses and gateways can be put under.
 */
export function qosFeature(): Feature {
  return {
    resources: [policyResource()],
    additions: [...attachments, resourceRequests],
    routes: [...ruleRoutes(), ...ruleTypeRoutes()],
    policies: { ...rulePolicies, ...ruleTypePolicies },
    extensions: qosExtensions,
    migrations: [qosMigration],
    portExtras: qosOfPorts,
    routerExtras: qosOfRouter,
  }
}
