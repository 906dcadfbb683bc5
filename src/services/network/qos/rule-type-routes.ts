import { route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { driverOf, isRuleType, ruleTypeNames } from './rule-types.ts'

/** Which types of rules there are; how well the engine does them is told to admins. */
export function ruleTypeRoutes(): Route[] {
  const path = '/v2.0/qos/rule-types'
  return [
    route({
      method: 'GET',
      path,
      policy: 'network:list_rule_type',
      // everything there is, all drivers can: the filters all_supported and all_rules make no difference
      handle: async () =>
        await Promise.resolve({ rule_types: ruleTypeNames.map((type) => ({ type })) }),
    }),
    route({
      method: 'GET',
      path: `${path}/:type`,
      policy: 'network:get_rule_type',
      handle: async (_ctx, req) => {
        const { type } = req.params as { type: string } // named in the path
        if (!isRuleType(type))
          throw neutronError(
            'notFound',
            'QosRuleTypeNotFound',
            `QoS rule type ${type.slice(0, 80)} could not be found.`,
          )
        return await Promise.resolve({ rule_type: { type, drivers: [driverOf(type)] } })
      },
    }),
  ]
}

export const ruleTypePolicies = {
  'network:list_rule_type': 'rule:project-reader',
  'network:get_rule_type': 'rule:admin',
} as const
