import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db, type AddressTable, type SubnetTable } from '../tables.ts'

export async function addressesWithSubnets(
  ctx: Ctx,
  portIds: readonly string[],
): Promise<
  readonly (Pick<AddressTable, 'port_id' | 'address' | 'subnet_id'> &
    Pick<SubnetTable, 'cidr' | 'gateway' | 'dns' | 'version'>)[]
> {
  return await db(ctx)
    .selectFrom('net_addresses as a')
    .innerJoin('net_subnets as s', 's.id', 'a.subnet_id')
    .select(['a.port_id', 'a.address', 'a.subnet_id', 's.cidr', 's.gateway', 's.dns', 's.version'])
    .where('a.port_id', 'in', portIds)
    .orderBy('a.position')
    .execute()
}

export async function networkNames(
  ctx: Ctx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, { readonly name: string; readonly mtu: number }>> {
  const rows = await db(ctx)
    .selectFrom('net_networks')
    .select(['id', 'name', 'mtu'])
    .where('id', 'in', ids)
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
}
