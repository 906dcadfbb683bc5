import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { Period } from './sum.ts'

const MS_PER_WEEK = 7 * 24 * 3_600_000

/** The period of a report: the last four weeks when the query does not say. Times are UTC. */
export function periodOf(req: Req, now: Date): Period {
  const start = timeIn(req, 'start') ?? new Date(now.getTime() - 4 * MS_PER_WEEK)
  const end = timeIn(req, 'end') ?? now
  if (start.getTime() > end.getTime())
    throw cloudError(
      'badRequest',
      'Invalid start time. The start time cannot occur after the end time.',
    )
  return { start: start.toISOString(), end: end.toISOString() }
}

/** `2026-01-31T10:00:00`, with a blank for the T and with or without fractions. */
function timeIn(req: Req, key: 'start' | 'end'): Date | undefined {
  const text = req.rawQuery.get(key)
  if (text === null) return undefined
  const form = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,6})?$/.exec(text)
  const time =
    form === null ? new Date(NaN) : new Date(`${form[1]}T${form[2]}${(form[3] ?? '').slice(0, 4)}Z`)
  if (Number.isNaN(time.getTime()))
    throw cloudError(
      'badRequest',
      `Datetime is in invalid format: ${key} must look like 2026-01-31T10:00:00.`,
    )
  return time
}
