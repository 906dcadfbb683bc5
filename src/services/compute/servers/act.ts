import type { Updateable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import type { Workload, WorkloadChange } from '../../workload/face.ts'
import type { ComputeDeps } from '../deps.ts'
import { mustAllow, type ServerVerb } from './can.ts'
import { logAction } from './instance-actions/store.ts'
import type { Server, ServerTable, Task, TaskKind } from './schema.ts'
import { statusOf, taskFacts, type Status } from './status.ts'
import { findServer, updateUnlessBusy } from './store.ts'

/** A server together with what runs. */
export interface LiveServer {
  readonly server: Server
  readonly workload: Workload
  readonly status: Status
}

/** 404 in Nova's words. */
export async function getServer(ctx: Ctx, id: string): Promise<Server> {
  const server = await findServer(ctx, id)
  if (server === undefined)
    throw cloudError('notFound', `Instance ${id.slice(0, 100)} could not be found.`)
  return server
}

/** The server, if the verb is allowed on it now: else 404 or 409. */
export async function serverFor(
  ctx: Ctx,
  deps: ComputeDeps,
  id: string,
  verb: ServerVerb,
): Promise<LiveServer> {
  const server = await getServer(ctx, id)
  const workload = await deps.workload.find(ctx, id)
  const status = statusOf(server, workload)
  mustAllow(ctx, server, status, verb)
  if (workload === undefined)
    throw cloudError(
      'conflict',
      `The container of instance ${id} is gone: the server can only be deleted.`,
    )
  return { server, workload, status }
}

/** What a verb begins: a task, a new wish for the workload, changed columns, a line in the action log. */
export interface Beginning {
  readonly action: string
  readonly kind: TaskKind
  readonly change: WorkloadChange
  readonly row?: Updateable<ServerTable>
}

/** Wish, task and log in one transaction; joins an outer one. Answers the task and the id of its action. */
export async function begin(
  ctx: Ctx,
  deps: ComputeDeps,
  { server }: Pick<LiveServer, 'server'>,
  what: Beginning,
): Promise<{ readonly task: Task; readonly actionId: string }> {
  return await inTx(ctx, async (tx) => {
    const generation = await deps.workload.change(tx, server.id, what.change)
    const task: Task = { kind: what.kind, generation }
    await enterTask(tx, server, { ...what.row, task: toJson(task) })
    const actionId = await logAction(tx, {
      serverId: server.id,
      projectId: server.projectId,
      host: server.host,
      action: what.action,
      generation: taskFacts[what.kind].bySnapshot === true ? null : generation,
    })
    await nudge(tx, 'compute.server', server.id) // the workload may have settled before the task was written: never wait for a nudge that came already
    return { task, actionId }
  })
}

/** Writes the row unless another request changed its task since it was read: of two at once, one gets a 409. */
export async function enterTask(
  tx: Ctx,
  server: Server,
  row: Updateable<ServerTable>,
): Promise<void> {
  if (await updateUnlessBusy(tx, server.id, server.task, row)) return
  throw cloudError(
    'conflict',
    `Instance ${server.id} is being changed by another request: try again.`,
  )
}

/** A change that needs no engine: columns and a log line that is finished at once. */
export async function changeAtOnce(
  ctx: Ctx,
  server: Server,
  action: string,
  row: Updateable<ServerTable>,
): Promise<void> {
  await inTx(ctx, async (tx) => {
    await enterTask(tx, server, row)
    await logAction(
      tx,
      {
        serverId: server.id,
        projectId: server.projectId,
        host: server.host,
        action,
        generation: null,
      },
      true,
    )
  })
}
