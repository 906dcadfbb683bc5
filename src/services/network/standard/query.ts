import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { pageOf, type Page } from '../../../kernel/http/paging.ts'
import { neutronError } from '../fault.ts'
import type { ListSpec } from './list-spec.ts'

/** What a list request asks for, once for all resources. */
export interface ListQuery {
  readonly fields: readonly string[]
  /** Attribute → the values of which any may match; `tags` & co. are among them. */
  readonly filters: ReadonlyMap<string, readonly string[]>
  readonly page: Page
  /** A page was asked for: links are given. */
  readonly paged: boolean
}

const paging = new Set(['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir'])
const ALL = 1_000_000

/** Reads the query; 400 for filters and sort keys that the resource does not have (`filter-validation`). */
export function listQuery(query: URLSearchParams, spec: ListSpec): ListQuery {
  const filters = new Map<string, string[]>()
  for (const [key, value] of query) {
    if (key.includes('\0') || value.includes('\0'))
      throw cloudError('badRequest', 'A query parameter holds a null byte.')
    if (!paging.has(key)) filters.set(key, [...(filters.get(key) ?? []), value])
  }
  const known = new Set([
    ...Object.keys(spec.columns),
    ...Object.keys(spec.filters ?? {}),
    ...standardFilters,
  ])
  const unknown = [...filters.keys()].filter((key) => !known.has(key))
  if (unknown.length > 0) {
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      `[${unknown.map((key) => `'${key.slice(0, 60)}'`).join(', ')}] is invalid attribute for filtering`,
    )
  }
  const keys = query.getAll('sort_key').length
  const dirs = query.getAll('sort_dir').length
  if (dirs > 0 && keys !== dirs)
    throw cloudError('badRequest', 'The number of sort_keys and sort_dirs must be same')
  const page = pageOf(query, { sortable: sortableKeys(spec), defaultSort: [], maxLimit: ALL })
  // limit=0 means «no paging» in Neutron
  const paged = query.has('limit') && page.limit > 0
  return {
    fields: query.getAll('fields').filter((field) => field !== ''),
    filters,
    page: { ...page, limit: paged ? page.limit : ALL },
    paged,
  }
}

export const tagFilters = ['tags', 'tags-any', 'not-tags', 'not-tags-any'] as const
const standardFilters = [...tagFilters, 'changed_since', 'shared']

const sortableKeys = (spec: ListSpec): string[] => [
  ...Object.keys(spec.columns),
  ...(spec.sharedBy === undefined ? [] : ['shared']),
]

/** The links beside a page of a list: Neutron gives «next» until a page is short, and «previous» for every page. */
export function pageLinks(
  url: string,
  query: URLSearchParams,
  list: ListQuery,
  ids: readonly string[],
): { rel: string; href: string }[] {
  if (!list.paged) return []
  // from an empty page one turns back without a marker: to the last page, or to the first
  const link = (
    rel: string,
    marker: string | undefined,
    reverse: boolean,
  ): { rel: string; href: string } => {
    const next = new URLSearchParams(query)
    next.delete('marker')
    if (marker !== undefined) next.set('marker', marker)
    next.delete('page_reverse')
    if (reverse) next.set('page_reverse', 'True')
    return { rel, href: `${url}?${next.toString()}` }
  }
  const short = ids.length < list.page.limit
  return [
    ...(short && !list.page.reverse ? [] : [link('next', ids.at(-1), false)]),
    ...(short && list.page.reverse ? [] : [link('previous', ids[0], true)]),
  ]
}

/** `fields=id&fields=name`: only these, unknown ones ignored. */
export function pick(
  view: Readonly<Record<string, unknown>>,
  fields: readonly string[],
): Readonly<Record<string, unknown>> {
  if (fields.length === 0) return view
  return Object.fromEntries(Object.entries(view).filter(([key]) => fields.includes(key)))
}
