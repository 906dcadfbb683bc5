import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { integer, standardColumns, type ListSpec } from '../standard/list-spec.ts'
import type { StandardRow } from '../standard/schema.ts'
import { findRow } from '../standard/store.ts'
import { db, type AddressScopeTable } from '../tables.ts'

export type AddressScopeRow = AddressScopeTable & StandardRow

export const addressScopeSpec: ListSpec = {
  table: 'net_address_scopes',
  columns: { ...standardColumns, ip_version: integer('version') },
  sharedBy: ['access_as_shared'],
}

export async function getAddressScope(ctx: Ctx, id: string): Promise<AddressScopeRow> {
  const row = await findRow<AddressScopeRow>(ctx, addressScopeSpec, id)
  if (row === undefined)
    throw neutronError(
      'notFound',
      'AddressScopeNotFound',
      `Address scope ${id} could not be found.`,
    )
  return row
}

export async function insertAddressScope(tx: Ctx, row: AddressScopeTable): Promise<void> {
  await db(tx).insertInto('net_address_scopes').values(row).execute()
}

export async function deleteAddressScope(tx: Ctx, id: string): Promise<void> {
  await db(tx).deleteFrom('net_address_scopes').where('id', '=', id).execute()
}
