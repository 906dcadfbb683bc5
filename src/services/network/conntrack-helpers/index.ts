import { addition, type Addition } from '../standard/addition.ts'
import type { Extension } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { RouterExtras } from '../wiring/router-extras.ts'
import { helperPolicies, helperRoutes } from './routes.ts'
import { deleteHelpersOf, helperMigration, helpersOf } from './store.ts'

/**
 * Conntrack helpers: protocols like FTP name further connections in their payload. On a router that has a helper for them,
 * those connections belong to the first one and are translated with it.
 */
export function conntrackHelpersFeature(): Feature {
  return {
    additions: [inRouters],
    routes: helperRoutes(),
    policies: helperPolicies,
    migrations: [helperMigration],
    routerExtras: helpersOfRouter,
    extensions,
  }
}

const helpersOfRouter: RouterExtras = async (ctx, routerId) => {
  const rows = await helpersOf(ctx, [routerId])
  if (rows.length === 0) return {}
  return {
    conntrackHelpers: rows.map(({ id, protocol, port, helper }) => ({
      id,
      protocol,
      port,
      helper,
    })),
  }
}

/** A router shows its helpers, and they go with it. */
const inRouters: Addition = addition<StandardRow>({
  to: 'router',
  removing: async (tx, row) => await deleteHelpersOf(tx, row.id),
  async views(ctx, rows) {
    const ids = rows.map(({ id }) => id)
    const byRouter = Map.groupBy(await helpersOf(ctx, ids), ({ router_id }) => router_id)
    return ids.map((id) => ({
      conntrack_helpers: (byRouter.get(id) ?? []).map(({ protocol, port, helper }) => ({
        protocol,
        port,
        helper,
      })),
    }))
  },
})

const extensions: readonly Extension[] = [
  {
    alias: 'expose-l3-conntrack-helper',
    name: 'Expose CT target rules for conntrack helper',
    updated: '2019-04-04T10:00:00-00:00',
    description: 'Routers show their conntrack helpers.',
  },
  {
    alias: 'l3-conntrack-helper',
    name: 'L3 Conntrack helper',
    updated: '2019-04-04T10:00:00-00:00',
    description: 'Connections that are named in the payload of others belong to them.',
  },
]
