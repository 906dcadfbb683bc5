import { Type, type TSchema } from '../../../kernel/schema/type.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/** Largest value of the integer columns: what Nova calls a database integer. */
export const MAX_INT = 0x7fffffff

/** Printable, 1…255 characters, no blank at either end: Nova's `name`. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^(?! )[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*(?<! )$',
})

/** Free text without null characters, which PostgreSQL cannot store. */
export const Text = (maxLength: number) => Type.String({ maxLength, pattern: '^[^\\u0000]*$' })

/** Metadata as Nova has it: keys of letters, digits and `-_:. `, values up to 255 characters. */
export const METADATA_KEY = '^[a-zA-Z0-9_:. -]{1,255}$'

/** Whole numbers may come as text, as old clients send them. Read with `toInteger`. */
export function IntegerLike(minimum: number, maximum: number = MAX_INT) {
  return Type.Union([
    Type.Integer({ minimum, maximum }),
    Type.String({ maxLength: 11, pattern: '^-?[0-9]+$' }),
  ])
}

/** The number behind an `IntegerLike`; text outside the bounds is a 400 like a number outside them. */
export function toInteger(
  value: number | string,
  field: string,
  minimum: number,
  maximum: number = MAX_INT,
): number {
  const number = Number(value)
  if (number >= minimum && number <= maximum) return number
  throw cloudError(
    'badRequest',
    `Invalid input for field/attribute ${field}: ${value} is not between ${minimum} and ${maximum}.`,
  )
}

const TRUE = ['true', '1', 'on', 'yes', 't', 'y'] as const
const FALSE = ['false', '0', 'off', 'no', 'f', 'n'] as const

/** Booleans and the words that OpenStack takes for them, in any case. Read with `toBoolean`. */
export const BooleanLike = Type.Union([
  Type.Boolean(),
  Type.String({ pattern: `^(?:${[...TRUE, ...FALSE].map(anyCase).join('|')})$` }),
  Type.Integer({ minimum: 0, maximum: 1 }),
])

function anyCase(word: string): string {
  return word.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
}

/** What a `BooleanLike` means. */
export function toBoolean(value: boolean | string | number): boolean {
  return (TRUE as readonly string[]).includes(String(value).toLowerCase())
}

/** `{ <key>: <schema> }` and nothing else: the envelope of every Nova body. */
export function Envelope<K extends string, S extends TSchema>(key: K, schema: S) {
  return Type.Object({ [key]: schema } as Record<K, S>, { additionalProperties: false }) // the key is K by construction
}
