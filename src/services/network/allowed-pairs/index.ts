import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, inTx } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { extensionsOf } from '../extensions/known.ts'
import { updatePort } from '../ports/create.ts'
import { pairsOf } from '../ports/plan.ts'
import { PairList, type Pair, type PairWish, type PortRow } from '../ports/schema.ts'
import { getPort, portSpec } from '../ports/store.ts'
import { mustOwn } from '../standard/access.ts'
import type { Feature } from '../standard/feature.ts'
import type { Resource } from '../standard/resource.ts'
import { getRow, viewOf } from '../standard/routes.ts'
import { lockRow } from '../standard/store.ts'

/** Adding and removing single address pairs of a port, safe against others doing the same. */
export function allowedPairsFeature(): Feature {
  return {
    routesOn: (find) => pairRoutes(find('port')),
    extensions: extensionsOf([
      [
        'allowed-address-pairs-atomic',
        'Atomically add/remove allowed address pairs',
        '2023-04-17T00:00:00+00:00',
        'Single address pairs of a port can be added and removed.',
      ],
    ]),
  }
}

const Body = Type.Object(
  { port: Type.Object({ allowed_address_pairs: PairList }, { additionalProperties: false }) },
  { additionalProperties: false },
)

function pairRoutes(ports: Resource): Route[] {
  const op = (
    verb: 'add' | 'remove',
    edit: (had: readonly Pair[], sent: readonly Pair[]) => readonly Pair[],
  ): Route =>
    route({
      method: 'PUT',
      path: `/v2.0/ports/:id/${verb}_allowed_address_pairs`,
      policy: 'network:update_port',
      body: Body,
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const { id } = req.params as { id: string } // named in the path
          await lockRow(tx, portSpec, id)
          const port = await getPort(tx, id)
          mustOwn(tx, port, `${verb}_allowed_address_pairs`, port.network_project)
          await editPairs(tx, port, req.body.port.allowed_address_pairs, edit)
          return { port: await viewOf(tx, ports, await getRow(tx, ports, port.id)) }
        }),
    })
  const among = (pairs: readonly Pair[]) => (pair: Pair) =>
    pairs.some((one) => one.ip_address === pair.ip_address && one.mac_address === pair.mac_address)
  return [
    op('add', (had, sent) => [...had, ...sent.filter((pair) => !among(had)(pair))]),
    op('remove', (had, sent) => had.filter((pair) => !among(sent)(pair))),
  ]
}

async function editPairs(
  tx: Ctx,
  port: PortRow,
  asked: readonly PairWish[],
  edit: (had: readonly Pair[], sent: readonly Pair[]) => readonly Pair[],
): Promise<void> {
  const pairs = edit(fromJson<Pair[]>(port.pairs), pairsOf([...asked], port.mac))
  await updatePort(tx, port, { allowed_address_pairs: [...pairs] })
}
