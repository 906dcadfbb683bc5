import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nextPolicy } from './choose.ts'
import { setPolicy } from './store.ts'

/** The policy of a router's gateway; a router without a gateway has none. */
export async function setGatewayPolicy(
  tx: Ctx,
  router: { readonly id: string; readonly qos_policy?: string | null },
  asked: string | null | undefined,
): Promise<void> {
  const policy = await nextPolicy(tx, router.qos_policy ?? null, asked)
  if (policy !== undefined) await setPolicy(tx, 'net_routers', router.id, policy)
}
