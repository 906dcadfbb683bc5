import { Type } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { getContainer } from '../containers/act.ts'
import { onContainer } from '../containers/on-container.ts'
import { mayDo } from '../wire/policy.ts'
import { findAction, listActions, type ActionRow } from './store.ts'
import { zunTime, zunTimeOrNull } from '../wire/times.ts'

/** What was done to a container. */
export function containerActionRoutes(): readonly Route[] {
  return [
    route({
      ...onContainer('GET', '/container_actions', 'actions', 'List what was done to a container'),
      handle: async (ctx, req) => {
        const { id } = await getContainer(ctx, req.params.id)
        const actions = await listActions(ctx, id)
        return { containerActions: actions.map((action) => actionView(action, req.version)) }
      },
    }),
    route({
      ...onContainer('GET', '/container_actions/:requestId', 'actions', 'Show one with its events'),
      params: Type.Object({ id: Type.String(), requestId: Type.String() }),
      handle: async (ctx, req) => {
        const { id } = await getContainer(ctx, req.params.id)
        const action = await findAction(ctx, id, req.params.requestId)
        if (action === undefined)
          throw cloudError(
            'notFound',
            `The Action resource ${req.params.requestId.slice(0, 100)} could not be found.`,
          )
        const traceback = mayDo(ctx, 'container:action:events') ? action.details : null
        return { ...actionView(action, req.version), events: [eventView(action, traceback)] }
      },
    }),
  ]
}

/** `message` is null while all is well; it names why when it is not. */
function actionView(action: ActionRow, version: string): Record<string, unknown> {
  return {
    action: action.action,
    container_uuid: action.container_id,
    request_id: action.request_id,
    user_id: action.user_id,
    project_id: action.project_id,
    start_time: zunTime(action.started_at),
    message: action.details,
    ...(atLeast(version, '1.33') ? { finish_time: zunTimeOrNull(action.finished_at) } : {}),
  }
}

function eventView(action: ActionRow, traceback: string | null): Record<string, unknown> {
  return {
    event: EVENTS[action.action] ?? `container_${action.action}`,
    start_time: zunTime(action.started_at),
    finish_time: zunTimeOrNull(action.finished_at),
    result: action.result,
    traceback,
  }
}

/** Zun names the event after the compute manager's function; where the pattern does not give it, it stands here. */
const EVENTS: Readonly<Record<string, string>> = {
  create: 'compute__do_container_create',
  delete: 'compute__do_container_delete',
  commit: 'compute__do_container_commit',
  rebuild: 'compute__do_container_rebuild',
}
