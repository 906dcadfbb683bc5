import { Type, type Static } from '../../../kernel/schema/type.ts'
import {
  change,
  creation,
  Flag,
  Id,
  IdOrNull,
  Ip,
  IpVersion,
  Text,
  Whole,
} from '../standard/schema.ts'
import type { StandardRow } from '../standard/schema.ts'
import type { SubnetTable } from '../tables.ts'

/** With who owns the network it lies in. */
export type SubnetRow = SubnetTable & StandardRow & { readonly external: number }

const Mode = Type.Union([
  Type.Literal('slaac'),
  Type.Literal('dhcpv6-stateful'),
  Type.Literal('dhcpv6-stateless'),
  Type.Null(),
])
const Pools = Type.Array(Type.Object({ start: Ip, end: Ip }, { additionalProperties: false }), {
  maxItems: 100,
})
const Routes = Type.Array(
  Type.Object({ destination: Text(64), nexthop: Ip }, { additionalProperties: false }),
  { maxItems: 100 },
)

const attributes = {
  gateway_ip: Type.Optional(Type.Union([Ip, Type.Null()])),
  allocation_pools: Type.Optional(Type.Union([Pools, Type.Null()])),
  dns_nameservers: Type.Optional(Type.Union([Type.Array(Ip, { maxItems: 20 }), Type.Null()])),
  host_routes: Type.Optional(Type.Union([Routes, Type.Null()])),
  enable_dhcp: Type.Optional(Flag),
  service_types: Type.Optional(Type.Array(Text(), { maxItems: 20 })),
}

export const NewSubnet = creation({
  ...attributes,
  network_id: Id,
  ip_version: IpVersion,
  cidr: Type.Optional(Type.Union([Text(64), Type.Null()])),
  subnetpool_id: Type.Optional(IdOrNull),
  use_default_subnetpool: Type.Optional(Flag),
  prefixlen: Type.Optional(Whole(0, 128)),
  segment_id: Type.Optional(IdOrNull),
  ipv6_ra_mode: Type.Optional(Mode),
  ipv6_address_mode: Type.Optional(Mode),
})
export const SubnetChange = change(attributes)

export type NewSubnetWish = Static<typeof NewSubnet>
export type SubnetChangeWish = Static<typeof SubnetChange>

export interface Route {
  readonly destination: string
  readonly nexthop: string
}

/** Hosts in it make their own address from the router's announcements. */
export function isAuto(subnet: Pick<SubnetTable, 'ra_mode' | 'address_mode'>): boolean {
  return [subnet.ra_mode, subnet.address_mode].some(
    (mode) => mode === 'slaac' || mode === 'dhcpv6-stateless',
  )
}
