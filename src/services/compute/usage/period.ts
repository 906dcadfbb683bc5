import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { Period } from './sum.ts'

const MS_PER_WEEK = 7 * 24 * 3_600_000

/** The period of a report: the last four weeks when the query does not say. Times are UTC. */
export function periodOf(req: Pick<Req, 'rawQuery'>, now: Date): Period {
  const start = timeIn(req, 'start') ?? new Date(now.getTime() - 4 * MS_PER_WEEK).toISOString()
  const end = timeIn(req, 'end') ?? now.toISOString()
  if (Date.parse(start) > Date.parse(end))
    throw cloudError(
      'badRequest',
      'Invalid start time. The start time cannot occur after the end time.',
    )
  return { start, end }
}

/** `2026-01-31T10:00:00`, with a blank for the T and with or without fractions, which come back to the client as they were. */
function timeIn(req: Pick<Req, 'rawQuery'>, key: 'start' | 'end'): string | undefined {
  const text = req.rawQuery.get(key)
  if (text === null) return undefined
  const form = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,6})?$/.exec(text)
  const time = form === null ? '' : `${form[1]}T${form[2]}${(form[3] ?? '.').padEnd(4, '0')}Z`
  if (Number.isNaN(Date.parse(time)))
    throw cloudError(
      'badRequest',
      `Datetime is in invalid format: ${key} must look like 2026-01-31T10:00:00.`,
    )
  return time
}
