import { Type } from '../../../../kernel/schema/type.ts'
import { inTx, toJson } from '../../../../kernel/db/db.ts'
import { nudge } from '../../../../kernel/tasks/store.ts'
import { route, type Route } from '../../../../kernel/http/route.ts'
import type { ComputeDeps } from '../../deps.ts'
import { getServer } from '../act.ts'
import { logAction } from '../instance-actions/store.ts'
import { updateServer } from '../store.ts'
import { deleteServer } from '../routes.ts'
import { cloudError } from '../../../../kernel/errors/cloud-error.ts'
import { mustAllow } from '../can.ts'
import { statusOf } from '../status.ts'
import { serverAction } from '../on-server.ts'

const ResetState = Type.Object(
  { state: Type.Union([Type.Literal('active'), Type.Literal('error')]) },
  { additionalProperties: false },
)

/** An administrator's ways out: declare an error, leave one (the workload is tried anew), delete whatever happens. */
export function adminStateActions(deps: ComputeDeps): readonly Route[] {
  return [...resetState(deps), ...deferredDelete(deps)]
}

function resetState(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('os-resetState', 'os-admin-actions:reset_state'),
      body: ResetState,
      status: 202,
      handle: async (ctx, { params, body }) => {
        await inTx(ctx, async (tx) => {
          const server = await getServer(tx, params.id)
          await logAction(
            tx,
            {
              serverId: server.id,
              projectId: server.projectId,
              host: server.host,
              action: 'resetState',
              generation: null,
            },
            true,
          )
          if (body.state === 'error') {
            const fault = {
              code: 500,
              message: 'An administrator set the state to error.',
              details: '',
              created: tx.now().toISOString(),
            }
            await updateServer(tx, server.id, { state: 'error', task: null, fault: toJson(fault) })
            return
          }
          const workload = await deps.workload.find(tx, server.id)
          await updateServer(tx, server.id, { state: 'normal', task: null, fault: null })
          if (workload?.error !== null && workload !== undefined)
            await deps.workload.change(tx, server.id, { retry: true })
          await nudge(tx, 'compute.server', server.id)
        })
      },
    }),
  ]
}

function deferredDelete(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...serverAction('forceDelete', 'os-deferred-delete:force'),
      body: Type.Unknown(),
      status: 202,
      handle: async (ctx, { params }) => await deleteServer(ctx, deps, params.id),
    }),
    route({
      ...serverAction('restore', 'os-deferred-delete:restore'),
      body: Type.Unknown(),
      status: 202,
      // deletion is at once here, so no server is ever soft-deleted: this answers 404 or 409 as the original does
      handle: async (ctx, { params }) => {
        const server = await getServer(ctx, params.id)
        mustAllow(
          ctx,
          server,
          statusOf(server, await deps.workload.find(ctx, server.id)),
          'restore',
        )
        throw cloudError('conflict', `Instance ${server.id} is not soft-deleted.`)
      },
    }),
  ]
}
