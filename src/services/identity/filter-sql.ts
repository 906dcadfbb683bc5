import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { Filter, ListQuery } from './list-query.ts'

const NUMBERS = ['enabled', 'is_domain']

/**
 * A list's filters and marker as one SQL condition. No `like`: SQLite folds case there and PostgreSQL does not.
 * Whoever uses it orders by id and reads `limit + 1` rows, to know whether a page follows.
 */
export function matching(table: string, list: ListQuery): RawBuilder<SqlBool> {
  const parts = list.filters.map((filter) => one(table, filter))
  if (list.marker !== undefined)
    parts.push(sql<SqlBool>`${sql.ref(`${table}.id`)} > ${list.marker}`)
  return parts.length === 0 ? sql<SqlBool>`1 = 1` : sql<SqlBool>`(${sql.join(parts, sql` and `)})`
}

function one(table: string, filter: Filter): RawBuilder<SqlBool> {
  const raw = sql.ref(`${table}.${filter.column}`)
  if (NUMBERS.includes(filter.column)) return sql<SqlBool>`${raw} = ${Number(filter.value)}`
  const column = filter.ignoreCase ? sql`lower(${raw})` : raw
  const value = filter.ignoreCase ? filter.value.toLowerCase() : filter.value
  const size = Array.from(value).length // code points, as SQL counts
  switch (filter.how) {
    case 'equals':
      return sql<SqlBool>`${column} = ${value}`
    case 'contains':
      return value === ''
        ? sql<SqlBool>`1 = 1`
        : sql<SqlBool>`replace(${column}, ${value}, '') <> ${column}`
    case 'startswith':
      return sql<SqlBool>`substr(${column}, 1, ${sql.lit(size)}) = ${value}`
    case 'endswith':
      return sql<SqlBool>`length(${column}) >= ${sql.lit(size)} and substr(${column}, length(${column}) - ${sql.lit(size - 1)}) = ${value}`
  }
}
