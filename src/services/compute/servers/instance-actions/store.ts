import { randomUUID } from 'node:crypto'
import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../../kernel/ctx/ctx.ts'
import { tables } from '../../../../kernel/db/db.ts'
import type { Migration } from '../../../../kernel/db/migrate.ts'

/** What was done to a server, by whom, in which request, and how it ended. Each has one event, kept in the same row. */
export interface ActionTable {
  id: string
  server_id: string
  request_id: string
  action: string
  event: string
  user_id: string
  project_id: string
  host: string
  /** Ends when the workload has settled this generation; null when something else ends it (a snapshot, a removal). */
  generation: number | null
  started_at: string
  updated_at: string
  finished_at: string | null
  /** Success or Error, when finished. */
  result: string | null
  message: string | null
  details: string | null
}
export type ActionRow = Selectable<ActionTable>

interface Tables {
  compute_actions: ActionTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const instanceActionsTable: Migration = {
  id: '101-instance-actions',
  async up(kysely) {
    await sql`create table compute_actions (id text not null primary key, server_id text not null, request_id text not null,
      action text not null, event text not null, user_id text not null, project_id text not null, host text not null,
      generation integer, started_at text not null, updated_at text not null, finished_at text, result text, message text, details text)`.execute(
      kysely,
    )
    await sql`create index compute_actions_server on compute_actions (server_id, started_at)`.execute(
      kysely,
    )
  },
}

/** Nova names the event after the compute manager's function; where the pattern does not give it, it stands here. */
const EVENTS: Readonly<Record<string, string>> = {
  create: 'compute__do_build_and_run_instance',
  delete: 'compute_terminate_instance',
  changePassword: 'compute_set_admin_password',
  confirmResize: 'compute_confirm_resize',
  revertResize: 'compute_finish_revert_resize',
  createImage: 'compute_snapshot_instance',
  createBackup: 'compute_backup_instance',
  attach_interface: 'compute_attach_interface',
  detach_interface: 'compute_detach_interface',
}

export interface NewAction {
  readonly serverId: string
  readonly projectId: string
  readonly host: string
  readonly action: string
  readonly generation: number | null
}

/** An action under way, or (`finished`) one that was over at once. Answers its id. */
export async function logAction(ctx: Ctx, wish: NewAction, finished = false): Promise<string> {
  const now = ctx.now().toISOString()
  const id = randomUUID()
  await db(ctx)
    .insertInto('compute_actions')
    .values({
      id,
      server_id: wish.serverId,
      request_id: ctx.requestId,
      action: wish.action,
      event: EVENTS[wish.action] ?? `compute_${wish.action}_instance`,
      user_id: ctx.who?.userId ?? '',
      project_id: wish.projectId,
      host: wish.host,
      generation: wish.generation,
      started_at: now,
      updated_at: now,
      finished_at: finished ? now : null,
      result: finished ? 'Success' : null,
      message: null,
      details: null,
    })
    .execute()
  return id
}

/** The end of every open action of the server up to this generation; `error` says what went wrong. */
export async function endActions(
  ctx: Ctx,
  serverId: string,
  generation: number,
  error?: string,
): Promise<void> {
  await db(ctx)
    .updateTable('compute_actions')
    .set(ending(ctx, error))
    .where('server_id', '=', serverId)
    .where('finished_at', 'is', null)
    .where('generation', '<=', generation)
    .execute()
}

export async function endAction(ctx: Ctx, id: string, error?: string): Promise<void> {
  await db(ctx)
    .updateTable('compute_actions')
    .set(ending(ctx, error))
    .where('id', '=', id)
    .where('finished_at', 'is', null)
    .execute()
}

/** The server is gone: what was under way other than its removal will never end well. */
export async function endAllActions(ctx: Ctx, serverId: string): Promise<void> {
  const open = (): ReturnType<typeof openOf> => openOf(ctx, serverId)
  await open().set(ending(ctx)).where('action', '=', 'delete').execute()
  await open().set(ending(ctx, 'The server was deleted meanwhile.')).execute()
}

const openOf = (ctx: Ctx, serverId: string) =>
  db(ctx)
    .updateTable('compute_actions')
    .where('server_id', '=', serverId)
    .where('finished_at', 'is', null)

function ending(
  ctx: Ctx,
  error?: string,
): Pick<ActionRow, 'finished_at' | 'updated_at' | 'result' | 'message' | 'details'> {
  const now = ctx.now().toISOString()
  return {
    finished_at: now,
    updated_at: now,
    result: error === undefined ? 'Success' : 'Error',
    message: error === undefined ? null : 'Error',
    details: error?.slice(0, 2000) ?? null,
  }
}

/** Newest first. */
export async function listActions(
  ctx: Ctx,
  serverId: string,
  span: { readonly since?: string | undefined; readonly before?: string | undefined },
): Promise<readonly ActionRow[]> {
  let query = db(ctx).selectFrom('compute_actions').selectAll().where('server_id', '=', serverId)
  if (span.since !== undefined) query = query.where('updated_at', '>=', span.since)
  if (span.before !== undefined) query = query.where('updated_at', '<=', span.before)
  return await query.orderBy('started_at', 'desc').orderBy('id').execute()
}

export async function findAction(
  ctx: Ctx,
  serverId: string,
  requestId: string,
): Promise<ActionRow | undefined> {
  return await db(ctx)
    .selectFrom('compute_actions')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('request_id', '=', requestId)
    .orderBy('started_at')
    .executeTakeFirst()
}
