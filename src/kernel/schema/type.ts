import type { Type as TypeBox } from 'typebox'

export type { Static, TObject, TObjectOptions, TProperties, TSchema, TUnsafe } from 'typebox'

/**
 * TypeBox's builders, as far as we use them: its types, and at run time the plain JSON Schema that it would make. The package
 * itself (a parser, a compiler and a checker besides, in 370 files) takes 10 MiB and a tenth of a second of every start, and
 * here ajv checks. `type.test.ts` holds each builder against the original.
 */
type Used =
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Intersect'
  | 'Literal'
  | 'Never'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Omit'
  | 'Optional'
  | 'Partial'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'

type Schema = Readonly<Record<string, unknown>>
type Properties = Readonly<Record<string, Schema>>

/** TypeBox's own mark: not enumerable, so a spread copy of an optional schema is required again. */
const OPTIONAL = '~optional'
const EVERY_KEY = '^.*$'

const optional = (schema: Schema): Schema =>
  Object.defineProperty({ ...schema }, OPTIONAL, { value: true })

function object(properties: Properties, options?: Schema): Schema {
  const required = Object.keys(properties).filter((key) => !(OPTIONAL in (properties[key] ?? {})))
  const names = required.length > 0 ? { required } : {}
  return { type: 'object', ...names, properties, ...options }
}

/** The properties of an object schema, seen to one by one; its options stay behind, as with TypeBox. */
const reshaped = (
  change: (entry: [string, Schema]) => readonly [string, Schema][],
  { properties }: Schema,
  options?: Schema,
): Schema => {
  const entries = Object.entries(properties as Properties) // `Used` takes schemas of objects only
  return object(Object.fromEntries(entries.flatMap(change)), options)
}

const builders = {
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Schema) => ({ type: 'boolean', ...options }),
  Integer: (options?: Schema) => ({ type: 'integer', ...options }),
  Intersect: (allOf: readonly Schema[], options?: Schema) => ({ allOf, ...options }),
  Literal: (value: unknown, options?: Schema) => ({ type: typeof value, const: value, ...options }),
  Never: (options?: Schema) => ({ not: {}, ...options }),
  Null: (options?: Schema) => ({ type: 'null', ...options }),
  Number: (options?: Schema) => ({ type: 'number', ...options }),
  Object: object,
  Omit: (schema: Schema, names: readonly string[], options?: Schema) =>
    reshaped((entry) => (names.includes(entry[0]) ? [] : [entry]), schema, options),
  Optional: optional,
  Partial: (schema: Schema, options?: Schema) =>
    reshaped(([name, inner]) => [[name, optional(inner)]], schema, options),
  Record: ({ pattern }: Schema, value: Schema, options?: Schema) => ({
    type: 'object',
    patternProperties: { [typeof pattern === 'string' ? pattern : EVERY_KEY]: value },
    ...options,
  }),
  String: (options?: Schema) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly Schema[], options?: Schema) => ({ anyOf, ...options }),
  Unknown: (options?: Schema) => ({ ...options }),
  Unsafe: (schema: Schema) => schema,
} satisfies Record<Used, (...args: never[]) => Schema>

// the types are TypeBox's, which say of each plain object what it describes
export const Type = builders as unknown as Pick<typeof TypeBox, Used>
