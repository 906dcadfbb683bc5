import { extensionsOf } from '../extensions/known.ts'
import type { Feature } from '../standard/feature.ts'
import type { RouterExtras } from '../wiring/router-extras.ts'
import { proxyResource } from './proxies.ts'
import { enabledInRouters } from './routers.ts'
import { proxiesInForce, proxyMigration } from './store.ts'

/**
 * NDP proxies: a router answers on its external network for IPv6 addresses of guests behind it, which are reached there as
 * they are. `effects.ts` is what ports and routers ask before they change.
 */
export function ndpProxiesFeature(): Feature {
  return {
    resources: [proxyResource()],
    additions: [enabledInRouters],
    migrations: [proxyMigration],
    routerExtras: proxiesOfRouter,
    extensions,
  }
}

const proxiesOfRouter: RouterExtras = async (ctx, routerId) => {
  const rows = await proxiesInForce(ctx, routerId)
  return rows.length === 0 ? {} : { ndpProxies: rows.map(({ id, address }) => ({ id, address })) }
}

const extensions = extensionsOf([
  [
    'l3-ext-ndp-proxy',
    'Router support to enable NDP proxy',
    '2020-08-25T00:00:00-00:00',
    'Routers can be allowed to have NDP proxies.',
  ],
  [
    'l3-ndp-proxy',
    'L3 NDP Proxy',
    '2021-06-29T10:00:00-00:00',
    'IPv6 addresses of guests are reached from the external network as they are.',
  ],
])
