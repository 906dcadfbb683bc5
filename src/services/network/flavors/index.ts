import type { Extension } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import { bindingPolicies, bindingRoutes } from './bindings.ts'
import { flavorResource } from './flavors.ts'
import { profileResource } from './profiles.ts'
import { routerFlavor } from './routers.ts'
import { flavorMigration } from './store.ts'

/**
 * Flavors of network services: admins put service profiles behind names that users choose from. Of services with more than
 * one way of doing them there is none yet, so a flavor says what a router is meant for rather than how it is done.
 */
export function flavorsFeature(): Feature {
  return {
    resources: [flavorResource(), profileResource()],
    additions: [routerFlavor()],
    routesOn: (find) => bindingRoutes(find('flavor'), find('service_profile')),
    policies: bindingPolicies,
    migrations: [flavorMigration],
    extensions,
  }
}

const extensions: readonly Extension[] = [
  {
    alias: 'flavors',
    name: 'Neutron Service Flavors',
    updated: '2015-09-17T10:00:00-00:00',
    description: 'Names for kinds of network services.',
  },
  {
    alias: 'l3-flavors',
    name: 'Router Flavor Extension',
    updated: '2016-05-17T00:00:00-00:00',
    description: 'Routers can be made of a flavor.',
  },
]
