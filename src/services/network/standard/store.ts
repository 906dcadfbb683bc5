import { sql, type RawBuilder } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, tables, toJson } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { invalidInput, neutronError } from '../fault.ts'
import { askingProject, seesAll } from './access.ts'
import { text, type Column, type ListSpec } from './list-spec.ts'
import type { ListQuery } from './query.ts'
import type { StandardRow } from './schema.ts'

type Condition = RawBuilder<unknown>

/** Rows that who asks may see, filtered, sorted and cut to the page by the database: one query. */
export async function listRows<Row extends StandardRow>(
  ctx: Ctx,
  spec: ListSpec,
  query: ListQuery,
): Promise<readonly Row[]> {
  const { page } = query
  const conditions = [
    ...base(ctx, spec),
    ...[...query.filters].map(([key, values]) => filterOf(ctx, spec, key, values)),
  ]
  const order = orderOf(ctx, spec, page.sorts, page.reverse)
  if (page.marker !== undefined) conditions.push(await afterMarker(ctx, spec, page.marker, order))
  const rows = await select<Row>(
    ctx,
    spec,
    conditions,
    sql` order by ${sql.join(order.map(orderText))} limit ${page.limit}`,
  )
  return page.reverse ? rows.toReversed() : rows
}

/** Rows by id, or by another column, in the order of their making. */
export async function rowsBy<Row extends StandardRow>(
  ctx: Ctx,
  spec: ListSpec,
  column: string,
  values: readonly string[],
): Promise<readonly Row[]> {
  if (values.length === 0) return []
  return await select<Row>(
    ctx,
    spec,
    [...base(ctx, spec), inList(column, values)],
    sql` order by t.created_at, t.id`,
  )
}

/** Undefined when there is none, or none that who asks may see. */
export async function findRow<Row extends StandardRow>(
  ctx: Ctx,
  spec: ListSpec,
  id: string,
): Promise<Row | undefined> {
  if (id.includes('\0')) return undefined
  const [row] = await select<Row>(ctx, spec, [...base(ctx, spec), sql`t.id = ${id}`], sql``)
  return row
}

/** In lists of thousands the values go in one by one; both databases take that many. */
const inList = (column: string, values: readonly string[]): Condition =>
  sql`t.${sql.ref(column)} in (${sql.join(values)})`

async function select<Row>(
  ctx: Ctx,
  spec: ListSpec,
  conditions: readonly Condition[],
  tail: RawBuilder<unknown>,
): Promise<readonly Row[]> {
  const columns = [sql`t.*`, sql`${isShared(ctx, spec)} as is_shared`, ...(spec.computed ?? [])]
  const where = conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`
  const { rows } =
    await sql<Row>`select ${sql.join(columns)} from ${sql.table(spec.table)} as t${where}${tail}`.execute(
      tables(ctx),
    )
  return rows
}

function base(ctx: Ctx, spec: ListSpec): Condition[] {
  const alive = spec.alive === undefined ? [] : [spec.alive]
  if (spec.open === true || seesAll(ctx)) return alive
  const project = askingProject(ctx)
  const visible = [sql`t.project_id = ${project}`]
  if (spec.sharedBy !== undefined) visible.push(rbacRule(spec, spec.sharedBy, project))
  if (spec.alsoVisible !== undefined) visible.push(spec.alsoVisible(project))
  return [...alive, sql`(${sql.join(visible, sql` or `)})`]
}

function rbacRule(spec: ListSpec, actions: readonly string[], project: string): Condition {
  return sql`exists (select 1 from net_rbac r where r.object_id = t.${sql.ref(spec.rbacColumn ?? 'id')}
    and r.action in (${sql.join(actions)}) and r.target in ('*', ${project}))`
}

function isShared(ctx: Ctx, spec: ListSpec): RawBuilder<unknown> {
  if (spec.sharedBy === undefined) return sql`0`
  return sql`case when ${rbacRule(spec, ['access_as_shared'], askingProject(ctx))} then 1 else 0 end`
}

function filterOf(ctx: Ctx, spec: ListSpec, key: string, values: readonly string[]): Condition {
  const own = spec.filters?.[key]
  if (own !== undefined) return own(values, ctx)
  const column = spec.columns[key]
  if (column !== undefined) return columnFilter(key, column, values)
  if (key === 'changed_since') return changedSince(values)
  if (key === 'shared')
    return sql`${isShared(ctx, spec)} in (${sql.join(values.map((value) => parsed('shared', 'flag', value)))})`
  return tagCondition(key, values)
}

function columnFilter(key: string, { column, kind }: Column, values: readonly string[]): Condition {
  return sql`t.${sql.ref(column)} in (${sql.join(values.map((value) => parsed(key, kind, value)))})`
}

function parsed(key: string, kind: Column['kind'], value: string): string | number {
  if (kind === 'text') return value
  if (kind === 'flag') {
    if (/^(true|1)$/i.test(value)) return 1
    if (/^(false|0)$/i.test(value)) return 0
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      `Invalid value '${value.slice(0, 40)}' for filter ${key}: it must be true or false.`,
    )
  }
  if (!/^-?\d{1,9}$/.test(value))
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      `Invalid value '${value.slice(0, 40)}' for filter ${key}: it must be a whole number.`,
    )
  return Number(value)
}

function changedSince(values: readonly string[]): Condition {
  const times = values.map((value) =>
    Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`),
  )
  if (times.some((time) => Number.isNaN(time)))
    throw invalidInput('changed_since must be a time as in 2026-01-31T12:00:00Z.')
  return sql`t.updated_at >= ${new Date(Math.min(...times)).toISOString()}`
}

/**
 * Tags are a JSON list in a column. A tag with its quotes cannot occur in that text otherwise: JSON escapes quotes, and a
 * filter's value holds no comma. `replace` compares by case in both databases, unlike `like`.
 */
function tagCondition(key: string, values: readonly string[]): Condition {
  const tags = values.flatMap((value) => value.split(',')).filter((tag) => tag !== '')
  if (tags.length === 0) return sql`1 = 1`
  const has = tags.map((tag) => sql`replace(t.tags, ${JSON.stringify(tag)}, '') <> t.tags`)
  const joined = sql`(${sql.join(has, key.endsWith('-any') ? sql` or ` : sql` and `)})`
  return key.startsWith('not-') ? sql`not ${joined}` : joined
}

interface Order {
  readonly by: RawBuilder<unknown>
  readonly down: boolean
}

/** Sort keys, then the id so that the order is total; without keys the order of making. Null counts as least in both databases. */
function orderOf(
  ctx: Ctx,
  spec: ListSpec,
  sorts: ListQuery['page']['sorts'],
  reverse: boolean,
): Order[] {
  const asked = sorts.length > 0 ? sorts : [{ key: 'created_at', dir: 'asc' as const }]
  const chosen = asked.map(({ key, dir }) => ({ key, down: (dir === 'desc') !== reverse }))
  if (!chosen.some(({ key }) => key === 'id')) chosen.push({ key: 'id', down: reverse })
  return chosen.map(({ key, down }) => ({ down, by: sortValue(ctx, spec, key) }))
}

function sortValue(ctx: Ctx, spec: ListSpec, key: string): RawBuilder<unknown> {
  const own = spec.columns[key]
  if (key === 'shared' && own === undefined) return isShared(ctx, spec)
  const { column, kind } = own ?? text(key === 'id' ? 'id' : 'created_at')
  return sql`coalesce(t.${sql.ref(column)}, ${kind === 'text' ? sql`''` : sql`-1`})`
}

const orderText = ({ by, down }: Order): RawBuilder<unknown> =>
  sql`${by} ${down ? sql`desc` : sql`asc`}`

/** Rows that come after the marker in this order: greater in the first key, or equal in it and greater in the second, … */
async function afterMarker(
  ctx: Ctx,
  spec: ListSpec,
  marker: string,
  order: readonly Order[],
): Promise<Condition> {
  const columns = order.map(({ by }, at) => sql`${by} as ${sql.ref(`k${at}`)}`)
  const { rows } = await sql<
    Record<string, unknown>
  >`select ${sql.join(columns)} from ${sql.table(spec.table)} as t
    where ${sql.join([...base(ctx, spec), sql`t.id = ${marker}`], sql` and `)}`.execute(tables(ctx))
  const values = rows[0]
  if (values === undefined && spec.freeMarker === true) return sql`1 = 1`
  if (values === undefined)
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      `The marker '${marker.slice(0, 80)}' is not in the list.`,
    )
  const steps = order.map(({ by, down }, at) => {
    const equal = order
      .slice(0, at)
      .map((before, index) => sql`${before.by} = ${values[`k${index}`]}`)
    return sql`(${sql.join([...equal, sql`${by} ${down ? sql`<` : sql`>`} ${values[`k${at}`]}`], sql` and `)})`
  })
  return sql`(${sql.join(steps, sql` or `)})`
}

/** Writes the columns that have a value (null is one) and raises the row's revision. */
export async function changeRow(
  ctx: Ctx,
  spec: ListSpec,
  id: string,
  changes: Readonly<Record<string, string | number | null | undefined>>,
): Promise<void> {
  const own = Object.entries(changes).flatMap(([column, value]) =>
    value === undefined ? [] : [sql`${sql.ref(column)} = ${value}`],
  )
  const all = [...own, sql`revision = revision + 1`, sql`updated_at = ${ctx.now().toISOString()}`]
  await sql`update ${sql.table(spec.table)} set ${sql.join(all)} where id = ${id}`.execute(
    tables(ctx),
  )
}

/** Others wait with what hangs on this row until the transaction ends. On SQLite there is one writer anyway. */
export async function lockRow(tx: Ctx, spec: ListSpec, id: string): Promise<void> {
  if (tx.db.dialect !== 'postgres' || id.includes('\0')) return
  await sql`select id from ${sql.table(spec.table)} where id = ${id} for update`.execute(tables(tx))
}

/** Something that belongs to the object changed (a subnet of a network, say): its revision rises. */
export async function touch(ctx: Ctx, spec: ListSpec, id: string): Promise<void> {
  await changeRow(ctx, spec, id, {})
}

export const tagsOf = (row: { readonly tags: string }): string[] => fromJson<string[]>(row.tags)

/** Tags are kept sorted and once each; more than 50 are refused as Neutron does. */
export async function writeTags(
  ctx: Ctx,
  spec: ListSpec,
  id: string,
  tags: readonly string[],
): Promise<string[]> {
  const sorted = [...new Set(tags)].toSorted()
  if (sorted.length > 50) throw cloudError('badRequest', 'An object can have at most 50 tags.')
  await changeRow(ctx, spec, id, { tags: toJson(sorted) })
  return sorted
}
