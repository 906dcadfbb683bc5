import { randomUUID } from 'node:crypto'
import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'

/** What was done to a container, by whom, in which request, and how it ended. Each has one event, kept in the same row. */
export interface ActionTable {
  id: string
  container_id: string
  request_id: string
  action: string
  user_id: string
  project_id: string
  /** Ends when the workload has settled this generation; null when something else ends it (a commit, a removal). */
  generation: number | null
  started_at: string
  finished_at: string | null
  /** Success or Error, when finished. */
  result: string | null
  details: string | null
}
export type ActionRow = Selectable<ActionTable>

interface Tables {
  container_actions: ActionTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const containerActionsTable: Migration = {
  id: '002-container-actions',
  async up(kysely) {
    await sql`create table container_actions (id text not null primary key, container_id text not null, request_id text not null,
      action text not null, user_id text not null, project_id text not null, generation integer,
      started_at text not null, finished_at text, result text, details text)`.execute(kysely)
    await sql`create index container_actions_container on container_actions (container_id, started_at)`.execute(
      kysely,
    )
  },
}

export interface NewAction {
  readonly containerId: string
  readonly projectId: string
  readonly action: string
  readonly generation: number | null
}

/** An action under way, or (`finished`) one that was over at once. Answers its id. */
export async function logAction(ctx: Ctx, wish: NewAction, finished = false): Promise<string> {
  const now = ctx.now().toISOString()
  const id = randomUUID()
  await db(ctx)
    .insertInto('container_actions')
    .values({
      id,
      container_id: wish.containerId,
      request_id: ctx.requestId,
      action: wish.action,
      user_id: ctx.who?.userId ?? '',
      project_id: wish.projectId,
      generation: wish.generation,
      started_at: now,
      finished_at: finished ? now : null,
      result: finished ? 'Success' : null,
      details: null,
    })
    .execute()
  return id
}

/** The end of every open action of the container up to this generation; `error` says what went wrong. */
export async function endActions(
  ctx: Ctx,
  containerId: string,
  generation: number,
  error?: string,
): Promise<void> {
  await db(ctx)
    .updateTable('container_actions')
    .set(ending(ctx, error))
    .where('container_id', '=', containerId)
    .where('finished_at', 'is', null)
    .where('generation', '<=', generation)
    .execute()
}

export async function endAction(ctx: Ctx, id: string, error?: string): Promise<void> {
  await db(ctx)
    .updateTable('container_actions')
    .set(ending(ctx, error))
    .where('id', '=', id)
    .where('finished_at', 'is', null)
    .execute()
}

function ending(ctx: Ctx, error?: string): Pick<ActionRow, 'finished_at' | 'result' | 'details'> {
  return {
    finished_at: ctx.now().toISOString(),
    result: error === undefined ? 'Success' : 'Error',
    details: error?.slice(0, 2000) ?? null,
  }
}

/** Newest first. */
export async function listActions(ctx: Ctx, containerId: string): Promise<readonly ActionRow[]> {
  return await db(ctx)
    .selectFrom('container_actions')
    .selectAll()
    .where('container_id', '=', containerId)
    .orderBy('started_at', 'desc')
    .orderBy('id')
    .execute()
}

export async function findAction(
  ctx: Ctx,
  containerId: string,
  requestId: string,
): Promise<ActionRow | undefined> {
  return await db(ctx)
    .selectFrom('container_actions')
    .selectAll()
    .where('container_id', '=', containerId)
    .where('request_id', '=', requestId)
    .orderBy('started_at')
    .executeTakeFirst()
}

/** What ran without an engine's own bookkeeping when the process was killed: nobody will end it any more. */
export async function endOrphanedActions(
  ctx: Ctx,
  names: readonly string[],
  reason: string,
): Promise<void> {
  await db(ctx)
    .updateTable('container_actions')
    .set(ending(ctx, reason))
    .where('finished_at', 'is', null)
    .where('action', 'in', names)
    .execute()
}

/** The container is gone, and what was done to it with it. */
export async function dropActions(ctx: Ctx, containerId: string): Promise<void> {
  await db(ctx).deleteFrom('container_actions').where('container_id', '=', containerId).execute()
}
