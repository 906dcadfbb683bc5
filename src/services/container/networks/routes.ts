import { randomUUID } from 'node:crypto'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import { projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { ContainerDeps } from '../deps.ts'
import { ruleOf } from '../wire/policy.ts'
import { Ident } from '../wire/schemas.ts'
import { deleteNetwork, findNetwork, insertNetwork, type NetworkRow } from './store.ts'

const Create = Type.Object(
  { neutron_net_id: Ident, name: Type.Optional(Ident) },
  { additionalProperties: false },
)

/**
 * Where Zun makes a Docker network for one of Neutron's, to be used by containers later. Here containers are plugged into
 * Neutron's own networks, so there is nothing to make: what was asked for is written down, and deleting it forgets it.
 */
export function networkRecordRoutes(deps: ContainerDeps): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/networks',
      policy: ruleOf('network:create'),
      summary: 'Make a network known',
      body: Create,
      handle: async (ctx, { body }) => view(await create(ctx, deps, body)),
    }),
    route({
      method: 'DELETE',
      path: '/v1/networks/:id',
      since: '1.27',
      policy: ruleOf('network:delete'),
      params: Type.Object({ id: Type.String() }),
      summary: 'Forget a network',
      status: 204,
      handle: async (ctx, { params: { id } }) => {
        const row = await findNetwork(ctx, id)
        if (row === undefined)
          throw cloudError('notFound', `Network ${id.slice(0, 255)} could not be found.`, {
            code: 'network-not-found',
          })
        await deleteNetwork(ctx, row.id)
      },
    }),
  ]
}

async function create(
  ctx: Ctx,
  deps: ContainerDeps,
  { neutron_net_id: id, name }: Static<typeof Create>,
): Promise<NetworkRow> {
  const network = await deps.network.findNetwork(ctx, id)
  if (network === undefined) throw cloudError('badRequest', `Network ${id} could not be found.`)
  if ((await findNetwork(ctx, network.id)) !== undefined)
    throw cloudError('conflict', `Network ${network.id} is known already.`, {
      code: 'network-already-exists',
    })
  const row = {
    id: randomUUID(),
    neutron_net_id: network.id,
    name: name ?? network.name,
    project_id: projectOf(ctx),
    user_id: whoOf(ctx).userId,
  }
  await insertNetwork(ctx, row)
  return row
}

function view(row: NetworkRow): Record<string, unknown> {
  return {
    uuid: row.id,
    name: row.name,
    project_id: row.project_id,
    user_id: row.user_id,
    network_id: row.neutron_net_id,
    neutron_net_id: row.neutron_net_id,
  }
}
