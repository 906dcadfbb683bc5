import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { Migration } from '../../../kernel/db/migrate.ts'
import { flag, standardColumns, text, type ListSpec } from '../standard/list-spec.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'
import { newRow, type RouterTable } from '../tables.ts'

export interface LabelTable extends StandardTable {
  shared: number
}

export interface LabelRuleTable extends StandardTable {
  label_id: string
  direction: 'ingress' | 'egress'
  excluded: number
  remote_cidr: string | null
  source_cidr: string | null
  destination_cidr: string | null
}

export type LabelRow = LabelTable & StandardRow
export type LabelRuleRow = LabelRuleTable & StandardRow

interface MeteringTables {
  net_metering_labels: LabelTable
  net_metering_rules: LabelRuleTable
  net_routers: RouterTable
}

const db = (ctx: Ctx): Kysely<MeteringTables> => tables<MeteringTables>(ctx)

const standard = `id text primary key, project_id text not null, name text not null, description text not null, created_at text not null,
  updated_at text not null, revision integer not null, tags text not null`

export const meteringMigration: Migration = {
  id: '011-metering',
  async up(kysely) {
    for (const statement of [
      `create table net_metering_labels (${standard}, shared integer not null)`,
      `create index net_metering_labels_project on net_metering_labels (project_id)`,
      `create table net_metering_rules (${standard}, label_id text not null references net_metering_labels (id) on delete cascade,
        direction text not null, excluded integer not null, remote_cidr text, source_cidr text, destination_cidr text)`,
      `create index net_metering_rules_label on net_metering_rules (label_id)`,
    ])
      await sql.raw(statement).execute(kysely)
  },
}

export const labelSpec: ListSpec = {
  table: 'net_metering_labels',
  columns: { ...standardColumns, shared: flag('shared') },
}

export const labelRuleSpec: ListSpec = {
  table: 'net_metering_rules',
  columns: {
    id: standardColumns.id,
    project_id: standardColumns.project_id,
    tenant_id: standardColumns.tenant_id,
    metering_label_id: text('label_id'),
    direction: text('direction'),
    excluded: flag('excluded'),
    remote_ip_prefix: text('remote_cidr'),
    source_ip_prefix: text('source_cidr'),
    destination_ip_prefix: text('destination_cidr'),
  },
}

export async function insertLabel(
  tx: Ctx,
  wish: { readonly name?: string; readonly description?: string },
  projectId: string,
  shared: 0 | 1,
): Promise<string> {
  const id = randomUUID()
  await db(tx)
    .insertInto('net_metering_labels')
    .values({ ...newRow(tx, id, projectId, wish), shared })
    .execute()
  return id
}

export async function deleteLabel(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_metering_rules').where('label_id', '=', id).execute()
  await db(tx).deleteFrom('net_metering_labels').where('id', '=', id).execute()
}

export async function insertLabelRule(
  tx: Ctx,
  rule: Omit<LabelRuleTable, keyof StandardTable>,
  projectId: string,
): Promise<string> {
  const id = randomUUID()
  await db(tx)
    .insertInto('net_metering_rules')
    .values({ ...newRow(tx, id, projectId, {}), ...rule })
    .execute()
  return id
}

export async function deleteLabelRule(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_metering_rules').where('id', '=', id).execute()
}

export async function rulesOfLabel(ctx: Ctx, labelId: string): Promise<readonly LabelRuleTable[]> {
  return await db(ctx)
    .selectFrom('net_metering_rules')
    .selectAll()
    .where('label_id', '=', labelId)
    .execute()
}

/** Rules of every label that counts on this router: those of its project, and shared ones. */
export async function rulesOfRouter(
  ctx: Ctx,
  routerId: string,
): Promise<readonly LabelRuleTable[]> {
  return await db(ctx)
    .selectFrom('net_metering_rules as r')
    .innerJoin('net_metering_labels as l', 'l.id', 'r.label_id')
    .selectAll('r')
    .where((eb) =>
      eb.or([
        eb('l.shared', '=', 1),
        eb(
          'l.project_id',
          'in',
          eb.selectFrom('net_routers as t').select('t.project_id').where('t.id', '=', routerId),
        ),
      ]),
    )
    .orderBy('r.label_id')
    .orderBy('r.created_at')
    .orderBy('r.id')
    .execute()
}

/** Routers on which a label counts. */
export async function routersOfLabel(
  ctx: Ctx,
  label: Pick<LabelTable, 'project_id' | 'shared'>,
): Promise<readonly string[]> {
  const all = db(ctx).selectFrom('net_routers').select('id').where('deleted', '=', 0)
  const own = label.shared === 1 ? all : all.where('project_id', '=', label.project_id)
  return (await own.execute()).map(({ id }) => id)
}

/** Ids of every label, and of every router on which something is counted. */
export async function metered(ctx: Ctx): Promise<{
  readonly labels: readonly string[]
  readonly routers: readonly string[]
}> {
  const labels = await db(ctx)
    .selectFrom('net_metering_labels')
    .select(['id', 'project_id', 'shared'])
    .execute()
  if (labels.length === 0) return { labels: [], routers: [] }
  const projects = new Set(labels.map(({ project_id }) => project_id))
  const shared = labels.some((label) => label.shared === 1)
  const routers = await db(ctx)
    .selectFrom('net_routers')
    .select(['id', 'project_id'])
    .where('deleted', '=', 0)
    .where('gateway_port', 'is not', null)
    .execute()
  return {
    labels: labels.map(({ id }) => id),
    routers: routers
      .filter(({ project_id }) => shared || projects.has(project_id))
      .map(({ id }) => id),
  }
}
