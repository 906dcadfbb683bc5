import type { Kysely } from 'kysely'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { tables } from '../../kernel/db/db.ts'
import type { StandardTable } from './standard/schema.ts'

/** The tables of this service; only `store.ts` files use them. */
export interface NetworkTables {
  net_networks: NetworkTable
  net_subnets: SubnetTable
  net_subnet_pools: SubnetPoolTable
  net_address_scopes: AddressScopeTable
  net_ports: PortTable
  net_addresses: AddressTable
  net_routers: RouterTable
  net_floating_ips: FloatingIpTable
  net_groups: GroupTable
  net_group_rules: RuleTable
  net_port_groups: { port_id: string; group_id: string }
  /** Networks in which the engine holds this group. */
  net_group_places: { group_id: string; network_id: string }
  net_quotas: { project_id: string; resource: string; amount: number }
  net_rbac: RbacTable
}

export const db = (ctx: Ctx): Kysely<NetworkTables> => tables<NetworkTables>(ctx)

export interface NetworkTable extends StandardTable {
  admin_up: number
  external: number
  is_default: number
  mtu: number
  port_security: number
  provider_type: string
  physical: string | null
  segment: number | null
  zone_hints: string
  status: string
  host: string
  /** 1: the API does not know it any more, the engine may still hold it. */
  deleted: number
}

export interface SubnetTable extends StandardTable {
  network_id: string
  version: 4 | 6
  cidr: string
  gateway: string | null
  dhcp: number
  /** JSON: Pool[] */
  pools: string
  /** JSON: string[] */
  dns: string
  /** JSON: { destination, nexthop }[] */
  routes: string
  ra_mode: string | null
  address_mode: string | null
  pool_id: string | null
  /** JSON: string[] */
  service_types: string
  /** Addresses are given round and round: the sort key after which the search for the next one begins. */
  cursor_key: string
}

export interface SubnetPoolTable extends StandardTable {
  /** JSON: string[] */
  prefixes: string
  version: 4 | 6
  default_len: number
  min_len: number
  max_len: number
  /** In addresses (IPv4) or /64s (IPv6); null: no limit. */
  quota: number | null
  is_default: number
  scope_id: string | null
}

export interface AddressScopeTable extends StandardTable {
  version: 4 | 6
}

export interface PortTable extends StandardTable {
  network_id: string
  mac: string
  admin_up: number
  status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR'
  device_id: string
  device_owner: string
  port_security: number
  /** JSON: { ip_address, mac_address }[] */
  pairs: string
  /** JSON: DhcpOption[] */
  dhcp_opts: string
  host_id: string
  vnic_type: string
  /** JSON object */
  profile: string
  /** 1: made for its device, goes with it. */
  owned: number
  /** Where the engine plugged it last; null when it is not plugged. */
  netns: string | null
  ifname: string | null
  /** JSON: PublishedPort[] */
  published: string
  /** 1: the API does not know it any more, it is still plugged. */
  deleted: number
}

export interface AddressTable {
  network_id: string
  address: string
  sort_key: string
  port_id: string
  subnet_id: string
  position: number
}

export interface RouterTable extends StandardTable {
  admin_up: number
  status: string
  gateway_network: string | null
  gateway_port: string | null
  snat: number
  /** JSON: { destination, nexthop }[] */
  routes: string
  zone_hints: string
  host: string
  deleted: number
}

export interface FloatingIpTable extends StandardTable {
  network_id: string
  address: string
  floating_port: string
  port_id: string | null
  fixed_address: string | null
  router_id: string | null
  status: 'ACTIVE' | 'DOWN' | 'ERROR'
}

export interface GroupTable extends StandardTable {
  is_default: number
  /** 0: answers need rules of their own. */
  stateful: number
}

export interface RuleTable extends StandardTable {
  group_id: string
  direction: 'ingress' | 'egress'
  ethertype: 'IPv4' | 'IPv6'
  protocol: string | null
  port_min: number | null
  port_max: number | null
  remote_cidr: string | null
  remote_group: string | null
  /** An address group. */
  remote_addresses: string | null
}

export interface RbacTable extends StandardTable {
  object_type: string
  object_id: string
  action: string
  target: string
}

/** The columns that every new row begins with. */
export function newRow(
  ctx: Ctx,
  id: string,
  projectId: string,
  wish: { readonly name?: string; readonly description?: string },
): StandardTable {
  const now = ctx.now().toISOString()
  return {
    id,
    project_id: projectId,
    name: wish.name ?? '',
    description: wish.description ?? '',
    created_at: now,
    updated_at: now,
    revision: 1,
    tags: '[]',
  }
}
