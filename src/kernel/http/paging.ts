import { cloudError } from '../errors/cloud-error.ts'

/** Paging as OpenStack's APIs have it: `limit`, `marker` (id of the last item seen), `sort_key`/`sort_dir` pairs or `sort=key:dir,…`. */
export interface Page {
  readonly limit: number
  readonly marker: string | undefined
  readonly sorts: readonly { readonly key: string; readonly dir: 'asc' | 'desc' }[]
  readonly reverse: boolean
}

export interface PageRules {
  /** Keys a client may sort by. */
  readonly sortable: readonly string[]
  readonly defaultSort: readonly { readonly key: string; readonly dir: 'asc' | 'desc' }[]
  readonly maxLimit?: number
  /** What a missing limit means; default `maxLimit`. */
  readonly defaultLimit?: number
}

const DEFAULT_MAX = 1000

export function pageOf(query: URLSearchParams, rules: PageRules): Page {
  const maxLimit = rules.maxLimit ?? DEFAULT_MAX
  const limitText = query.get('limit')
  if (limitText !== null && !/^\d{1,9}$/.test(limitText)) {
    throw cloudError(
      'badRequest',
      `Invalid limit '${limitText.slice(0, 40)}': it must be a whole number, 0 or more.`,
    )
  }
  const limit =
    limitText === null ? (rules.defaultLimit ?? maxLimit) : Math.min(Number(limitText), maxLimit)
  const asked = sortsOf(query)
  for (const { key } of asked) {
    if (!rules.sortable.includes(key))
      throw cloudError(
        'badRequest',
        `Cannot sort by '${key.slice(0, 60)}': choose from ${rules.sortable.join(', ')}.`,
      )
  }
  return {
    limit,
    marker: query.get('marker') ?? undefined,
    sorts: asked.length > 0 ? asked : rules.defaultSort,
    reverse: /^(true|1)$/i.test(query.get('page_reverse') ?? ''),
  }
}

function sortsOf(query: URLSearchParams): { key: string; dir: 'asc' | 'desc' }[] {
  const direction = (text: string | undefined): 'asc' | 'desc' => {
    const dir = text === undefined || text === '' ? 'asc' : text.toLowerCase()
    if (dir !== 'asc' && dir !== 'desc')
      throw cloudError('badRequest', `Sort direction '${dir.slice(0, 20)}' must be asc or desc.`)
    return dir
  }
  const sort = query.get('sort')
  if (sort !== null && sort !== '') {
    return sort.split(',').map((item) => {
      const [key = '', dir] = item.split(':')
      return { key: key.trim(), dir: direction(dir?.trim()) }
    })
  }
  const dirs = query.getAll('sort_dir')
  return query.getAll('sort_key').map((key, at) => ({ key, dir: direction(dirs[at] ?? dirs[0]) }))
}

/**
 * Sorts by the page's keys (ties by id, missing values first when ascending) and cuts the page out. A marker that is not in
 * the list is a 400. `more` says whether items follow, so that a link can be given.
 */
export function cutPage<T extends { readonly id: string }>(
  items: readonly T[],
  page: Page,
  valueOf: (item: T, key: string) => string | number | boolean | null | undefined,
): { readonly items: readonly T[]; readonly more: boolean } {
  const sorted = items.toSorted((a, b) => {
    for (const { key, dir } of page.sorts) {
      const order = compare(valueOf(a, key), valueOf(b, key))
      if (order !== 0) return dir === 'asc' ? order : -order
    }
    return compare(a.id, b.id)
  })
  if (page.reverse) sorted.reverse()
  let from = 0
  if (page.marker !== undefined) {
    from = sorted.findIndex((item) => item.id === page.marker) + 1
    if (from === 0) throw cloudError('badRequest', `marker [${page.marker.slice(0, 80)}] not found`)
  }
  const cut = sorted.slice(from, from + page.limit)
  if (page.reverse) cut.reverse()
  return { items: cut, more: from + page.limit < sorted.length && page.limit > 0 }
}

type Value = string | number | boolean | null | undefined

function compare(a: Value, b: Value): number {
  if (a === b) return 0
  if (a === null || a === undefined) return -1
  if (b === null || b === undefined) return 1
  return a < b ? -1 : 1
}

/** The URL of the next page: the request's own query with another marker. */
export function nextUrl(base: string, query: URLSearchParams, lastId: string): string {
  const next = new URLSearchParams(query)
  next.set('marker', lastId)
  return `${base}?${next.toString()}`
}
