import { Type } from '../../../../kernel/schema/type.ts'
import { can, type Ctx } from '../../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../../kernel/http/microversion.ts'
import { cutPage, pageOf } from '../../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../../kernel/http/route.ts'
import { nextLink } from '../../wire/links.ts'
import { onlyQuery, PAGING, queryText } from '../../wire/query.ts'
import { novaTime } from '../../wire/times.ts'
import { getServer } from '../act.ts'
import { isoTime } from '../iso-time.ts'
import { findServerEverMade } from '../store.ts'
import { hostIdOf } from '../view.ts'
import { findAction, listActions, type ActionRow } from './store.ts'
import { onServer } from '../on-server.ts'

/** What was done to a server: from 2.21 on also to one that is gone. */
export function instanceActionRoutes(): readonly Route[] {
  return [...listOfActions(), ...oneAction()]
}

function listOfActions(): readonly Route[] {
  return [
    route({
      ...onServer(
        'GET',
        '/os-instance-actions',
        'os-instance-actions:list',
        'List what was done to a server',
      ),
      handle: async (ctx, req) => {
        const id = await knownServer(ctx, req, req.params.id)
        if (!atLeast(req.version, '2.58'))
          return {
            instanceActions: (await listActions(ctx, id, {})).map((action) =>
              actionView(req, action),
            ),
          }
        const { items, more } = await pageOfActions(ctx, req, id)
        return {
          instanceActions: items.map(({ action }) => actionView(req, action)),
          ...nextLink(req, 'links', items.at(-1)?.id, more),
        }
      },
    }),
  ]
}

function oneAction(): readonly Route[] {
  return [
    route({
      ...onServer(
        'GET',
        '/os-instance-actions/:request',
        'os-instance-actions:show',
        'Show what was done to a server',
      ),
      params: Type.Object({ id: Type.String(), request: Type.String() }),
      handle: async (ctx, req) => {
        const id = await knownServer(ctx, req, req.params.id)
        const action = await findAction(ctx, id, req.params.request)
        if (action === undefined)
          throw cloudError(
            'notFound',
            `Action for request_id ${req.params.request.slice(0, 100)} on instance ${id} not found`,
          )
        const withEvents =
          atLeast(req.version, '2.51') || can(ctx, 'os_compute_api:os-instance-actions:events')
        return {
          instanceAction: {
            ...actionView(req, action),
            ...(withEvents ? { events: [eventView(ctx, req, action)] } : {}),
          },
        }
      },
    }),
  ]
}

async function knownServer(ctx: Ctx, req: Req, id: string): Promise<string> {
  if (!atLeast(req.version, '2.21')) return (await getServer(ctx, id)).id
  const server = await findServerEverMade(ctx, id)
  if (server === undefined)
    throw cloudError('notFound', `Instance ${id.slice(0, 100)} could not be found.`)
  return server.id
}

/** Markers are request ids here. */
async function pageOfActions(
  ctx: Ctx,
  req: Req,
  id: string,
): Promise<{
  readonly items: readonly { readonly id: string; readonly action: ActionRow }[]
  readonly more: boolean
}> {
  onlyQuery(req, ['changes-since', 'changes-before', ...PAGING])
  const since = isoTime(queryText(req, 'changes-since'), 'changes-since')
  const before = atLeast(req.version, '2.66')
    ? isoTime(queryText(req, 'changes-before'), 'changes-before')
    : undefined
  if (since !== undefined && before !== undefined && since > before)
    throw cloudError(
      'badRequest',
      'The value of changes-since must be less than or equal to changes-before.',
    )
  const actions = (await listActions(ctx, id, { since, before })).map((action) => ({
    id: action.request_id,
    action,
  }))
  const page = pageOf(withoutSort(req.rawQuery), {
    sortable: [],
    defaultSort: [{ key: 'started', dir: 'desc' }],
  })
  return cutPage(actions, page, ({ action }) => action.started_at)
}

function withoutSort(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([key]) => key === 'limit' || key === 'marker'))
}

function actionView(req: Req, action: ActionRow): Record<string, unknown> {
  return {
    action: action.action,
    instance_uuid: action.server_id,
    request_id: action.request_id,
    user_id: action.user_id,
    project_id: action.project_id,
    start_time: novaTime(action.started_at),
    message: action.message,
    ...(atLeast(req.version, '2.58') ? { updated_at: novaTime(action.updated_at) } : {}),
  }
}

function eventView(ctx: Ctx, req: Req, action: ActionRow): Record<string, unknown> {
  const since = (version: string): boolean => atLeast(req.version, version)
  const isAdmin = can(ctx, 'os_compute_api:os-instance-actions:events')
  return {
    event: action.event,
    start_time: novaTime(action.started_at),
    finish_time: action.finished_at === null ? null : novaTime(action.finished_at),
    result: action.result,
    ...(isAdmin ? { traceback: action.result === 'Error' ? action.details : null } : {}),
    ...(since('2.62')
      ? {
          hostId: hostIdOf(action.project_id, action.host),
          ...(isAdmin ? { host: action.host } : {}),
        }
      : {}),
    ...(since('2.84') && can(ctx, 'os_compute_api:os-instance-actions:events:details')
      ? { details: action.details }
      : {}),
  }
}
