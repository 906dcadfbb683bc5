import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { badRequest, neutronError } from '../fault.ts'
import { addition, type Addition } from '../standard/addition.ts'
import { text } from '../standard/list-spec.ts'
import { Id, type StandardRow } from '../standard/schema.ts'
import { findRow } from '../standard/store.ts'
import { flavorSpec, profilesOfFlavor, setRouterFlavor, type FlavorRow } from './store.ts'

const attributes = { flavor_id: Type.Optional(Id) }

type Row = StandardRow & { readonly flavor_id: string | null }

/** Routers are made of a flavor when one is named, and keep it. */
export function routerFlavor(): Addition {
  return addition<Row, typeof attributes>({
    to: 'router',
    atCreation: attributes,
    columns: { flavor_id: text('flavor_id') },
    async created(tx, row, wish) {
      if (wish.flavor_id === undefined) return
      await mustMakeRouters(tx, wish.flavor_id)
      await setRouterFlavor(tx, row.id, wish.flavor_id)
    },
    views: async (_ctx, rows) =>
      await Promise.resolve(rows.map(({ flavor_id }) => ({ flavor_id }))),
  })
}

async function mustMakeRouters(tx: Ctx, id: string): Promise<void> {
  const flavor = await findRow<FlavorRow>(tx, flavorSpec, id)
  if (flavor === undefined)
    throw neutronError('notFound', 'FlavorNotFound', `Flavor ${id} could not be found.`)
  if (flavor.service_type !== 'L3_ROUTER_NAT')
    throw badRequest(
      `Bad router request: flavor ${id} is of ${flavor.service_type}, not of routers.`,
    )
  if (flavor.enabled === 0)
    throw neutronError('conflict', 'FlavorDisabled', `Flavor ${id} is not enabled.`)
  if ((await profilesOfFlavor(tx, id)).length === 0)
    throw badRequest(`Bad router request: flavor ${id} has no service profile that is enabled.`)
}
