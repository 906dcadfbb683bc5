import { Type } from '../../../kernel/schema/type.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import type { Resource } from '../standard/resource.ts'
import { getRow, viewOf } from '../standard/routes.ts'
import { Id, Text, wrapped, type StandardRow } from '../standard/schema.ts'
import { rowsBy } from '../standard/store.ts'
import { bindProfile } from './flavors.ts'
import { drivers } from './profiles.ts'
import { bindingsOf, profilesOfFlavor, unbind } from './store.ts'

const PATH = '/v2.0/flavors/:flavor/service_profiles'
const Flavor = Type.Object({ flavor: Text() })

export const bindingPolicies = {
  'network:create_flavor_service_profile': 'rule:admin',
  'network:delete_flavor_service_profile': 'rule:admin',
  'network:get_flavor_service_profile': 'rule:admin',
} as const

/** Which profiles stand behind a flavor, and which of them the next service of it gets. */
export function bindingRoutes(flavors: Resource, profiles: Resource): readonly Route[] {
  return [...readRoutes(flavors, profiles), ...writeRoutes(flavors, profiles)]
}

function readRoutes(flavors: Resource, profiles: Resource): Route[] {
  const policy = 'network:get_flavor_service_profile'
  return [
    route({
      method: 'GET',
      path: PATH,
      policy,
      params: Flavor,
      handle: async (ctx, { params }) => {
        const flavor = await getRow(ctx, flavors, params.flavor)
        const ids = (await bindingsOf(ctx, 'flavor_id', [flavor.id])).map((one) => one.profile_id)
        const rows = await rowsBy<StandardRow>(ctx, profiles.spec, 'id', ids)
        return { service_profiles: await profiles.views(ctx, rows) }
      },
    }),
    route({
      method: 'GET',
      path: '/v2.0/flavors/:flavor/next_providers',
      policy,
      params: Flavor,
      handle: async (ctx, { params }) => {
        const flavor = await getRow(ctx, flavors, params.flavor)
        const next = (await profilesOfFlavor(ctx, flavor.id)).slice(0, 1)
        return {
          next_providers: next.map(({ driver, metainfo }) => ({
            driver: driver === '' ? drivers[0] : driver,
            metainfo,
            provider: drivers[0],
          })),
        }
      },
    }),
  ]
}

function writeRoutes(flavors: Resource, profiles: Resource): Route[] {
  return [
    route({
      method: 'POST',
      path: PATH,
      policy: 'network:create_flavor_service_profile',
      status: 201,
      params: Flavor,
      body: wrapped(Type.Object({ id: Id }, { additionalProperties: false }), 'service_profile'),
      handle: async (ctx, { params, body }) =>
        await inTx(ctx, async (tx) => {
          const { id } = (body as { readonly service_profile: { readonly id: string } })
            .service_profile // the schema demands it
          const flavor = await getRow(tx, flavors, params.flavor)
          await bindProfile(tx, flavor.id, id)
          return { service_profile: await viewOf(tx, profiles, await getRow(tx, profiles, id)) }
        }),
    }),
    route({
      method: 'DELETE',
      path: `${PATH}/:profile`,
      policy: 'network:delete_flavor_service_profile',
      params: Type.Object({ flavor: Text(), profile: Text() }),
      handle: async (ctx, { params }) => {
        await inTx(ctx, async (tx) => {
          const flavor = await getRow(tx, flavors, params.flavor)
          if (await unbind(tx, flavor.id, params.profile)) return
          throw neutronError(
            'notFound',
            'FlavorServiceProfileBindingNotFound',
            `Service Profile ${params.profile} is not associated with flavor ${flavor.id}.`,
          )
        })
        return reply(204)
      },
    }),
  ]
}
