import { randomUUID } from 'node:crypto'
import { can, projectOf, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { limitOf } from '../quotas/check.ts'
import { onlyQuery, queryCount } from '../wire/query.ts'
import { toInteger } from '../wire/schemas.ts'
import {
  groupView,
  NewGroup21,
  NewGroup215,
  NewGroup264,
  type GroupPolicy,
  type ServerGroup,
} from './schema.ts'
import {
  countServerGroups,
  deleteServerGroup,
  findServerGroup,
  insertServerGroup,
  listServerGroups,
} from './store.ts'

/** Nova's defaults: members of the project write, readers read. */
export const serverGroupPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-server-groups:index': 'rule:project-reader',
  'os_compute_api:os-server-groups:index:all_projects': 'rule:admin',
  'os_compute_api:os-server-groups:show': 'rule:project-reader',
  'os_compute_api:os-server-groups:create': 'rule:project-member',
  'os_compute_api:os-server-groups:delete': 'rule:project-member',
}

const MAX_PAGE = 1000

const all = '/v2.1/os-server-groups'
const policy = (verb: string): string => `os_compute_api:os-server-groups:${verb}`
const create = {
  method: 'POST',
  path: all,
  policy: policy('create'),
  summary: 'Create a server group',
} as const

/** Groups of servers that want to be together or apart. */
export function serverGroupRoutes(_deps: ComputeDeps): readonly Route[] {
  return [...createRoutes(), ...otherRoutes()]
}

function createRoutes(): readonly Route[] {
  return [
    route({
      ...create,
      until: '2.14',
      body: NewGroup21,
      handle: async (ctx, req) => await createOld(ctx, req, req.body.server_group),
    }),
    route({
      ...create,
      since: '2.15',
      until: '2.63',
      body: NewGroup215,
      handle: async (ctx, req) => await createOld(ctx, req, req.body.server_group),
    }),
    route({
      ...create,
      since: '2.64',
      body: NewGroup264,
      handle: async (ctx, req) => await createNew(ctx, req, req.body.server_group),
    }),
  ]
}

function otherRoutes(): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: all,
      policy: policy('index'),
      summary: 'List server groups',
      handle: list,
    }),
    route({
      method: 'GET',
      path: `${all}/:id`,
      policy: policy('show'),
      summary: 'Show a server group',
      handle: async (ctx, req) => ({ server_group: groupView(req, await getGroup(ctx, req)) }),
    }),
    route({
      method: 'DELETE',
      path: `${all}/:id`,
      policy: policy('delete'),
      summary: 'Delete a server group',
      handle: async (ctx, req) => {
        await deleteServerGroup(ctx, (await getGroup(ctx, req)).id)
        return reply(204)
      },
    }),
  ]
}

async function getGroup(ctx: Ctx, req: Req): Promise<ServerGroup> {
  const { id } = req.params as { id: string } // asked only where the path has :id
  const group = await findServerGroup(ctx, id)
  if (group === undefined)
    throw cloudError('notFound', `Instance group ${id.slice(0, 255)} could not be found.`)
  return group
}

async function list(ctx: Ctx, req: Req): Promise<unknown> {
  onlyQuery(req, ['all_projects', 'limit', 'offset'])
  const everything =
    req.rawQuery.has('all_projects') &&
    can(ctx, 'os_compute_api:os-server-groups:index:all_projects')
  const window = {
    offset: queryCount(req, 'offset') ?? 0,
    limit: Math.min(queryCount(req, 'limit') ?? MAX_PAGE, MAX_PAGE),
  }
  const groups = await listServerGroups(
    ctx,
    everything ? 'all' : { projectId: projectOf(ctx) },
    window,
  )
  return { server_groups: groups.map((group) => groupView(req, group)) }
}

async function createOld(
  ctx: Ctx,
  req: Req,
  body: { readonly name: string; readonly policies: readonly GroupPolicy[] },
): Promise<unknown> {
  const [policy] = body.policies
  if (policy === undefined)
    throw cloudError(
      'badRequest',
      'Invalid input for field/attribute policies: one policy is needed.',
    )
  return await createGroup(ctx, req, { name: body.name, policy, maxServersPerHost: null })
}

async function createNew(ctx: Ctx, req: Req, body: NewGroup264): Promise<unknown> {
  const most = body.rules?.max_server_per_host
  if (
    body.rules !== undefined &&
    Object.keys(body.rules).length > 0 &&
    body.policy !== 'anti-affinity'
  ) {
    throw cloudError('badRequest', 'Only anti-affinity policy supports rules.')
  }
  const maxServersPerHost = most === undefined ? null : toInteger(most, 'max_server_per_host', 1)
  return await createGroup(ctx, req, { name: body.name, policy: body.policy, maxServersPerHost })
}

async function createGroup(
  ctx: Ctx,
  req: Req,
  wish: Pick<ServerGroup, 'name' | 'policy' | 'maxServersPerHost'>,
): Promise<unknown> {
  const group: ServerGroup = {
    id: randomUUID(),
    ...wish,
    projectId: projectOf(ctx),
    userId: whoOf(ctx).userId,
    members: [],
  }
  await inTx(ctx, async (tx) => {
    const limit = await limitOf(tx, group.projectId, 'server_groups', group.userId)
    if (limit >= 0 && (await countServerGroups(tx, group.projectId)) >= limit) {
      throw cloudError(
        'quotaExceeded',
        `Quota exceeded, too many server groups: ${limit} are allowed.`,
      )
    }
    await insertServerGroup(tx, group)
  })
  return { server_group: groupView(req, group) }
}
