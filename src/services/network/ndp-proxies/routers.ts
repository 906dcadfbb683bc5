import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import type { RouterRow } from '../routers/schema.ts'
import { getRouter } from '../routers/store.ts'
import { addition, type Addition } from '../standard/addition.ts'
import { flag } from '../standard/list-spec.ts'
import { bit, Flag } from '../standard/schema.ts'
import { proxiesBy, scopesOfNetwork, setEnabled } from './store.ts'

const attributes = { enable_ndp_proxy: Type.Optional(Flag) }

type Row = RouterRow & { readonly enable_ndp_proxy: number }

/** Routers are allowed to stand in for addresses behind them. */
export const enabledInRouters: Addition = addition<Row, typeof attributes>({
  to: 'router',
  attributes,
  columns: { enable_ndp_proxy: flag('enable_ndp_proxy') },
  async created(tx, row, { enable_ndp_proxy: on }) {
    if (on !== undefined) await enable(tx, row, bit(on, false))
  },
  async changed(tx, row, { enable_ndp_proxy: on }) {
    // the gateway may be another than it was
    const now = await getRouter(tx, row.id)
    const wanted = on === undefined ? row.enable_ndp_proxy : bit(on, false)
    if (now.gateway_network !== row.gateway_network) await mustBeFree(tx, row)
    if (on === undefined && now.gateway_network === null) await setEnabled(tx, row.id, 0)
    else if (on !== undefined || wanted === 1) await enable(tx, now, wanted === 1 ? 1 : 0)
  },
  views: async (_ctx, rows) =>
    await Promise.resolve(
      rows.map(({ enable_ndp_proxy }) => ({ enable_ndp_proxy: enable_ndp_proxy === 1 })),
    ),
})

/** It takes a gateway into a network whose IPv6 addresses are in an address scope: the same as those of the guests. */
async function enable(tx: Ctx, router: RouterRow, on: 0 | 1): Promise<void> {
  if (on === 1) {
    const reason =
      router.gateway_network === null
        ? 'it has no external gateway'
        : hasScope(await scopesOfNetwork(tx, router.gateway_network))
          ? undefined
          : 'the external network has no IPv6 subnet in an address scope'
    if (reason !== undefined)
      throw neutronError(
        'conflict',
        'RouterGatewayNotValid',
        `Can not enable ndp proxy on router ${router.id}, ${reason}.`,
      )
  }
  await setEnabled(tx, router.id, on)
}

const hasScope = (scopes: ReadonlySet<string | null>): boolean =>
  [...scopes].some((scope) => scope !== null)

async function mustBeFree(tx: Ctx, router: Row): Promise<void> {
  if ((await proxiesBy(tx, 'router_id', router.id)).length === 0) return
  throw neutronError(
    'conflict',
    'RouterGatewayInUseByNDPProxy',
    `Unable to unset external gateway of router ${router.id}, There are one or more ndp proxies still in use on the router.`,
  )
}
