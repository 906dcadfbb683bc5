import fc from 'fast-check'

/**
 * Bodies for random requests: values that follow a JSON schema most of the way, with now and then something else in one
 * place (another type, a huge number, a long or odd string, a missing or an unknown key).
 */
export function almost(schema: unknown, ids: readonly string[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 6, arbitrary: follow(schema, ids, 0) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  )
}

const odd = fc.constantFrom<unknown>(
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  '\u0000',
  'x'.repeat(300),
  'ünïcødé',
  '../../etc/passwd',
  "'; drop table x; --",
  '%00',
  '{}',
  [],
  {},
  [[]],
  [null],
  { a: { b: {} } },
  '1.2.3.4',
  'fe80::1',
  '10.0.0.0/8',
  '2026-01-01T00:00:00Z',
  'not-a-date',
)

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
  readonly items?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly unknown[]
  readonly oneOf?: readonly unknown[]
  readonly allOf?: readonly unknown[]
  readonly format?: string
}

function follow(given: unknown, ids: readonly string[], depth: number): fc.Arbitrary<unknown> {
  if (typeof given !== 'object' || given === null || depth > 6) return odd
  const schema = given as Schema // JSON Schema as TypeBox makes it
  const straight = straightFrom(schema, ids, depth)
  return fc.oneof({ weight: 40, arbitrary: straight }, { weight: 1, arbitrary: odd })
}

function straightFrom(
  schema: Schema,
  ids: readonly string[],
  depth: number,
): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const union = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (union !== undefined && union.length > 0)
    return fc.oneof(...union.map((one) => follow(one, ids, depth + 1)))
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
  switch (type) {
    case 'object':
      return objectFrom(schema, ids, depth)
    case 'array':
      return fc.array(follow(schema.items ?? {}, ids, depth + 1), { maxLength: 3 })
    case 'string':
      return fc.oneof(
        fc.constantFrom(
          ...ids,
          'name',
          'a',
          '10.1.0.0/24',
          '10.1.0.7',
          'tcp',
          'IPv4',
          'ACTIVE',
          'default',
        ),
        fc.string({ maxLength: 20 }),
      )
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: -2, max: 100 }), fc.constantFrom(2 ** 31, 2 ** 40))
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return odd
  }
}

function objectFrom(schema: Schema, ids: readonly string[], depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {})
  const model = Object.fromEntries(
    properties.map(([name, inner]) => [name, follow(inner, ids, depth + 1)]),
  )
  const whole = fc.record(model, {
    requiredKeys: (schema.required ?? []).filter((name) => name in model),
  })
  const less = fc.record(model, { requiredKeys: [] })
  const more = fc
    .tuple(whole, fc.string({ maxLength: 8 }), odd)
    .map(([value, name, extra]) => ({ ...value, [name]: extra }))
  return fc.oneof(
    { weight: 8, arbitrary: whole },
    { weight: 1, arbitrary: less },
    { weight: 1, arbitrary: more },
  )
}
