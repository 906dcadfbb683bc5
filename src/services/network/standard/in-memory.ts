import { cutPage } from '../../../kernel/http/paging.ts'
import { text } from './list-spec.ts'
import { listQuery, pick } from './query.ts'
import type { View } from './schema.ts'

type Plain = string | number | boolean | null | undefined

/**
 * A list that does not come from one table, with the filters, sort keys, paging and field selection that rows have. `keys` may
 * be filtered and sorted by; `idOf` says what a marker names.
 */
export function listed(
  items: readonly View[],
  query: URLSearchParams,
  keys: readonly string[],
  idOf: (item: View) => string = (item) => String(item['id']),
): readonly View[] {
  const asked = listQuery(query, {
    table: '',
    columns: Object.fromEntries(keys.map((key) => [key, text(key)])),
  })
  const wanted = items.filter((item) =>
    keys.every((key) =>
      // `keys` name plain attributes
      matches(item[key] as Plain, asked.filters.get(key)),
    ),
  )
  const page = cutPage(
    wanted.map((item) => ({ id: idOf(item), item })),
    asked.page,
    ({ item }, key) => item[key] as Plain, // as above
  )
  return page.items.map(({ item }) => pick(item, asked.fields))
}

/** Booleans and the names of kinds are compared without regard to case, as clients write «True». */
function matches(value: Plain, any: readonly string[] | undefined): boolean {
  if (any === undefined) return true
  const own = value === null || value === undefined ? '' : String(value).toLowerCase()
  return any.some((wish) => wish.toLowerCase() === own)
}
