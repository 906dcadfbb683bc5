import { Type as TypeBox } from 'typebox'
import { describe, expect, it } from 'vitest'
import { Type } from './type.ts'

/** What TypeBox makes of the same words is the truth. */
type Builders = typeof Type

const texts = (make: Builders) => ({
  plain: make.String(),
  bounded: make.String({ minLength: 1, description: 'a name' }),
})
const parts = (make: Builders) =>
  make.Object(
    {
      needed: make.Integer({ minimum: 0 }),
      perhaps: make.Optional(make.String({ maxLength: 3 })),
      nothing: make.Optional(make.Null()),
    },
    { additionalProperties: false, description: 'parts' },
  )

const cases: Readonly<Record<string, (make: Builders) => unknown>> = {
  texts,
  'a number': (make) => make.Number({ exclusiveMinimum: 0 }),
  'a truth value': (make) => make.Boolean({ default: false }),
  anything: (make) => make.Unknown({ description: 'whatever' }),
  never: (make) => make.Never(),
  'literals of each kind': (make) => [
    make.Literal('a', { description: 'first' }),
    make.Literal(4),
    make.Literal(true),
  ],
  'a list': (make) => make.Array(make.Null(), { maxItems: 3 }),
  'a union': (make) => make.Union([make.Literal('a'), make.Null()], { default: null }),
  'an intersection': (make) =>
    make.Intersect([parts(make), make.Object({}, { minProperties: 1 })], { title: 'both' }),
  'a map': (make) => make.Record(make.String(), make.Integer()),
  'a map by pattern': (make) =>
    make.Record(make.String({ pattern: '^[a-z]$' }), make.Unknown(), { maxProperties: 5 }),
  'a map that bounds its keys': (make) => make.Record(make.String({ maxLength: 255 }), make.Null()),
  'an object': parts,
  'an object of nothing': (make) => make.Object({}),
  'an object of optional things': (make) => make.Object({ a: make.Optional(make.Null()) }),
  'a part of it': (make) => make.Partial(parts(make)),
  'a part of it, strict': (make) => make.Partial(parts(make), { additionalProperties: false }),
  'less of it': (make) => make.Omit(parts(make), ['needed']),
  'less of it, strict': (make) =>
    make.Omit(parts(make), ['perhaps', 'nothing'], { additionalProperties: false }),
  'a part of less of it': (make) => make.Partial(make.Omit(parts(make), ['perhaps'])),
  'a schema written by hand': (make) => make.Object({ a: make.Unsafe({ enum: ['b', null] }) }),
  'an optional one written by hand': (make) =>
    make.Object({ a: make.Optional(make.Unsafe({ enum: ['b', null] })) }),
  'a copy of an optional schema is required': (make) =>
    make.Object({ a: { ...make.Optional(make.Null()), description: 'copied' } }),
}

describe('Type', () => {
  it.each(Object.entries(cases))('makes of %s what TypeBox makes', (_, build) => {
    expect(JSON.stringify(build(Type))).toBe(JSON.stringify(build(TypeBox)))
  })

  it('knows what TypeBox calls optional, and the other way round', () => {
    const ours = Type.Object({ a: TypeBox.Optional(TypeBox.Null()) })
    const theirs = TypeBox.Object({ a: Type.Optional(Type.Null()) })
    expect([ours, theirs]).toEqual([Type.Object(ours.properties), ours])
    expect(JSON.stringify(ours)).not.toContain('required')
  })
})
