import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { reply, route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import type { RouterRow } from '../routers/schema.ts'
import { getRouter } from '../routers/store.ts'
import { mustOwn } from '../standard/access.ts'
import { listQuery, pageLinks, pick } from '../standard/query.ts'
import { Text, type View } from '../standard/schema.ts'
import { changeRow, findRow, listRows } from '../standard/store.ts'
import { HelperChangeBody, helperOf, NewHelperBody, type HelperWish } from './schema.ts'
import {
  deleteHelper,
  helpersOf,
  helperSpec,
  insertHelper,
  type HelperRow,
  type HelperTable,
} from './store.ts'

const PATH = '/v2.0/routers/:router/conntrack_helpers'
const OfRouter = Type.Object({ router: Text() })
const OneOf = Type.Object({ router: Text(), id: Text() })

export const helperPolicies = {
  'network:get_router_conntrack_helper': 'rule:project-reader',
  'network:create_router_conntrack_helper': 'rule:project-member',
  'network:update_router_conntrack_helper': 'rule:project-member',
  'network:delete_router_conntrack_helper': 'rule:project-member',
} as const

const policyOf = (verb: 'get' | 'create' | 'update' | 'delete'): keyof typeof helperPolicies =>
  `network:${verb}_router_conntrack_helper`

/** Conntrack helpers below their router. */
export function helperRoutes(): readonly Route[] {
  return [...readRoutes(), createRoute, updateRoute, deleteRoute]
}

function readRoutes(): Route[] {
  const policy = policyOf('get')
  return [
    route({
      method: 'GET',
      path: PATH,
      policy,
      params: OfRouter,
      handle: async (ctx, { params, rawQuery, serviceUrl }) => {
        const { id } = await getRouter(ctx, params.router)
        const query = listQuery(rawQuery, helperSpec(id))
        const rows = await listRows<HelperRow>(ctx, helperSpec(id), query)
        const links = pageLinks(
          `${serviceUrl}/v2.0/routers/${id}/conntrack_helpers`,
          rawQuery,
          query,
          rows.map((row) => row.id),
        )
        return {
          conntrack_helpers: rows.map((row) => pick(viewOf(row), query.fields)),
          ...(links.length > 0 ? { conntrack_helpers_links: links } : {}),
        }
      },
    }),
    route({
      method: 'GET',
      path: `${PATH}/:id`,
      policy,
      params: OneOf,
      handle: async (ctx, { params, rawQuery }) => {
        const { row } = await found(ctx, params)
        return { conntrack_helper: pick(viewOf(row), rawQuery.getAll('fields')) }
      },
    }),
  ]
}

const createRoute = route({
  method: 'POST',
  path: PATH,
  policy: policyOf('create'),
  status: 201,
  params: OfRouter,
  body: NewHelperBody,
  handle: async (ctx, { params, body }) =>
    await inTx(ctx, async (tx) => {
      const router = await getRouter(tx, params.router)
      mustOwn(tx, router, 'create_router_conntrack_helper')
      const helper = helperOf(wishOf(body))
      await mustBeFree(tx, router, helper)
      const id = await insertHelper(tx, router, helper)
      await nudge(tx, kinds.router, router.id)
      return { conntrack_helper: { id, ...helper } }
    }),
})

const updateRoute = route({
  method: 'PUT',
  path: `${PATH}/:id`,
  policy: policyOf('update'),
  params: OneOf,
  body: HelperChangeBody,
  handle: async (ctx, { params, body }) =>
    await inTx(ctx, async (tx) => {
      const { router, row } = await found(tx, params)
      mustOwn(tx, router, 'update_router_conntrack_helper')
      const helper = helperOf(wishOf(body), row)
      await mustBeFree(tx, router, helper, row.id)
      await changeRow(tx, helperSpec(router.id), row.id, { ...helper })
      await nudge(tx, kinds.router, router.id)
      return { conntrack_helper: { id: row.id, ...helper } }
    }),
})

const deleteRoute = route({
  method: 'DELETE',
  path: `${PATH}/:id`,
  policy: policyOf('delete'),
  params: OneOf,
  handle: async (ctx, { params }) => {
    await inTx(ctx, async (tx) => {
      const { router, row } = await found(tx, params)
      mustOwn(tx, router, 'delete_router_conntrack_helper')
      await deleteHelper(tx, row.id)
      await nudge(tx, kinds.router, router.id)
    })
    return reply(204)
  },
})

const wishOf = (body: unknown): HelperWish =>
  (body as { readonly conntrack_helper: HelperWish }).conntrack_helper // the schema demands it

async function found(
  ctx: Ctx,
  { router: routerId, id }: Static<typeof OneOf>,
): Promise<{ readonly router: RouterRow; readonly row: HelperRow }> {
  const router = await getRouter(ctx, routerId)
  const row = await findRow<HelperRow>(ctx, helperSpec(router.id), id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'ConntrackHelperNotFound',
      `Conntrack Helper ${id} could not be found.`,
    )
  return { router, row }
}

/** A port of a protocol has one helper: the kernel gives each connection no more. */
async function mustBeFree(
  tx: Ctx,
  router: RouterRow,
  { protocol, port }: Pick<HelperTable, 'protocol' | 'port'>,
  except?: string,
): Promise<void> {
  const other = (await helpersOf(tx, [router.id])).find(
    (one) => one.id !== except && one.protocol === protocol && one.port === port,
  )
  if (other !== undefined)
    throw neutronError(
      'badRequest',
      'BadRequest',
      `Bad conntrack_helper request: ${protocol} port ${port} of router ${router.id} has helper ${other.helper} already.`,
    )
}

const viewOf = ({ id, protocol, port, helper }: HelperTable): View => ({
  id,
  protocol,
  port,
  helper,
})
