import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx, toJson } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { routersOfPool } from '../address-scopes/store.ts'
import { badRequest, neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { getNetwork } from '../networks/store.ts'
import { mustOwn } from '../standard/access.ts'
import { changeRow } from '../standard/store.ts'
import { Id } from '../standard/schema.ts'
import { subnetsIn, subnetSpec } from '../subnets/store.ts'
import type { SubnetTable } from '../tables.ts'
import { checkScope, covers, merged, readPrefixes } from './prefixes.ts'
import type { SubnetPoolRow } from './schema.ts'
import { getSubnetPool, subnetPoolSpec, takenFrom } from './store.ts'

const Network = Type.Object({ network_id: Id }, { additionalProperties: false })

/** Subnets that were made without a pool join one: the pool has their prefixes then, and knows that they are taken. */
export function onboardRoutes(): Route[] {
  return [
    route({
      method: 'PUT',
      path: '/v2.0/subnetpools/:id/onboard_network_subnets',
      policy: 'network:update_subnetpool',
      body: Network,
      summary: 'Let the subnets of a network join the pool',
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const pool = await getSubnetPool(tx, (req.params as { id: string }).id) // named in the path
          mustOwn(tx, pool, 'update_subnetpool')
          const network = await getNetwork(tx, req.body.network_id)
          mustOwn(tx, network, 'update_network')
          const subnets = (await subnetsIn(tx, network.id)).filter(
            ({ version }) => version === pool.version,
          )
          await onboard(tx, pool, network.id, subnets)
          return subnets.map(({ id, cidr }) => ({ id, cidr }))
        }),
    }),
  ]
}

async function onboard(
  tx: Ctx,
  pool: SubnetPoolRow,
  networkId: string,
  subnets: readonly SubnetTable[],
): Promise<void> {
  if (subnets.length === 0)
    throw badRequest(
      `Bad subnetpool request: network ${networkId} has no subnet of IP version ${pool.version}.`,
    )
  const taken = readPrefixes((await takenFrom(tx, pool.id)).map(({ cidr }) => cidr))
  for (const subnet of subnets) mustBeFree(pool, subnet, taken)
  const prefixes = toJson(
    merged([...fromJson<string[]>(pool.prefixes), ...subnets.map(({ cidr }) => cidr)]),
  )
  await checkScope(tx, { ...pool, prefixes })
  await changeRow(tx, subnetPoolSpec, pool.id, { prefixes })
  for (const { id } of subnets) await changeRow(tx, subnetSpec, id, { pool_id: pool.id })
  if (pool.scope_id !== null)
    for (const router of await routersOfPool(tx, pool.id)) await nudge(tx, kinds.router, router)
}

function mustBeFree(
  pool: SubnetPoolRow,
  subnet: SubnetTable,
  taken: ReturnType<typeof readPrefixes>,
): void {
  const [own] = readPrefixes([subnet.cidr])
  const reason =
    subnet.pool_id !== null
      ? `it is of subnet pool ${subnet.pool_id} already`
      : own !== undefined && taken.some((other) => covers(other, own) || covers(own, other))
        ? 'a subnet of the pool has these addresses'
        : undefined
  if (reason !== undefined)
    throw neutronError(
      'badRequest',
      'IllegalSubnetPoolUpdate',
      `Subnet ${subnet.id} (${subnet.cidr}) cannot join subnet pool ${pool.id}: ${reason}.`,
    )
}
