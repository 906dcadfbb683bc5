import { cloudError } from '../../../kernel/errors/cloud-error.ts'

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/

/** A client's ISO 8601 time as we store times; without a zone it is UTC. 400 when it is none. */
export function isoTime(text: string | undefined, field: string): string | undefined {
  if (text === undefined) return undefined
  // `+` in a query that was not escaped arrives as a blank
  const match = ISO.exec(text) ?? ISO.exec(text.replace(/ (\d\d:?\d\d)$/, '+$1'))
  const time =
    match === null
      ? NaN
      : Date.parse(
          match[0].replace(' ', 'T') + (match[1] === undefined && match[0].length > 10 ? 'Z' : ''),
        )
  if (Number.isNaN(time))
    throw cloudError(
      'badRequest',
      `Invalid input for query parameters ${field}: '${text.slice(0, 60)}' is not a time as ISO 8601 has it.`,
    )
  return new Date(time).toISOString()
}
