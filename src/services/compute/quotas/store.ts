import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { defaults, type Limits, type Resource } from './resources.ts'

/** One override. Projects' own have `user_id` ''; the class's have project_id '' too. */
interface QuotaRow {
  project_id: string
  user_id: string
  resource: Resource
  hard_limit: number
}

interface Tables {
  compute_quotas: QuotaRow
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

/** Only what differs from the defaults is stored. */
export const quotaMigrations: readonly Migration[] = [
  {
    id: '012-quotas',
    async up(kysely) {
      await sql`create table compute_quotas (project_id text not null, user_id text not null, resource text not null,
        hard_limit integer not null, primary key (project_id, user_id, resource))`.execute(kysely)
    },
  },
]

/** Whose limits: the class `default` when nothing is named, a project's, or one user's in a project. */
export interface Holder {
  readonly projectId?: string | undefined
  readonly userId?: string | undefined
}

/** The limits in force: the user's over the project's over the class's over the built-in ones. */
export async function limitsOf(ctx: Ctx, holder: Holder): Promise<Limits> {
  const project = holder.projectId ?? ''
  const user = project === '' ? '' : (holder.userId ?? '')
  const rows = await db(ctx)
    .selectFrom('compute_quotas')
    .selectAll()
    .where('project_id', 'in', ['', project])
    .where('user_id', 'in', ['', user])
    .execute()
  const rank = (row: QuotaRow): number => (row.user_id !== '' ? 2 : row.project_id !== '' ? 1 : 0)
  const overrides = rows
    .toSorted((a, b) => rank(a) - rank(b))
    .map((row) => [row.resource, row.hard_limit])
  return { ...defaults, ...(Object.fromEntries(overrides) as Partial<Limits>) } // rows are written by setLimits only
}

/** Most users have none: then the project's check is all there is to do. */
export async function hasUserLimits(ctx: Ctx, projectId: string, userId: string): Promise<boolean> {
  const row = await db(ctx)
    .selectFrom('compute_quotas')
    .select('resource')
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Writes the limits that are named and leaves the others. */
export async function setLimits(ctx: Ctx, holder: Holder, limits: Partial<Limits>): Promise<void> {
  const rows = (Object.entries(limits) as [Resource, number][]) // keys of Limits
    .map(([resource, limit]) => ({
      project_id: holder.projectId ?? '',
      user_id: holder.userId ?? '',
      resource,
      hard_limit: limit,
    }))
  if (rows.length === 0) return
  await inTx(ctx, async (tx) => {
    await db(tx)
      .insertInto('compute_quotas')
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(['project_id', 'user_id', 'resource'])
          .doUpdateSet((eb) => ({ hard_limit: eb.ref('excluded.hard_limit') })),
      )
      .execute()
  })
}

/** Back to the defaults: for one user, or for the whole project with all its users. */
export async function resetLimits(
  ctx: Ctx,
  projectId: string,
  userId: string | undefined,
): Promise<void> {
  const rows = db(ctx).deleteFrom('compute_quotas').where('project_id', '=', projectId)
  await (userId === undefined ? rows : rows.where('user_id', '=', userId)).execute()
}
