import { sql, type Kysely, type Selectable } from 'kysely'
import type { Ctx } from '../ctx/ctx.ts'
import { tables } from '../db/db.ts'
import type { Migration } from '../db/migrate.ts'

/** One row per key that wants a look. The row goes when the key has settled. */
export interface TaskTable {
  kind: string
  key: string
  /** ms since the epoch */
  due_at: number
  /** Grows with each nudge, so that one arriving during a run is not lost. */
  nudges: number
  attempts: number
  failing_since: number | null
  last_error: string | null
  gave_up: number
  lease_owner: string | null
  lease_until: number
  created_at: number
}
export type TaskRow = Selectable<TaskTable>

interface Tables {
  tasks: TaskTable
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const taskMigrations: readonly Migration[] = [
  {
    id: '001-tasks',
    async up(kysely) {
      await sql`create table tasks (kind text not null, key text not null, due_at bigint not null, nudges integer not null,
        attempts integer not null, failing_since bigint, last_error text, gave_up integer not null, lease_owner text,
        lease_until bigint not null, created_at bigint not null, primary key (kind, key))`.execute(
        kysely,
      )
      await sql`create index tasks_due on tasks (due_at)`.execute(kysely)
    },
  },
]

/**
 * Asks for a look at `key` by the reconciler `kind`, now or after `delayMs`. Inside `inTx` it is committed with the wish that
 * it belongs to. A key that had been given up is taken up again.
 */
export async function nudge(ctx: Ctx, kind: string, key: string, delayMs = 0): Promise<void> {
  const now = ctx.now().getTime()
  const due = now + delayMs
  await db(ctx)
    .insertInto('tasks')
    .values({
      kind,
      key,
      due_at: due,
      nudges: 1,
      attempts: 0,
      failing_since: null,
      last_error: null,
      gave_up: 0,
      lease_owner: null,
      lease_until: 0,
      created_at: now,
    })
    .onConflict((conflict) =>
      conflict.columns(['kind', 'key']).doUpdateSet({
        due_at: sql<number>`case when tasks.due_at < ${due} and tasks.gave_up = 0 then tasks.due_at else ${due} end`,
        nudges: sql<number>`tasks.nudges + 1`,
        attempts: sql<number>`case when tasks.gave_up = 1 then 0 else tasks.attempts end`,
        failing_since: sql<
          number | null
        >`case when tasks.gave_up = 1 then null else tasks.failing_since end`,
        gave_up: 0,
      }),
    )
    .execute()
  if (ctx.db.afterCommit === undefined) ctx.db.wake.call()
  else ctx.db.afterCommit.push(() => ctx.db.wake.call())
}

/** Tasks of these kinds that are due and free, oldest first. */
export async function dueTasks(
  ctx: Ctx,
  kinds: readonly string[],
  limit: number,
): Promise<readonly TaskRow[]> {
  const now = ctx.now().getTime()
  return await db(ctx)
    .selectFrom('tasks')
    .selectAll()
    .where('kind', 'in', kinds)
    .where('gave_up', '=', 0)
    .where('due_at', '<=', now)
    .where('lease_until', '<=', now)
    .orderBy('due_at')
    .limit(limit)
    .execute()
}

/** `<kind> <key>` of everything that waits for a look or is being looked at. */
export async function pendingTasks(
  ctx: Ctx,
  kinds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db(ctx)
    .selectFrom('tasks')
    .select(['kind', 'key'])
    .where('kind', 'in', kinds)
    .execute()
  return new Set(rows.map(({ kind, key }) => `${kind} ${key}`))
}

/** When the next task of these kinds falls due, in ms since the epoch. */
export async function nextDue(ctx: Ctx, kinds: readonly string[]): Promise<number | undefined> {
  const row = await db(ctx)
    .selectFrom('tasks')
    .select(['due_at', 'lease_until'])
    .where('kind', 'in', kinds)
    .where('gave_up', '=', 0)
    .orderBy('due_at')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? undefined : Math.max(row.due_at, row.lease_until)
}

/** Takes the lease; false when another process was faster. */
export async function claim(
  ctx: Ctx,
  task: TaskRow,
  owner: string,
  leaseMs: number,
): Promise<boolean> {
  const now = ctx.now().getTime()
  const result = await db(ctx)
    .updateTable('tasks')
    .set({ lease_owner: owner, lease_until: now + leaseMs })
    .where('kind', '=', task.kind)
    .where('key', '=', task.key)
    .where((eb) => eb.or([eb('lease_until', '<=', now), eb('lease_owner', '=', owner)]))
    .executeTakeFirst()
  return Number(result.numUpdatedRows) > 0
}

/** The key settled: the row goes, unless it was nudged meanwhile. */
export async function settle(ctx: Ctx, task: TaskRow): Promise<void> {
  const result = await db(ctx)
    .deleteFrom('tasks')
    .where('kind', '=', task.kind)
    .where('key', '=', task.key)
    .where('nudges', '=', task.nudges)
    .executeTakeFirst()
  if (Number(result.numDeletedRows) === 0) {
    await update(ctx, task, { attempts: 0, failing_since: null, last_error: null })
  }
}

/** Looks again later; a nudge that came meanwhile wins. */
export async function postpone(
  ctx: Ctx,
  task: TaskRow,
  dueAt: number,
  changes: Pick<TaskRow, 'attempts' | 'failing_since' | 'last_error' | 'gave_up'>,
): Promise<void> {
  await update(ctx, task, {
    ...changes,
    due_at: sql<number>`case when nudges = ${task.nudges} then ${dueAt} else due_at end`,
    gave_up: sql<number>`case when nudges = ${task.nudges} then ${changes.gave_up} else 0 end`,
  })
}

async function update(ctx: Ctx, task: TaskRow, changes: Record<string, unknown>): Promise<void> {
  await db(ctx)
    .updateTable('tasks')
    .set({ lease_owner: null, lease_until: 0, ...changes })
    .where('kind', '=', task.kind)
    .where('key', '=', task.key)
    .execute()
}

/** For the operator: what is under way, what fails and why. */
export async function listTasks(ctx: Ctx): Promise<readonly TaskRow[]> {
  return await db(ctx).selectFrom('tasks').selectAll().orderBy('kind').orderBy('due_at').execute()
}

/** A key given up so long ago is of no interest any more; whoever nudges it makes it anew. */
export async function forgetGivenUp(ctx: Ctx, beforeMs: number): Promise<void> {
  await db(ctx)
    .deleteFrom('tasks')
    .where('gave_up', '=', 1)
    .where('failing_since', '<', beforeMs)
    .execute()
}
