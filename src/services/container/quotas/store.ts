import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { DEFAULT_CLASS, quotaDefaults, type QuotaName } from './resources.ts'

interface Tables {
  container_quotas: { project_id: string; resource: QuotaName; hard_limit: number }
  container_quota_classes: { class_name: string; resource: QuotaName; hard_limit: number }
}

const db = (ctx: Ctx): Kysely<Tables> => tables<Tables>(ctx)

export const quotaTables: Migration = {
  id: '003-quotas',
  async up(kysely) {
    await sql`create table container_quotas (project_id text not null, resource text not null, hard_limit bigint not null,
      primary key (project_id, resource))`.execute(kysely)
    await sql`create table container_quota_classes (class_name text not null, resource text not null, hard_limit bigint not null,
      primary key (class_name, resource))`.execute(kysely)
  },
}

export type Limits = Readonly<Record<QuotaName, number>>

/** Limits of a class; those that nobody set are the cloud's own. */
export async function classLimits(ctx: Ctx, name: string): Promise<Limits> {
  const rows = await db(ctx)
    .selectFrom('container_quota_classes')
    .selectAll()
    .where('class_name', '=', name)
    .execute()
  return over(quotaDefaults, rows)
}

/** The project's own limits over those of its class; -1 is no limit. */
export async function projectLimits(ctx: Ctx, projectId: string): Promise<Limits> {
  const rows = await db(ctx)
    .selectFrom('container_quotas')
    .selectAll()
    .where('project_id', '=', projectId)
    .execute()
  return over(await classLimits(ctx, DEFAULT_CLASS), rows)
}

function over(
  base: Limits,
  rows: readonly { readonly resource: QuotaName; readonly hard_limit: number }[],
): Limits {
  const own = rows.map(({ resource, hard_limit }) => [resource, hard_limit] as const)
  return { ...base, ...Object.fromEntries(own) }
}

export async function setProjectLimits(
  ctx: Ctx,
  projectId: string,
  limits: Partial<Limits>,
): Promise<void> {
  for (const [resource, hard_limit] of entriesOf(limits))
    await db(ctx)
      .insertInto('container_quotas')
      .values({ project_id: projectId, resource, hard_limit })
      .onConflict((conflict) =>
        conflict.columns(['project_id', 'resource']).doUpdateSet({ hard_limit }),
      )
      .execute()
}

export async function setClassLimits(
  ctx: Ctx,
  name: string,
  limits: Partial<Limits>,
): Promise<void> {
  for (const [resource, hard_limit] of entriesOf(limits))
    await db(ctx)
      .insertInto('container_quota_classes')
      .values({ class_name: name, resource, hard_limit })
      .onConflict((conflict) =>
        conflict.columns(['class_name', 'resource']).doUpdateSet({ hard_limit }),
      )
      .execute()
}

function entriesOf(limits: Partial<Limits>): readonly (readonly [QuotaName, number])[] {
  return Object.entries(limits) as [QuotaName, number][] // keys of the type
}

export async function dropProjectLimits(ctx: Ctx, projectId: string): Promise<void> {
  await db(ctx).deleteFrom('container_quotas').where('project_id', '=', projectId).execute()
}
