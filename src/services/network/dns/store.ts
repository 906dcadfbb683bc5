import type { Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { NetworkTables } from '../tables.ts'

/** The columns that this feature adds; '' where nothing was asked for. Names are in lower case. */
export interface DnsTables extends Omit<NetworkTables, 'net_networks' | 'net_ports'> {
  net_networks: NetworkTables['net_networks'] & { dns_domain: string }
  net_ports: NetworkTables['net_ports'] & { dns_name: string; dns_domain: string }
  net_floating_ips: NetworkTables['net_floating_ips'] & { dns_name: string; dns_domain: string }
}

const db = (ctx: Ctx): Kysely<DnsTables> => tables<DnsTables>(ctx)

export const dnsColumns: readonly string[] = [
  `alter table net_networks add column dns_domain text not null default ''`,
  `alter table net_ports add column dns_name text not null default ''`,
  `alter table net_ports add column dns_domain text not null default ''`,
  `alter table net_floating_ips add column dns_name text not null default ''`,
  `alter table net_floating_ips add column dns_domain text not null default ''`,
  `create index net_ports_name on net_ports (network_id, dns_name)`,
]

export async function writeNetworkDomain(tx: Ctx, id: string, domain: string): Promise<void> {
  await db(tx)
    .updateTable('net_networks')
    .set({ dns_domain: domain })
    .where('id', '=', id)
    .execute()
}

export interface PortNames {
  readonly dns_name?: string
  readonly dns_domain?: string
}

export async function writePortNames(tx: Ctx, id: string, names: PortNames): Promise<void> {
  if (Object.keys(names).length === 0) return
  await db(tx).updateTable('net_ports').set(names).where('id', '=', id).execute()
}

export async function writeFloatingNames(tx: Ctx, id: string, names: PortNames): Promise<void> {
  if (Object.keys(names).length === 0) return
  await db(tx).updateTable('net_floating_ips').set(names).where('id', '=', id).execute()
}

/** Domains of networks that have one of their own. */
export async function domainsOf(
  ctx: Ctx,
  networkIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (networkIds.length === 0) return new Map()
  const rows = await db(ctx)
    .selectFrom('net_networks')
    .select(['id', 'dns_domain'])
    .where('id', 'in', networkIds)
    .where('dns_domain', '!=', '')
    .execute()
  return new Map(rows.map((row) => [row.id, row.dns_domain]))
}

export interface NamedAddress {
  readonly address: string
  readonly dns_name: string
  readonly dns_domain: string
}

/** Addresses in a network of the ports called one of these. */
export async function addressesNamed(
  ctx: Ctx,
  networkId: string,
  names: readonly string[],
): Promise<readonly NamedAddress[]> {
  return await db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_addresses as a', 'a.port_id', 'p.id')
    .select(['a.address', 'p.dns_name', 'p.dns_domain'])
    .where('p.network_id', '=', networkId)
    .where('p.dns_name', 'in', names)
    .where('p.deleted', '=', 0)
    .orderBy('p.created_at')
    .orderBy('a.position')
    .execute()
}

/** Who has this address in the network, by name. */
export async function namedAddress(
  ctx: Ctx,
  networkId: string,
  address: string,
): Promise<NamedAddress | undefined> {
  return await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_ports as p', 'p.id', 'a.port_id')
    .select(['a.address', 'p.dns_name', 'p.dns_domain'])
    .where('a.network_id', '=', networkId)
    .where('a.address', '=', address)
    .where('p.deleted', '=', 0)
    .executeTakeFirst()
}
