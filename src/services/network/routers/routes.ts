import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { addressesOf } from '../addresses/store.ts'
import { neutronError } from '../fault.ts'
import { kinds, ZONE } from '../kinds.ts'
import { checkZones } from '../networks/routes.ts'
import { mustFit } from '../quotas/store.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, given, standardView, type View } from '../standard/schema.ts'
import { changeRow, tagsOf } from '../standard/store.ts'
import type { Route } from '../subnets/schema.ts'
import { newRow, type AddressTable } from '../tables.ts'
import { checkedRoutes, readRoutes } from './extra-routes.ts'
import { setGateway } from './gateway.ts'
import {
  NewRouter,
  RouterChange,
  type NewRouterWish,
  type RouterChangeWish,
  type RouterRow,
} from './schema.ts'
import { hideRouter, insertRouter, interfacePorts, routerSpec } from './store.ts'

/** Routers: they join networks with each other and with the outside. */
export function routerResource(host: string): Resource {
  return resource<RouterRow, typeof NewRouter, typeof RouterChange>({
    singular: 'router',
    plural: 'routers',
    path: 'routers',
    label: 'Router',
    notFound: 'RouterNotFound',
    spec: routerSpec,
    taggable: true,
    createBody: NewRouter,
    updateBody: RouterChange,
    create: async (tx, wish, projectId) => await createRouter(tx, host, wish, projectId),
    update: updateRouter,
    remove: removeRouter,
    views: routerViews,
  })
}

export async function createRouter(
  tx: Ctx,
  host: string,
  wish: NewRouterWish,
  projectId: string,
): Promise<string> {
  checkZones(wish.availability_zone_hints ?? [])
  await mustFit(tx, 'router', projectId)
  const id = randomUUID()
  const row = {
    ...newRow(tx, id, projectId, wish),
    admin_up: bit(wish.admin_state_up, true),
    status: 'ACTIVE',
    gateway_network: null,
    gateway_port: null,
    snat: 1,
    routes: '[]',
    zone_hints: toJson(wish.availability_zone_hints ?? []),
    host,
    deleted: 0,
  }
  await insertRouter(tx, row)
  if (wish.external_gateway_info !== undefined)
    await setGateway(tx, row, wish.external_gateway_info, 'create')
  await nudge(tx, kinds.router, id)
  return id
}

async function updateRouter(tx: Ctx, row: RouterRow, wish: RouterChangeWish): Promise<void> {
  if (wish.external_gateway_info !== undefined)
    await setGateway(tx, row, wish.external_gateway_info, 'update')
  const routes =
    wish.routes === undefined
      ? undefined
      : await checkedRoutes(tx, row.id, readRoutes(wish.routes ?? []))
  await changeRow(tx, routerSpec, row.id, {
    name: wish.name,
    description: wish.description,
    admin_up: given(wish.admin_state_up, (on) => bit(on, true)),
    routes: given(routes, toJson),
  })
  await nudge(tx, kinds.router, row.id)
}

async function removeRouter(tx: Ctx, row: RouterRow): Promise<void> {
  if ((await interfacePorts(tx, row.id)).length > 0)
    throw neutronError('conflict', 'RouterInUse', `Router ${row.id} still has ports`)
  await setGateway(tx, row, null, 'update')
  await hideRouter(tx, row.id)
  await nudge(tx, kinds.router, row.id)
}

async function routerViews(ctx: Ctx, rows: readonly RouterRow[]): Promise<readonly View[]> {
  const gateways = rows.flatMap(({ gateway_port }) => gateway_port ?? [])
  const addresses = Map.groupBy(await addressesOf(ctx, gateways), ({ port_id }) => port_id)
  return rows.map((row) => ({
    ...standardView(row),
    status: row.status,
    admin_state_up: row.admin_up === 1,
    external_gateway_info: gatewayView(row, addresses.get(row.gateway_port ?? '') ?? []),
    routes: fromJson<Route[]>(row.routes),
    availability_zone_hints: fromJson<string[]>(row.zone_hints),
    availability_zones: [ZONE],
    tags: tagsOf(row),
  }))
}

function gatewayView(row: RouterRow, addresses: readonly AddressTable[]): View | null {
  if (row.gateway_network === null) return null
  return {
    network_id: row.gateway_network,
    enable_snat: row.snat === 1,
    qos_policy_id: row.qos_policy ?? null,
    external_fixed_ips: addresses.map(({ subnet_id, address }) => ({
      subnet_id,
      ip_address: address,
    })),
  }
}
