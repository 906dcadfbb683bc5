import { route, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { ruleOf } from '../wire/policy.ts'

/** Where containers can be: the zone of the one host. */
export function availabilityZoneRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/availability_zones',
      policy: ruleOf('availability_zones:get_all'),
      summary: 'List availability zones',
      handle: async () =>
        await Promise.resolve({
          availability_zones: [{ availability_zone: deps.zone }],
          next: null,
        }),
    }),
  ]
}
