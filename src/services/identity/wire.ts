import {
  Type,
  type Static,
  type TObject,
  type TObjectOptions,
  type TProperties,
} from '../../kernel/schema/type.ts'

/** Shapes that many of Keystone's resources share. */

/** Not only white space. */
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' })
export const ShortName = Type.String({ minLength: 1, maxLength: 64, pattern: '\\S' })
export const Description = Type.Union([Type.String({ maxLength: 65_535 }), Type.Null()])
export const IdText = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' })
export const NullableId = Type.Union([IdText, Type.Null()])
/** Ids that the client chooses (regions, identity providers …). */
export const LongId = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' })

export const IdParams = Type.Object({ id: Type.String() })
export type IdParams = Static<typeof IdParams>

/** `{ "<member>": { … } }` with more attributes allowed inside, as Keystone keeps what it does not know. */
export function openBody<M extends string, P extends TProperties>(
  member: M,
  properties: P,
  options: TObjectOptions = {},
): TObject<Record<M, TObject<P>>> {
  return Type.Object({ [member]: Type.Object(properties, options) } as Record<M, TObject<P>>) // one computed key
}

/** As `openBody`, but unknown attributes are a 400. */
export function closedBody<M extends string, P extends TProperties>(
  member: M,
  properties: P,
): TObject<Record<M, TObject<P>>> {
  return openBody(member, properties, { additionalProperties: false })
}

/** The attributes of a body that the resource does not know by name: stored and shown as they came. */
export function extraOf(
  body: Readonly<Record<string, unknown>>,
  known: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(([key]) => !known.includes(key) && key !== 'links' && key !== 'id'),
  )
}
