import { sql } from 'kysely'
import type { Migration } from '../../../kernel/db/migrate.ts'

const standard = `id text primary key, project_id text not null, name text not null, description text not null, created_at text not null,
  updated_at text not null, revision integer not null, tags text not null`

const tables: readonly string[] = [
  `create table net_networks (${standard}, admin_up integer not null, external integer not null, is_default integer not null, mtu integer not null,
    port_security integer not null, provider_type text not null, physical text, segment integer, zone_hints text not null, status text not null,
    host text not null, deleted integer not null)`,
  `create table net_subnets (${standard}, network_id text not null references net_networks (id), version integer not null, cidr text not null,
    gateway text, dhcp integer not null, pools text not null, dns text not null, routes text not null, ra_mode text, address_mode text,
    pool_id text, service_types text not null, cursor_key text not null)`,
  `create index net_subnets_network on net_subnets (network_id)`,
  `create index net_subnets_pool on net_subnets (pool_id)`,
  `create table net_subnet_pools (${standard}, prefixes text not null, version integer not null, default_len integer not null, min_len integer not null,
    max_len integer not null, quota bigint, is_default integer not null, scope_id text)`,
  `create table net_address_scopes (${standard}, version integer not null)`,
  `create table net_ports (${standard}, network_id text not null references net_networks (id), mac text not null, admin_up integer not null,
    status text not null, device_id text not null, device_owner text not null, port_security integer not null, pairs text not null, dhcp_opts text not null,
    host_id text not null, vnic_type text not null, profile text not null, owned integer not null, netns text, ifname text, deleted integer not null)`,
  `create unique index net_ports_mac on net_ports (network_id, mac)`,
  `create index net_ports_device on net_ports (device_id)`,
  `create table net_addresses (network_id text not null, address text not null, sort_key text not null, port_id text not null references net_ports (id) on delete cascade,
    subnet_id text not null references net_subnets (id), position integer not null, primary key (network_id, address))`,
  `create index net_addresses_port on net_addresses (port_id)`,
  `create index net_addresses_subnet on net_addresses (subnet_id, sort_key)`,
  `create table net_routers (${standard}, admin_up integer not null, status text not null, gateway_network text, gateway_port text, snat integer not null,
    routes text not null, zone_hints text not null, host text not null, deleted integer not null)`,
  `create index net_routers_gateway on net_routers (gateway_network)`,
  `create table net_floating_ips (${standard}, network_id text not null, address text not null, floating_port text not null, port_id text, fixed_address text,
    router_id text, status text not null)`,
  `create index net_floating_ips_port on net_floating_ips (port_id)`,
  `create index net_floating_ips_router on net_floating_ips (router_id)`,
  `create unique index net_floating_ips_fixed on net_floating_ips (network_id, port_id, fixed_address)`,
  `create table net_groups (${standard}, is_default integer not null)`,
  `create unique index net_groups_default on net_groups (project_id) where is_default = 1`,
  `create table net_group_rules (${standard}, group_id text not null references net_groups (id) on delete cascade, direction text not null, ethertype text not null,
    protocol text, port_min integer, port_max integer, remote_cidr text, remote_group text)`,
  `create index net_group_rules_group on net_group_rules (group_id)`,
  `create index net_group_rules_remote on net_group_rules (remote_group)`,
  `create table net_port_groups (port_id text not null references net_ports (id) on delete cascade, group_id text not null references net_groups (id), primary key (port_id, group_id))`,
  `create index net_port_groups_group on net_port_groups (group_id)`,
  `create table net_group_places (group_id text not null, network_id text not null, primary key (group_id, network_id))`,
  `create table net_quotas (project_id text not null, resource text not null, amount integer not null, primary key (project_id, resource))`,
  `create table net_rbac (${standard}, object_type text not null, object_id text not null, action text not null, target text not null)`,
  `create unique index net_rbac_once on net_rbac (object_id, action, target)`,
  ...[
    'networks',
    'subnets',
    'subnet_pools',
    'address_scopes',
    'ports',
    'routers',
    'floating_ips',
    'groups',
    'group_rules',
    'rbac',
  ].map((table) => `create index net_${table}_project on net_${table} (project_id)`),
]

export const networkMigrations: readonly Migration[] = [
  {
    id: '001-network',
    async up(db) {
      for (const statement of tables) await sql.raw(statement).execute(db)
    },
  },
]
