import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Flag, IdOrNull, Text, Whole } from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { SubnetPoolTable } from '../tables.ts'

export type SubnetPoolRow = SubnetPoolTable & StandardRow

const Length = Type.Optional(Whole(0, 128))
// a bare prefix stands for a list of one: Tempest sends it, and Neutron takes it
const Prefixes = Type.Union([Type.Array(Text(64), { minItems: 1, maxItems: 100 }), Text(64)])

const attributes = {
  default_prefixlen: Length,
  min_prefixlen: Length,
  max_prefixlen: Length,
  default_quota: Type.Optional(Type.Union([Whole(0, 999_999_999), Type.Null()])),
  is_default: Type.Optional(Flag),
  address_scope_id: Type.Optional(IdOrNull),
}

const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*\\S[^\\u0000]*$' })

export const NewSubnetPool = creation({
  ...attributes,
  name: Name,
  shared: Type.Optional(Flag),
  prefixes: Prefixes,
})
export const SubnetPoolChange = change({
  ...attributes,
  name: Type.Optional(Name),
  prefixes: Type.Optional(Prefixes),
})
export const PrefixOps = Type.Object({ prefixes: Prefixes }, { additionalProperties: false })

export type NewSubnetPoolWish = Static<typeof NewSubnetPool>
export type SubnetPoolChangeWish = Static<typeof SubnetPoolChange>

export const listOf = (prefixes: Static<typeof Prefixes>): readonly string[] =>
  typeof prefixes === 'string' ? [prefixes] : prefixes
