import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'

/** Reads an ISO 8601 time; UTC where no zone is named, as Keystone's clients send it. Kept with microseconds, without a zone. */
export function readTime(text: string): Date | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})?$/.exec(
    text,
  )
  if (match === null) return undefined
  const date = new Date(`${match[1] ?? ''}${(match[2] ?? '').slice(0, 4)}${match[3] ?? 'Z'}`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** A time in the future, as Keystone writes it: UTC with microseconds and no zone; the microseconds sent are kept. */
export function expiryOf(ctx: Ctx, text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null
  const date = readTime(text)
  if (date === undefined)
    throw cloudError(
      'badRequest',
      `Invalid time '${text.slice(0, 64)}': expected ISO 8601, such as 2030-01-31T12:00:00Z.`,
    )
  if (date.getTime() <= ctx.now().getTime())
    throw cloudError('badRequest', `The expiration time ${text.slice(0, 64)} is in the past.`)
  const micros = (/\.(\d{1,6})/.exec(text)?.[1] ?? '').padEnd(6, '0')
  return `${date.toISOString().slice(0, 19)}.${micros}`
}

/** Milliseconds of a time that `expiryOf` wrote. */
export function expiryMs(text: string): number {
  return Date.parse(`${text.slice(0, 23)}Z`)
}
