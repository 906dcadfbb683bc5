import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Flag, Id, Ip, Mac, Text } from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { PortTable } from '../tables.ts'

/** With who owns the network it lies in: he may see and change it too. */
export type PortRow = PortTable & StandardRow & { readonly network_project: string | null }

const FixedIps = Type.Array(
  Type.Object(
    { subnet_id: Type.Optional(Id), ip_address: Type.Optional(Ip) },
    { additionalProperties: false, minProperties: 1 },
  ),
  { maxItems: 50 },
)
const Pair = Type.Object(
  { ip_address: Text(64), mac_address: Type.Optional(Mac) },
  { additionalProperties: false },
)
export const PairList = Type.Array(Pair, { maxItems: 10 })
export type PairWish = Static<typeof Pair>

const DhcpOption = Type.Object(
  {
    opt_name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000]*\\S[^\\u0000]*$' }),
    opt_value: Type.Union([
      Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*\\S[^\\u0000]*$' }),
      Type.Null(),
    ]),
    ip_version: Type.Optional(
      Type.Union([Type.Literal(4), Type.Literal(6), Type.Literal('4'), Type.Literal('6')]),
    ),
  },
  { additionalProperties: false },
)

const attributes = {
  admin_state_up: Type.Optional(Flag),
  fixed_ips: Type.Optional(FixedIps),
  device_id: Type.Optional(Text()),
  device_owner: Type.Optional(Text()),
  security_groups: Type.Optional(
    Type.Union([Type.Array(Id, { maxItems: 100, uniqueItems: true }), Type.Null()]),
  ),
  port_security_enabled: Type.Optional(Flag),
  allowed_address_pairs: Type.Optional(Type.Union([PairList, Type.Null()])),
  extra_dhcp_opts: Type.Optional(
    Type.Union([Type.Array(DhcpOption, { maxItems: 50 }), Type.Null()]),
  ),
  mac_address: Type.Optional(Mac),
  'binding:vnic_type': Type.Optional(Type.Literal('normal')),
  'binding:host_id': Type.Optional(Type.Union([Text(), Type.Null()])),
  'binding:profile': Type.Optional(
    Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  ),
}

const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' }), {
  maxItems: 50,
})

export const NewPort = creation({ ...attributes, network_id: Id, tags: Type.Optional(Tags) })
// null: another MAC is to be made up
export const PortChange = change({
  ...attributes,
  mac_address: Type.Optional(Type.Union([Mac, Type.Null()])),
})

export type NewPortWish = Static<typeof NewPort>
export type PortChangeWish = Static<typeof PortChange>

export interface Pair {
  readonly ip_address: string
  readonly mac_address: string
}

export interface DhcpOption {
  readonly opt_name: string
  readonly opt_value: string
  readonly ip_version: 4 | 6
}
