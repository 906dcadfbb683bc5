import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Flag, Text, Whole } from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { NetworkTable } from '../tables.ts'

export type NetworkRow = NetworkTable & StandardRow

const Mtu = Whole(0, 65535)
const Provider = {
  'provider:network_type': Type.Optional(Text(32)),
  'provider:physical_network': Type.Optional(Type.Union([Text(64), Type.Null()])),
  'provider:segmentation_id': Type.Optional(Type.Union([Whole(0, 2_147_483_647), Type.Null()])),
}

const attributes = {
  admin_state_up: Type.Optional(Flag),
  shared: Type.Optional(Flag),
  'router:external': Type.Optional(Flag),
  is_default: Type.Optional(Flag),
  mtu: Type.Optional(Mtu),
  port_security_enabled: Type.Optional(Flag),
}

export const NewNetwork = creation({
  ...attributes,
  ...Provider,
  availability_zone_hints: Type.Optional(Type.Array(Text(), { maxItems: 16 })),
})
export const NetworkChange = change(attributes)

export type NewNetworkWish = Static<typeof NewNetwork>
export type NetworkChangeWish = Static<typeof NetworkChange>
