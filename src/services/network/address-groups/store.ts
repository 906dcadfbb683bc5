import { sql, type Kysely } from 'kysely'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, tables, toJson } from '../../../kernel/db/db.ts'
import { neutronError } from '../fault.ts'
import { standardColumns, type ListSpec } from '../standard/list-spec.ts'
import { changeRow, findRow } from '../standard/store.ts'
import type { AddressGroupRow, AddressGroupTable } from './schema.ts'

interface AddressGroupTables {
  net_address_groups: AddressGroupTable
  net_group_rules: { group_id: string; remote_addresses: string | null }
}

const db = (ctx: Ctx): Kysely<AddressGroupTables> => tables<AddressGroupTables>(ctx)

export const addressGroupSpec: ListSpec = {
  table: 'net_address_groups',
  columns: standardColumns,
  filters: {
    // prefixes are JSON texts in a list: one with its quotes occurs nowhere else in it
    addresses: (values) =>
      sql`(${sql.join(
        values.map(
          (value) => sql`replace(t.addresses, ${JSON.stringify(value)}, '') <> t.addresses`,
        ),
        sql` or `,
      )})`,
  },
  sharedBy: ['access_as_shared'],
}

/** An address group that who asks may use; 404 otherwise. */
export async function getAddressGroup(ctx: Ctx, id: string): Promise<AddressGroupRow> {
  const row = await findRow<AddressGroupRow>(ctx, addressGroupSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'AddressGroupNotFound',
      `Address group ${id.slice(0, 255)} could not be found.`,
    )
  return row
}

export const addressesIn = (row: AddressGroupTable): readonly string[] =>
  fromJson<string[]>(row.addresses)

export async function insertAddressGroup(tx: Ctx, row: AddressGroupTable): Promise<void> {
  await db(tx).insertInto('net_address_groups').values(row).execute()
}

export async function writeAddresses(
  tx: Ctx,
  id: string,
  addresses: readonly string[],
): Promise<void> {
  await changeRow(tx, addressGroupSpec, id, { addresses: toJson(addresses) })
}

export async function deleteAddressGroup(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_address_groups').where('id', '=', id).execute()
}

/** Security groups with rules that name the address group. */
export async function groupsNaming(ctx: Ctx, id: string): Promise<readonly string[]> {
  const rows = await db(ctx)
    .selectFrom('net_group_rules')
    .select('group_id')
    .distinct()
    .where('remote_addresses', '=', id)
    .execute()
  return rows.map((row) => row.group_id)
}

/** What the rules of security groups mean by these address groups. */
export async function addressesOfGroups(
  ctx: Ctx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (ids.length === 0) return new Map()
  const rows = await db(ctx)
    .selectFrom('net_address_groups')
    .selectAll()
    .where('id', 'in', ids)
    .execute()
  return new Map(rows.map((row) => [row.id, addressesIn(row)]))
}
