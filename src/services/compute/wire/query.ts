import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'

/** Unknown query keys are ignored up to 2.74 and refused from 2.75 on, as the API reference has it. */
export function onlyQuery(req: Req, known: readonly string[]): void {
  if (!atLeast(req.version, '2.75')) return
  const unknown = [...req.rawQuery.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw cloudError(
      'badRequest',
      `Invalid input for query parameters ${unknown.slice(0, 100)}: there is no such parameter here; there are: ${known.join(', ') || 'none'}.`,
    )
  }
}

/** A filter's value; undefined when it is not given. */
export function queryText(req: Req, key: string): string | undefined {
  return req.rawQuery.get(key) ?? undefined
}

/** A whole number of the query, 0 or more; undefined when it is not given. */
export function queryCount(req: Req, key: string): number | undefined {
  const value = req.rawQuery.get(key)
  if (value === null) return undefined
  if (!/^\d{1,10}$/.test(value))
    throw cloudError(
      'badRequest',
      `Invalid ${key} filter [${value.slice(0, 40)}]: it must be a whole number, 0 or more.`,
    )
  return Number(value)
}

/** Query keys of every paged list. */
export const PAGING = ['limit', 'marker'] as const
/** Query keys of lists that may be sorted. */
export const SORTING = ['sort_key', 'sort_dir'] as const
