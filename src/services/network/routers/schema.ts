import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Flag, Id, IdOrNull, Ip, Text } from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { RouterTable } from '../tables.ts'

export type RouterRow = RouterTable & StandardRow & { readonly qos_policy?: string | null }

const FixedIps = Type.Array(
  Type.Object(
    { subnet_id: Type.Optional(Id), ip_address: Type.Optional(Ip) },
    { additionalProperties: false, minProperties: 1 },
  ),
  { maxItems: 50 },
)
export const Gateway = Type.Object(
  {
    network_id: Type.Optional(Type.Union([Id, Type.Null()])),
    enable_snat: Type.Optional(Flag),
    external_fixed_ips: Type.Optional(FixedIps),
    qos_policy_id: Type.Optional(IdOrNull),
  },
  { additionalProperties: false },
)

const ExtraRoutes = Type.Array(
  Type.Object({ destination: Text(64), nexthop: Ip }, { additionalProperties: false }),
  { maxItems: 1000 },
)

const attributes = {
  admin_state_up: Type.Optional(Flag),
  external_gateway_info: Type.Optional(Type.Union([Gateway, Type.Null()])),
}

export const NewRouter = creation({
  ...attributes,
  availability_zone_hints: Type.Optional(Type.Array(Text(), { maxItems: 16 })),
})
export const RouterChange = change({
  ...attributes,
  routes: Type.Optional(Type.Union([ExtraRoutes, Type.Null()])),
})
export const RoutesOnly = Type.Object(
  { router: Type.Object({ routes: ExtraRoutes }, { additionalProperties: false }) },
  { additionalProperties: false },
)
export const InterfaceRef = Type.Object(
  { subnet_id: Type.Optional(Id), port_id: Type.Optional(Id) },
  { additionalProperties: false },
)

export type NewRouterWish = Static<typeof NewRouter>
export type RouterChangeWish = Static<typeof RouterChange>
export type GatewayWish = Static<typeof Gateway>
