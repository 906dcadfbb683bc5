import { randomUUID } from 'node:crypto'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { canonicalIp } from '../addressing/address.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { getPort } from '../ports/store.ts'
import type { RouterRow } from '../routers/schema.ts'
import { getRouter, legsOf } from '../routers/store.ts'
import { mustOwn } from '../standard/access.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { change, creation, Id, Ip, standardView, type View } from '../standard/schema.ts'
import { changeRow } from '../standard/store.ts'
import { newRow, type PortTable } from '../tables.ts'
import {
  addressesOfPort,
  deleteProxies,
  insertProxy,
  isEnabled,
  proxySpec,
  scopesOfNetwork,
  type ProxyRow,
} from './store.ts'

const NewProxy = creation({
  router_id: Id,
  port_id: Id,
  ip_address: Type.Optional(Type.Union([Ip, Type.Null()])),
})
const ProxyChange = change({})

/** NDP proxies: IPv6 addresses of guests that the external network reaches through a router, untranslated. */
export function proxyResource(): Resource {
  return resource<ProxyRow, typeof NewProxy, typeof ProxyChange>({
    singular: 'ndp_proxy',
    plural: 'ndp_proxies',
    path: 'ndp_proxies',
    label: 'Ndp proxy',
    notFound: 'NDPProxyNotFound',
    spec: proxySpec,
    createBody: NewProxy,
    updateBody: ProxyChange,
    create: createProxy,
    update: async (tx, row, wish) =>
      await changeRow(tx, proxySpec, row.id, { name: wish.name, description: wish.description }),
    remove: removeProxy,
    views: async (_ctx, rows) => await Promise.resolve(rows.map(proxyView)),
  })
}

async function createProxy(
  tx: Ctx,
  wish: Static<typeof NewProxy>,
  projectId: string,
): Promise<string> {
  const router = await getRouter(tx, wish.router_id)
  mustOwn(tx, router, 'create_ndp_proxy')
  if (!(await isEnabled(tx, router.id)))
    throw neutronError(
      'conflict',
      'RouterNDPProxyNotEnable',
      `The enable_ndp_proxy parameter of router ${router.id} must be set as True while create ndp proxy entry on it.`,
    )
  const port = await getPort(tx, wish.port_id)
  mustOwn(tx, port, 'create_ndp_proxy')
  const address = await reachable(tx, router, port, wish.ip_address ?? undefined)
  const id = randomUUID()
  const row = {
    ...newRow(tx, id, projectId, wish),
    router_id: router.id,
    port_id: port.id,
    address,
  }
  if (!(await insertProxy(tx, row)))
    throw neutronError(
      'conflict',
      'NDPProxyExists',
      `Router ${router.id} has an ndp proxy for ${address} already.`,
    )
  await nudge(tx, kinds.router, router.id)
  return id
}

/** The address asked for, or the port's first one, in a subnet of the router and in the address scope of its gateway. */
async function reachable(
  tx: Ctx,
  router: RouterRow,
  port: PortTable,
  asked: string | undefined,
): Promise<string> {
  const own = await addressesOfPort(tx, port.id)
  const wanted = asked === undefined ? undefined : (canonicalIp(asked) ?? asked)
  const named = wanted === undefined ? own : own.filter(({ address }) => address === wanted)
  if (wanted !== undefined && named.length === 0)
    throw neutronError(
      'badRequest',
      'InvalidAddress',
      `The address ${wanted} is invalid, reason: it is not an IPv6 address of port ${port.id}.`,
    )
  const joined = new Set((await legsOf(tx, router.id)).map(({ subnet_id }) => subnet_id))
  const near = named.filter(({ subnet_id }) => joined.has(subnet_id))
  if (near.length === 0)
    throw neutronError(
      'conflict',
      'PortUnreachableRouter',
      `The port ${port.id} cannot reach the router ${router.id} by IPv6 subnet.`,
    )
  const scopes = await scopesOfNetwork(tx, router.gateway_network ?? '')
  const fit = near.find(({ scope_id }) => scope_id !== null && scopes.has(scope_id))
  if (fit !== undefined) return fit.address
  throw neutronError(
    'conflict',
    'AddressScopeConflict',
    `The IPv6 address scope of the external network conflict with internal network's IPv6 address scope ${near[0]?.scope_id ?? 'none'}.`,
  )
}

async function removeProxy(tx: Ctx, row: ProxyRow): Promise<void> {
  await deleteProxies(tx, [row.id])
  await nudge(tx, kinds.router, row.router_id)
}

const proxyView = (row: ProxyRow): View => ({
  ...standardView(row),
  router_id: row.router_id,
  port_id: row.port_id,
  ip_address: row.address,
})
