import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import { getFloatingIp } from '../floating-ips/store.ts'
import type { FloatingIpRow } from '../floating-ips/schema.ts'
import { mustOwn } from '../standard/access.ts'
import { listQuery, pageLinks, pick } from '../standard/query.ts'
import type { View } from '../standard/schema.ts'
import { changeRow, listRows } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { checkedGoal, mustBeFree, routerToldOf } from './checks.ts'
import { forwardingsGone } from './effects.ts'
import { spansOf } from './plan.ts'
import {
  ForwardingBody,
  ForwardingChangeBody,
  type ForwardingChangeWish,
  type ForwardingRow,
  type ForwardingTable,
  type NewForwardingWish,
} from './schema.ts'
import { deleteForwardings, forwardingSpec, getForwarding, insertForwarding } from './store.ts'
import { forwardingView } from './views.ts'

const PATH = '/v2.0/floatingips/:floating/port_forwardings'
const RULE = 'floatingip_port_forwarding'

/** Port forwardings, found below their floating IP. */
export function forwardingRoutes(): Route[] {
  return [...readRoutes(), ...writeRoutes()]
}

export const forwardingPolicies = {
  [`network:get_${RULE}`]: 'rule:project-reader',
  [`network:create_${RULE}`]: 'rule:project-member',
  [`network:update_${RULE}`]: 'rule:project-member',
  [`network:delete_${RULE}`]: 'rule:project-member',
} as const

function readRoutes(): Route[] {
  const policy = `network:get_${RULE}`
  return [
    route({ method: 'GET', path: PATH, policy, handle: list }),
    route({
      method: 'GET',
      path: `${PATH}/:id`,
      policy,
      handle: async (ctx, req) => {
        const floating = await getFloatingIp(ctx, named(req, 'floating'))
        const row = await getForwarding(ctx, floating.id, named(req, 'id'))
        return { port_forwarding: pick(forwardingView(row), req.rawQuery.getAll('fields')) }
      },
    }),
  ]
}

function writeRoutes(): Route[] {
  return [
    route({
      method: 'POST',
      path: PATH,
      policy: `network:create_${RULE}`,
      status: 201,
      body: ForwardingBody,
      handle: async (ctx, req) =>
        await change(ctx, req, 'create', async (tx, floating) =>
          shown(await create(tx, floating, req.body.port_forwarding)),
        ),
    }),
    route({
      method: 'PUT',
      path: `${PATH}/:id`,
      policy: `network:update_${RULE}`,
      body: ForwardingChangeBody,
      handle: async (ctx, req) =>
        await change(ctx, req, 'update', async (tx, floating) =>
          shown(await update(tx, floating, named(req, 'id'), req.body.port_forwarding)),
        ),
    }),
    route({
      method: 'DELETE',
      path: `${PATH}/:id`,
      policy: `network:delete_${RULE}`,
      handle: async (ctx, req) =>
        await change(ctx, req, 'delete', async (tx, floating) => {
          const row = await getForwarding(tx, floating.id, named(req, 'id'))
          await deleteForwardings(tx, [row.id])
          await forwardingsGone(tx, floating.id)
          return reply(204)
        }),
    }),
  ]
}

const named = (req: Req, name: string): string =>
  (req.params as Readonly<Record<string, string>>)[name] ?? '' // named in the path

const shown = (row: ForwardingTable): View => ({ port_forwarding: forwardingView(row) })

async function list(ctx: Ctx, req: Req): Promise<View> {
  const floating = await getFloatingIp(ctx, named(req, 'floating'))
  const query = listQuery(req.rawQuery, forwardingSpec)
  const filters = new Map([...query.filters, ['floatingip_id', [floating.id]]])
  const rows = await listRows<ForwardingRow>(ctx, forwardingSpec, { ...query, filters })
  const url = `${req.serviceUrl}/v2.0/floatingips/${floating.id}/port_forwardings`
  const links = pageLinks(
    url,
    req.rawQuery,
    query,
    rows.map(({ id }) => id),
  )
  return {
    port_forwardings: rows.map((row) => pick(forwardingView(row), query.fields)),
    ...(links.length > 0 ? { port_forwardings_links: links } : {}),
  }
}

/** Only who has the floating IP changes what it forwards. */
async function change(
  ctx: Ctx,
  req: Req,
  verb: string,
  work: (tx: Ctx, floating: FloatingIpRow) => Promise<unknown>,
): Promise<unknown> {
  return await inTx(ctx, async (tx) => {
    const floating = await getFloatingIp(tx, named(req, 'floating'))
    mustOwn(tx, floating, `${verb}_${RULE}`)
    return await work(tx, floating)
  })
}

async function create(
  tx: Ctx,
  floating: FloatingIpRow,
  wish: NewForwardingWish,
): Promise<ForwardingTable> {
  const spans = spansOf(wish)
  const goal = await checkedGoal(tx, floating, wish.internal_port_id, wish.internal_ip_address)
  const row: ForwardingTable = {
    ...newRow(tx, randomUUID(), floating.project_id, { description: wish.description }),
    floatingip_id: floating.id,
    port_id: wish.internal_port_id,
    address: goal.address,
    protocol: protocolOf(wish.protocol),
    ...spans,
  }
  await mustBeFree(tx, row)
  await insertForwarding(tx, row)
  await routerToldOf(tx, floating, goal.router)
  return row
}

async function update(
  tx: Ctx,
  floating: FloatingIpRow,
  id: string,
  wish: ForwardingChangeWish,
): Promise<ForwardingTable> {
  const had = await getForwarding(tx, floating.id, id)
  const portId = wish.internal_port_id ?? had.port_id
  const address = wish.internal_ip_address ?? (portId === had.port_id ? had.address : undefined)
  const goal = await checkedGoal(tx, floating, portId, address)
  const changes = {
    ...spansOf(wish, had),
    port_id: portId,
    address: goal.address,
    protocol: wish.protocol === undefined ? had.protocol : protocolOf(wish.protocol),
    description: wish.description ?? had.description,
  }
  await mustBeFree(tx, { ...had, ...changes })
  await changeRow(tx, forwardingSpec, id, changes)
  await routerToldOf(tx, floating, goal.router)
  return { ...had, ...changes }
}

const protocolOf = (sent: string): 'tcp' | 'udp' => (/^tcp$/i.test(sent) ? 'tcp' : 'udp')
