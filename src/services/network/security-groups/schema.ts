import { Type, type Static } from '../../../kernel/schema/type.ts'
import { Flag, Text, TextOr } from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { GroupTable, RuleTable } from '../tables.ts'

export type GroupRow = GroupTable & StandardRow
export type RuleRow = RuleTable & StandardRow

const Owner = { project_id: Type.Optional(Text()), tenant_id: Type.Optional(Text()) }

export const NewGroup = Type.Object(
  { name: TextOr(''), description: TextOr(''), stateful: Type.Optional(Flag), ...Owner },
  { additionalProperties: false },
)
export const GroupChange = Type.Object(
  {
    name: Type.Optional(Text()),
    description: Type.Optional(Text()),
    stateful: Type.Optional(Flag),
  },
  { additionalProperties: false },
)

// clients send numbers as text, and null or '' for «any»
const Port = Type.Union([
  Type.Integer({ minimum: -1_000_000, maximum: 1_000_000 }),
  Type.String({ pattern: '^-?\\d{1,6}$' }),
  Type.Null(),
])

export const NewRule = Type.Object(
  {
    ...Owner,
    // Neutron takes any text for the two groups and answers 404 for one that is no group's id
    security_group_id: Text(),
    direction: Type.Union([Type.Literal('ingress'), Type.Literal('egress')]),
    ethertype: Type.Optional(Type.Union([Text(16), Type.Null()])),
    protocol: Type.Optional(Type.Union([Text(40), Type.Integer(), Type.Null()])),
    port_range_min: Type.Optional(Port),
    port_range_max: Type.Optional(Port),
    remote_ip_prefix: Type.Optional(Type.Union([Text(64), Type.Null()])),
    remote_group_id: Type.Optional(Type.Union([Text(), Type.Null()])),
    remote_address_group_id: Type.Optional(Type.Union([Text(), Type.Null()])),
    description: TextOr(''),
  },
  { additionalProperties: false },
)

export type NewGroupWish = Static<typeof NewGroup>
export type GroupChangeWish = Static<typeof GroupChange>
export type NewRuleWish = Static<typeof NewRule>

/** What a rule says, after all checks. */
export type RuleContent = Pick<
  RuleTable,
  | 'direction'
  | 'ethertype'
  | 'protocol'
  | 'port_min'
  | 'port_max'
  | 'remote_cidr'
  | 'remote_group'
  | 'remote_addresses'
>
