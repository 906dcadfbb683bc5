import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { neutronError } from '../fault.ts'
import { getPort } from '../ports/store.ts'
import { mustOwn } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { getRow, viewOf } from '../standard/routes.ts'
import { bit, given, standardView, type View } from '../standard/schema.ts'
import { changeRow, lockRow, tagsOf, touch } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { dropTrunk } from './effects.ts'
import { planSubports } from './plan.ts'
import {
  NewTrunk,
  Subports,
  TrunkChange,
  type NewTrunkWish,
  type SubportTable,
  type SubportWish,
  type TrunkChangeWish,
  type TrunkRow,
} from './schema.ts'
import { getTrunk, insertTrunk, subportsOfTrunks, trunkSpec } from './store.ts'
import { addSubports, mustBeFree, removeSubports } from './subports.ts'

/** Trunks: ports whose link carries other ports, told apart by VLAN ids. */
export function trunkResource(): Resource {
  return resource<TrunkRow, typeof NewTrunk, typeof TrunkChange>({
    singular: 'trunk',
    plural: 'trunks',
    path: 'trunks',
    label: 'Trunk',
    notFound: 'TrunkNotFound',
    spec: trunkSpec,
    taggable: true,
    createBody: NewTrunk,
    updateBody: TrunkChange,
    create: createTrunk,
    update: updateTrunk,
    remove: removeTrunk,
    views: trunkViews,
  })
}

async function createTrunk(tx: Ctx, wish: NewTrunkWish, projectId: string): Promise<string> {
  const trunk = {
    ...newRow(tx, randomUUID(), projectId, wish),
    port_id: wish.port_id,
    admin_up: bit(wish.admin_state_up, true),
  }
  // what is wrong with the request itself is told first
  const subports = wish.sub_ports ?? []
  const parent = await checkedParent(tx, wish.port_id, subports)
  await insertTrunk(tx, { ...trunk, port_id: parent })
  await addSubports(tx, trunk, subports)
  return trunk.id
}

async function checkedParent(
  tx: Ctx,
  portId: string,
  subports: readonly SubportWish[],
): Promise<string> {
  planSubports(subports)
  const port = await getPort(tx, portId)
  mustOwn(tx, port, 'create_trunk')
  await mustBeFree(tx, port.id)
  return port.id
}

async function updateTrunk(tx: Ctx, row: TrunkRow, wish: TrunkChangeWish): Promise<void> {
  await changeRow(tx, trunkSpec, row.id, {
    name: wish.name,
    description: wish.description,
    admin_up: given(wish.admin_state_up, (on) => bit(on, true)),
  })
}

async function removeTrunk(tx: Ctx, row: TrunkRow): Promise<void> {
  mustBeEnabled(row)
  await dropTrunk(tx, row.id)
}

/** A disabled trunk stays as it is. */
function mustBeEnabled(row: TrunkRow): void {
  if (row.admin_up === 1) return
  throw neutronError('conflict', 'TrunkDisabled', `Trunk ${row.id} is currently disabled.`)
}

/** Adding, removing and listing sub-ports; the trunk is answered as it is, without a key around it. */
export function subportRoutes(trunks: Resource): Route[] {
  const op = (
    verb: 'add' | 'remove',
    work: (tx: Ctx, trunk: TrunkRow, asked: readonly SubportWish[]) => Promise<void>,
  ): Route =>
    route({
      method: 'PUT',
      path: `/v2.0/trunks/:id/${verb}_subports`,
      policy: `network:${verb}_subports`,
      body: Subports,
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const { id } = req.params as { id: string } // named in the path
          await lockRow(tx, trunkSpec, id)
          const trunk = await getTrunk(tx, id)
          mustOwn(tx, trunk, `${verb}_subports`)
          mustBeEnabled(trunk)
          await work(tx, trunk, req.body.sub_ports)
          await touch(tx, trunkSpec, trunk.id)
          return await viewOf(tx, trunks, await getRow(tx, trunks, trunk.id))
        }),
    })
  return [op('add', addSubports), op('remove', removeSubports), listRoute]
}

const listRoute = route({
  method: 'GET',
  path: '/v2.0/trunks/:id/get_subports',
  policy: 'network:get_subports',
  handle: async (ctx, req) => {
    const trunk = await getTrunk(ctx, (req.params as { id: string }).id) // named in the path
    return { sub_ports: (await subportsOfTrunks(ctx, [trunk.id])).map(subportView) }
  },
})

export const subportPolicies = {
  'network:add_subports': 'rule:project-member',
  'network:remove_subports': 'rule:project-member',
  'network:get_subports': 'rule:project-reader',
} as const

export function subportView({ port_id, vlan }: SubportTable): View {
  return { port_id, segmentation_type: 'vlan', segmentation_id: vlan }
}

async function trunkViews(ctx: Ctx, rows: readonly TrunkRow[]): Promise<readonly View[]> {
  const subports = Map.groupBy(
    await subportsOfTrunks(
      ctx,
      rows.map(({ id }) => id),
    ),
    ({ trunk_id }) => trunk_id,
  )
  return rows.map((row) => ({
    ...standardView(row),
    port_id: row.port_id,
    status: row.status,
    admin_state_up: row.admin_up === 1,
    sub_ports: (subports.get(row.id) ?? []).map(subportView),
    tags: tagsOf(row),
  }))
}
