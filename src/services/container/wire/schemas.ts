import { Type, type TSchema } from '../../../kernel/schema/type.ts'

const TRUE = ['true', '1', 'on', 'yes'] as const
const FALSE = ['false', '0', 'off', 'no'] as const

/** Booleans and the words that Zun takes for them, in any case. Read with `toBoolean`. */
export const BooleanLike = Type.Union([
  Type.Boolean(),
  Type.String({ pattern: `^(?:${[...TRUE, ...FALSE].map(anyCase).join('|')})$` }),
])
export type BooleanLike = boolean | string

function anyCase(word: string): string {
  return word.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
}

/** What a `BooleanLike` means; false when it is missing. */
export function toBoolean(value: BooleanLike | null | undefined): boolean {
  return (TRUE as readonly string[]).includes(String(value).toLowerCase())
}

/** Text without null characters, which PostgreSQL cannot store. */
export const Text = (maxLength: number, minLength = 0) =>
  Type.String({ minLength, maxLength, pattern: '^[^\\u0000]*$' })

/** Zun lets a field be null as if it were not there. */
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** Name or id of a thing in the path or in a reference. */
export const Ident = Text(255, 1)

/** A name that a container, capsule or registry may have. */
export const Name = Type.String({
  minLength: 2,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9][a-zA-Z0-9_.-]+$',
})

/** Repository and tag, with registry and digest when given. */
export const ImageName = Type.String({
  minLength: 2,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9][a-zA-Z0-9_.:/@ -]*$',
})

/** Whole numbers may come as text. Read with `Number`. */
export const Digits = Type.Union([
  Type.Integer({ minimum: 0, maximum: 0x7fffffff }),
  Type.String({ maxLength: 10, pattern: '^[0-9]+$' }),
])

/** A map of texts: labels, environment. */
export const TextMap = Type.Record(
  Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]+$' }),
  Type.Union([Text(32_768), Type.Number(), Type.Boolean()]),
)

/** Values of a `TextMap` as text, as Docker has them. */
export function textMap(
  map: Readonly<Record<string, string | number | boolean>> | null | undefined,
): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, String(value)]))
}
