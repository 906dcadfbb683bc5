import { sql, type Expression, type ExpressionBuilder, type SqlBool } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Page } from '../../../kernel/http/paging.ts'
import { viewerOf } from '../access.ts'
import type { Image, ImageTable } from '../images/schema.ts'
import { db, findImage, isMember, withDetails, type Tables } from '../images/store.ts'
import type { ImageFilters } from './filters.ts'

type Where = ExpressionBuilder<Tables, 'image_images'>
type Condition = Expression<SqlBool>

export const sortKeys = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const
type SortKey = (typeof sortKeys)[number]

/** A page of images and whether more follow. The marker is the last image of the page before. */
export async function listImages(
  ctx: Ctx,
  filters: ImageFilters,
  page: Page,
): Promise<{ images: Image[]; more: boolean }> {
  const sorts = totalOrder(page.sorts)
  const after = page.marker === undefined ? undefined : await markerRow(ctx, page.marker)
  let query = db(ctx).selectFrom('image_images').selectAll()
  const viewer = ctx.who?.projectId ?? ''
  query = query.where((eb) =>
    eb.and([
      ...inSight(eb, filters, viewer, viewerOf(ctx) === undefined),
      ...conditions(eb, filters),
    ]),
  )
  if (after !== undefined) query = query.where((eb) => behind(eb, sorts, after))
  for (const { key, dir } of sorts) query = query.orderBy(comparable(key), dir)
  const rows = await query.limit(page.limit + 1).execute()
  return {
    images: await withDetails(ctx, rows.slice(0, page.limit)),
    more: page.limit > 0 && rows.length > page.limit,
  }
}

async function markerRow(ctx: Ctx, marker: string): Promise<ImageTable> {
  const row = await findImage(ctx, marker)
  if (row === undefined)
    throw cloudError('badRequest', `The marker ${marker.slice(0, 80)} is not an image you can see.`)
  return row
}

/** Ties are broken by time and id, in the direction of the first key, so that pages never overlap. */
function totalOrder(asked: Page['sorts']): { key: SortKey; dir: 'asc' | 'desc' }[] {
  const sorts = asked.flatMap(({ key, dir }) => {
    const known = sortKeys.find((candidate) => candidate === key)
    return known === undefined ? [] : [{ key: known, dir }]
  })
  const dir = sorts[0]?.dir ?? 'desc'
  for (const key of ['created_at', 'id'] as const) {
    if (!sorts.some((sort) => sort.key === key)) sorts.push({ key, dir })
  }
  return sorts
}

const nullable: ReadonlySet<SortKey> = new Set(['name', 'container_format', 'disk_format'])

/**
 * Missing values come first when ascending; left alone, SQLite and PostgreSQL would differ. Columns that always have one
 * stand bare, so that an index can give their order.
 */
function comparable(key: SortKey): Expression<string | number> {
  if (key === 'size') return sql<number>`coalesce(${sql.ref('size')}, -1)`
  if (!nullable.has(key)) return sql.ref<string>(key)
  return sql<string>`coalesce(${sql.ref(key)}, '')`
}

function behind(
  eb: Where,
  sorts: readonly { key: SortKey; dir: 'asc' | 'desc' }[],
  row: ImageTable,
): Condition {
  const valueOf = (key: SortKey): string | number => row[key] ?? (key === 'size' ? -1 : '')
  return eb.or(
    sorts.map(({ key, dir }, at) =>
      eb.and([
        ...sorts.slice(0, at).map((before) => eb(comparable(before.key), '=', valueOf(before.key))),
        eb(comparable(key), dir === 'asc' ? '>' : '<', valueOf(key)),
      ]),
    ),
  )
}

/**
 * Which images a list shows at all. Community images are shown when asked for, or to their owner; shared ones to invited
 * projects by what they answered.
 */
function inSight(eb: Where, filters: ImageFilters, project: string, all: boolean): Condition[] {
  const mine = eb('owner', '=', project)
  const invited = isMember(
    eb,
    project,
    filters.memberStatus === 'all' ? undefined : filters.memberStatus,
  )
  const { visibility } = filters
  if (visibility !== undefined && visibility !== 'all') {
    const ofKind = eb('visibility', '=', visibility)
    if (all || visibility === 'public' || visibility === 'community') return [ofKind]
    return [ofKind, visibility === 'shared' ? eb.or([mine, invited]) : mine]
  }
  if (all) return visibility === 'all' ? [] : [eb.or([eb('visibility', '!=', 'community'), mine])]
  const open: ('public' | 'community')[] =
    visibility === 'all' ? ['public', 'community'] : ['public']
  return [
    eb.or([eb('visibility', 'in', open), mine, eb.and([eb('visibility', '=', 'shared'), invited])]),
  ]
}

function conditions(eb: Where, filters: ImageFilters): Condition[] {
  const property = (name: string, value: string): Condition =>
    eb.exists(
      eb
        .selectFrom('image_properties')
        .select('image_properties.name')
        .whereRef('image_properties.image_id', '=', 'image_images.id')
        .where('image_properties.name', '=', name)
        .where('image_properties.value', '=', value),
    )
  const tagged = (tag: string): Condition =>
    eb.exists(
      eb
        .selectFrom('image_tags')
        .select('image_tags.tag')
        .whereRef('image_tags.image_id', '=', 'image_images.id')
        .where('image_tags.tag', '=', tag),
    )
  return [
    eb('os_hidden', '=', filters.hidden ? 1 : 0),
    ...(filters.protected === undefined ? [] : [eb('protected', '=', filters.protected ? 1 : 0)]),
    ...filters.texts.map(({ column, values }) =>
      eb(sql.ref<string>(column === 'os_hash_value' ? 'sha512' : column), 'in', values),
    ),
    ...filters.numbers.map(({ column, op, value }) => eb(column, op, value)),
    ...filters.times.map((time) => timeCondition(eb, time)),
    ...filters.tags.map(tagged),
    ...filters.properties.map(({ name, value }) => property(name, value)),
  ]
}

function timeCondition(
  eb: Where,
  { column, op, second, next }: ImageFilters['times'][number],
): Condition {
  switch (op) {
    case 'gt':
      return eb(column, '>=', next)
    case 'gte':
      return eb(column, '>=', second)
    case 'lt':
      return eb(column, '<', second)
    case 'lte':
      return eb(column, '<', next)
    case 'eq':
      return eb.and([eb(column, '>=', second), eb(column, '<', next)])
    case 'neq':
      return eb.or([eb(column, '<', second), eb(column, '>=', next)])
  }
}
