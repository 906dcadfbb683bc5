import type { Feature } from '../standard/feature.ts'
import { addressScopeResource } from './routes.ts'
import { prefixesInScope } from './store.ts'

/**
 * Address scopes: within one every address is unique, so that packets between its networks need no translation, on the way
 * outside neither.
 */
export function addressScopesFeature(): Feature {
  return {
    resources: [addressScopeResource()],
    routerExtras: async (ctx, routerId) => {
      const routed = await prefixesInScope(ctx, routerId)
      return routed.length === 0 ? {} : { routed }
    },
    extensions: [
      {
        alias: 'address-scope',
        name: 'Address scope',
        updated: '2015-07-26T10:00:00-00:00',
        description: 'Groups of subnet pools within which addresses are unique.',
      },
    ],
  }
}
