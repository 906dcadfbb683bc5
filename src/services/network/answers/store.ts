import type { Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { prepared } from '../../../kernel/db/prepared.ts'
import type { DnsTables } from '../dns/store.ts'
import { db, type NetworkTables } from '../tables.ts'

interface PortIds {
  readonly portIds: readonly string[]
}

/** Addresses of ports, each port's in its own order. */
export const addressesWithSubnets = prepared((query: Kysely<NetworkTables>, { portIds }: PortIds) =>
  query
    .selectFrom('net_addresses as a')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .select(['a.port_id', 'a.address', 'a.subnet_id', 's.cidr', 's.gateway', 's.dns', 's.version'])
    .where('a.port_id', 'in', portIds)
    .orderBy('a.position'),
)

/** A port's own name and what it has of its network. */
export const namesOfPorts = prepared((query: Kysely<DnsTables>, { portIds }: PortIds) =>
  query
    .selectFrom('net_ports as p')
    .innerJoin('net_networks as n', 'n.id', 'p.network_id')
    .select(['p.id', 'p.dns_name', 'n.name as network', 'n.mtu', 'n.dns_domain as domain'])
    .where('p.id', 'in', portIds),
)

export async function networkNames(
  ctx: Ctx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db(ctx)
    .selectFrom('net_networks')
    .select(['id', 'name'])
    .where('id', 'in', ids)
    .execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}
