import { Type, type Static } from '../../../kernel/schema/type.ts'
import { Id, IdOrNull, Ip, Text, TextOr } from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { FloatingIpTable } from '../tables.ts'

export type FloatingIpRow = FloatingIpTable & StandardRow

const IpOrNull = Type.Union([Ip, Type.Null()])

export const NewFloatingIp = Type.Object(
  {
    floating_network_id: Id,
    floating_ip_address: Type.Optional(IpOrNull),
    subnet_id: Type.Optional(IdOrNull),
    port_id: Type.Optional(IdOrNull),
    fixed_ip_address: Type.Optional(IpOrNull),
    description: TextOr(''),
    project_id: Type.Optional(Text()),
    tenant_id: Type.Optional(Text()),
  },
  { additionalProperties: false },
)

export const FloatingIpChange = Type.Object(
  {
    port_id: Type.Optional(IdOrNull),
    fixed_ip_address: Type.Optional(IpOrNull),
    description: Type.Optional(Text()),
  },
  { additionalProperties: false },
)

export type NewFloatingIpWish = Static<typeof NewFloatingIp>
export type FloatingIpChangeWish = Static<typeof FloatingIpChange>
