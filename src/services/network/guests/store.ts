import type { Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { tables } from '../../../kernel/db/db.ts'
import type { DnsTables } from '../dns/store.ts'
import type { PortTable, SubnetTable } from '../tables.ts'

const db = (ctx: Ctx): Kysely<DnsTables> => tables<DnsTables>(ctx)

/** An address of a port in a subnet that has DHCP, and what goes with it. */
export interface Leasable extends Pick<
  SubnetTable,
  'cidr' | 'gateway' | 'dns' | 'routes' | 'ra_mode' | 'address_mode'
> {
  readonly address: string
  readonly port_id: string
  readonly dns_name: string
  readonly dhcp_opts: string
  readonly port_security: number
  readonly mtu: number
  readonly network_domain: string
  /** Where the network lives. */
  readonly host: string
}

export async function leasable(
  ctx: Ctx,
  networkId: string,
  mac: string,
  version: 4 | 6,
): Promise<readonly Leasable[]> {
  return await db(ctx)
    .selectFrom('net_ports as p')
    .innerJoin('net_addresses as a', 'a.port_id', 'p.id')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .innerJoin('net_networks as n', 'n.id', 'p.network_id')
    .select(['a.address', 'a.port_id', 's.cidr', 's.gateway', 's.dns', 's.routes'])
    .select([
      's.ra_mode',
      's.address_mode',
      'p.dns_name',
      'p.dhcp_opts',
      'p.port_security',
      'n.mtu',
      'n.dns_domain as network_domain',
      'n.host',
    ])
    .where('p.network_id', '=', networkId)
    .where('p.mac', '=', mac)
    .where('p.deleted', '=', 0)
    .where('s.version', '=', version)
    .where('s.dhcp', '=', 1)
    .orderBy('a.position')
    .execute()
}

/** The port with this MAC that lives in the network. */
export async function portWithMac(
  ctx: Ctx,
  networkId: string,
  mac: string,
): Promise<PortTable | undefined> {
  return await db(ctx)
    .selectFrom('net_ports')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('mac', '=', mac)
    .where('deleted', '=', 0)
    .executeTakeFirst()
}
