import { Type, type Static, type TObject, type TProperties } from '../../../kernel/schema/type.ts'
import { invalidValue } from '../fault.ts'

/** What every resource's table has. Booleans are 0/1, times ISO 8601, `tags` a JSON list. */
export interface StandardTable {
  id: string
  project_id: string
  name: string
  description: string
  created_at: string
  updated_at: string
  revision: number
  tags: string
}

/** A row as lists and look-ups give it. */
export interface StandardRow extends StandardTable {
  /** 1 when a sharing rule (RBAC) opens it to who asks. */
  readonly is_shared: number
}

export type View = Readonly<Record<string, unknown>>

// PostgreSQL's text holds no null byte: it is refused at the door for every string.
const NO_NULL = '^[^\\u0000]*$'

export const Text = (maxLength = 255) => Type.String({ maxLength, pattern: NO_NULL })

export const TextOr = (fallback: string, maxLength = 255) =>
  Type.String({ maxLength, pattern: NO_NULL, default: fallback })

export const Id = Type.String({ format: 'uuid' })

export const IdOrNull = Type.Union([Id, Type.Null()])

/** Neutron takes true, "True", "1" and 1 alike. */
export const Flag = Type.Union([
  Type.Boolean(),
  Type.String({ pattern: '^([tT]rue|TRUE|[fF]alse|FALSE|0|1)$' }),
  Type.Integer({ minimum: 0, maximum: 1 }),
])

export const isTrue = (value: Static<typeof Flag>): boolean =>
  value === true || value === 1 || /^(true|1)$/i.test(String(value))

/** What to write for an attribute: nothing when it was not sent. */
export const given = <T, R>(value: T | undefined, write: (value: T) => R): R | undefined =>
  value === undefined ? undefined : write(value)

export const bit = (value: Static<typeof Flag> | undefined, fallback: boolean): 0 | 1 =>
  (value === undefined ? fallback : isTrue(value)) ? 1 : 0

/** A whole number; Neutron takes it as text too. `wholeOf` reads it. */
export const Whole = (minimum: number, maximum: number) =>
  Type.Union([Type.Integer({ minimum, maximum }), Type.String({ pattern: '^\\d{1,9}$' })])

/** The number, within the bounds that the schema could not hold text to; undefined stays undefined. */
export function wholeOf(
  attribute: string,
  value: number | string | undefined,
  maximum: number,
): number | undefined {
  if (value === undefined) return undefined
  if (Number(value) > maximum)
    throw invalidValue(attribute, `'${value}' is greater than ${maximum}.`)
  return Number(value)
}

export const IpVersion = Type.Union([
  Type.Literal(4),
  Type.Literal(6),
  Type.Literal('4'),
  Type.Literal('6'),
])

export const versionOf = (value: Static<typeof IpVersion>): 4 | 6 => (Number(value) === 6 ? 6 : 4)

export const Ip = Type.String({ anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }], maxLength: 64 })

export const Mac = Type.String({ pattern: '^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$' })

const Owner = { project_id: Type.Optional(Text()), tenant_id: Type.Optional(Text()) }

/** Attributes of a new resource: its own, and those that all have. */
export function creation<P extends TProperties>(own: P) {
  return Type.Object(
    { name: TextOr(''), description: TextOr(''), ...Owner, ...own },
    { additionalProperties: false },
  )
}

/** Attributes that a PUT may carry: all optional. */
export function change<P extends TProperties>(own: P) {
  return Type.Object(
    { name: Type.Optional(Text()), description: Type.Optional(Text()), ...own },
    { additionalProperties: false },
  )
}

/** `{"network": {…}}`, or with `plural` also `{"networks": [{…}, …]}`, whose items may be wrapped once more. */
export function wrapped(item: TObject, singular: string, plural?: string): TObject {
  const one = { [singular]: plural === undefined ? item : Type.Optional(item) }
  const inner = Type.Object({ [singular]: item }, { additionalProperties: false })
  // if/then/else, not a union: in a union the validator leaves defaults out
  // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own keyword; nobody awaits a schema
  const either = Type.Unsafe({ if: { required: [singular] }, then: inner, else: item })
  const many =
    plural === undefined
      ? {}
      : { [plural]: Type.Optional(Type.Array(either, { minItems: 1, maxItems: 1000 })) }
  return Type.Object(
    { ...one, ...many },
    { additionalProperties: false, minProperties: 1, maxProperties: 1 },
  )
}

/** Neutron gives times to the second. */
export const timeOf = (iso: string): string => `${iso.slice(0, 19)}Z`

/** The part of a view that every resource has. */
export function standardView(row: StandardTable): View {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    project_id: row.project_id,
    tenant_id: row.project_id,
    created_at: timeOf(row.created_at),
    updated_at: timeOf(row.updated_at),
    revision_number: row.revision,
  }
}
