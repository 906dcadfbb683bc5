import { cloudError } from '../../kernel/errors/cloud-error.ts'
import { nextUrl } from '../../kernel/http/paging.ts'
import type { Req } from '../../kernel/http/route.ts'

/**
 * Filters and pages as Keystone's lists have them: `name=x` is exact, `name__contains=x` and friends are inexact,
 * `limit` and `marker` cut pages in the order of ids.
 */
export interface ListQuery {
  readonly filters: readonly Filter[]
  readonly limit: number
  readonly marker: string | undefined
}

export interface Filter {
  readonly column: string
  readonly how: 'equals' | 'contains' | 'startswith' | 'endswith'
  readonly ignoreCase: boolean
  readonly value: string
}

const MAX_PAGE = 10_000

/** `columns` are the text attributes that may be filtered, `booleans` those where `0`, `false`, `no`, `off` mean false. */
export function listQuery(
  query: URLSearchParams,
  columns: readonly string[],
  booleans: readonly string[] = [],
): ListQuery {
  const filters: Filter[] = []
  for (const [key, value] of query) {
    const [column = '', comparator] = key.split('__')
    if (booleans.includes(key)) {
      filters.push({
        column: key,
        how: 'equals',
        ignoreCase: false,
        value: isFalse(value) ? '0' : '1',
      })
    } else if (columns.includes(column)) {
      const filter = textFilter(column, comparator, value)
      if (filter !== undefined) filters.push(filter)
    }
  }
  return { filters, limit: limitOf(query), marker: query.get('marker') ?? undefined }
}

const isFalse = (text: string): boolean => /^(0|false|no|off|f|n)$/i.test(text)

/** A query flag such as `effective`: there without a value means true. */
export function flagOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)
  return value !== null && !isFalse(value)
}

function textFilter(
  column: string,
  comparator: string | undefined,
  value: string,
): Filter | undefined {
  if (comparator === undefined) return { column, how: 'equals', ignoreCase: false, value }
  const ignoreCase = comparator.startsWith('i')
  const how = ignoreCase ? comparator.slice(1) : comparator
  return how === 'contains' || how === 'startswith' || how === 'endswith'
    ? { column, how, ignoreCase, value }
    : undefined
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit')
  if (text === null) return MAX_PAGE
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw cloudError(
      'badRequest',
      `Invalid limit '${text.slice(0, 40)}': it must be a whole number above 0.`,
    )
  }
  return Math.min(Number(text), MAX_PAGE)
}

/** Does a value in memory pass the filter? */
export function passes(filter: Filter, value: unknown): boolean {
  const fold = (text: string): string => (filter.ignoreCase ? text.toLowerCase() : text)
  const text = fold(
    typeof value === 'boolean'
      ? value
        ? '1'
        : '0'
      : typeof value === 'string' || typeof value === 'number'
        ? String(value)
        : '',
  )
  const wanted = fold(filter.value)
  switch (filter.how) {
    case 'equals':
      return text === wanted
    case 'contains':
      return text.includes(wanted)
    case 'startswith':
      return text.startsWith(wanted)
    case 'endswith':
      return text.endsWith(wanted)
  }
}

/** A collection's body. `rows` may hold one item more than the page: the sign that there is a next one. */
export function listBody(
  req: Req,
  name: string,
  rows: readonly { readonly id: string }[],
  limit: number,
): Record<string, unknown> {
  const page = rows.slice(0, limit)
  const path = req.url.split('?')[0] ?? ''
  const next =
    rows.length > limit ? nextUrl(req.serviceUrl + path, req.rawQuery, page.at(-1)?.id ?? '') : null
  return { [name]: page, links: { next, previous: null, self: req.serviceUrl + req.url } }
}
