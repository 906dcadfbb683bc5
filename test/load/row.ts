import type { Stand } from './stand.ts'

/** One line of the table: what is measured, what it may cost, and how to find out. */
export interface Row {
  readonly what: string
  readonly unit: Unit
  readonly budget: Budget
  /** What this host lacks for it; the row is left out then. */
  needs?(): Promise<string | undefined>
  measure(stand: Stand): Promise<Measured>
}

export type Unit = 's' | 'ms' | 'MiB' | 'MiB/s' | 'Gbit/s' | '/s'

/** Held against our own figure, against ours divided by the raw engine's, or against ours minus the raw engine's. */
export interface Budget {
  readonly of: 'ours' | 'ratio' | 'difference'
  readonly is: 'at most' | 'at least'
  readonly limit: number
}

/** Medians unless the note says otherwise, in the row's unit. */
export interface Measured {
  readonly ours: number
  /** The same by the Docker Engine alone, in the same run. */
  readonly raw?: number
  readonly note?: string
  /** Every single figure, for the JSON. */
  readonly samples?: { readonly ours: readonly number[]; readonly raw?: readonly number[] }
}

export type Outcome =
  | {
      readonly row: Row
      readonly measured: Measured
      readonly judged: number
      readonly kept: boolean
    }
  | { readonly row: Row; readonly error: string }

export const atMost = (limit: number, of: Budget['of'] = 'ours'): Budget => ({
  of,
  is: 'at most',
  limit,
})
export const atLeast = (limit: number): Budget => ({ of: 'ours', is: 'at least', limit })

/** A cloud that does not start says a whole stack; its beginning is enough for a table. */
const ERROR_CHARS = 300

/** Rows stand for themselves: what one of them throws becomes its outcome. */
export async function outcomeOf(row: Row, stand: Stand): Promise<Outcome> {
  try {
    const measured = await row.measure(stand)
    const judged = judge(row.budget, measured)
    const kept =
      row.budget.is === 'at most' ? judged <= row.budget.limit : judged >= row.budget.limit
    return { row, measured, judged, kept }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return { row, error: said.slice(0, ERROR_CHARS) }
  }
}

function judge(budget: Budget, { ours, raw }: Measured): number {
  if (budget.of === 'ours') return ours
  if (raw === undefined)
    throw new Error('the raw engine was not measured, so there is nothing to compare with')
  return budget.of === 'ratio' ? ours / raw : ours - raw
}

/** For rows that read different things out of one measurement: it is made for the first that asks. */
export function once<T>(measure: (stand: Stand) => Promise<T>): (stand: Stand) => Promise<T> {
  let made: Promise<T> | undefined
  return async (stand) => {
    made ??= measure(stand)
    return await made
  }
}
