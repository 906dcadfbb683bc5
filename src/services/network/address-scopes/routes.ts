import { randomUUID } from 'node:crypto'
import { Type, type Static } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { neutronError } from '../fault.ts'
import { deleteSharesOf, setShared } from '../rbac-policies/store.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { bit, creation, Flag, IpVersion, isTrue, Text, versionOf } from '../standard/schema.ts'
import { changeRow } from '../standard/store.ts'
import { poolsInScope } from '../subnetpools/store.ts'
import { newRow } from '../tables.ts'
import {
  addressScopeSpec,
  deleteAddressScope,
  insertAddressScope,
  type AddressScopeRow,
} from './store.ts'

const NewScope = Type.Omit(
  creation({ ip_version: IpVersion, shared: Type.Optional(Flag) }),
  ['description'],
  { additionalProperties: false },
)
const ScopeChange = Type.Object(
  { name: Type.Optional(Text()), shared: Type.Optional(Flag) },
  { additionalProperties: false },
)

/** Address scopes: groups of subnet pools within which every address is unique. */
export function addressScopeResource(): Resource {
  return resource<AddressScopeRow, typeof NewScope, typeof ScopeChange>({
    singular: 'address_scope',
    plural: 'address_scopes',
    path: 'address-scopes',
    label: 'Address scope',
    notFound: 'AddressScopeNotFound',
    spec: addressScopeSpec,
    createBody: NewScope,
    updateBody: ScopeChange,
    adminOnly: { shared: false },
    create: createScope,
    update: updateScope,
    remove: removeScope,
    views: async (_ctx, rows) =>
      await Promise.resolve(
        rows.map((row) => ({
          id: row.id,
          name: row.name,
          project_id: row.project_id,
          tenant_id: row.project_id,
          ip_version: row.version,
          shared: row.is_shared === 1,
        })),
      ),
  })
}

const sharing = (id: string) => ({ type: 'address_scope', id, action: 'access_as_shared' }) as const

async function createScope(
  tx: Ctx,
  wish: Static<typeof NewScope>,
  projectId: string,
): Promise<string> {
  const id = randomUUID()
  await insertAddressScope(tx, {
    ...newRow(tx, id, projectId, wish),
    version: versionOf(wish.ip_version),
  })
  if (bit(wish.shared, false) === 1) await setShared(tx, sharing(id), projectId, true)
  return id
}

async function updateScope(
  tx: Ctx,
  row: AddressScopeRow,
  wish: Static<typeof ScopeChange>,
): Promise<void> {
  if (wish.shared !== undefined) {
    // others may have come to rely on it
    if (row.is_shared === 1 && !isTrue(wish.shared))
      throw neutronError(
        'badRequest',
        'AddressScopeUpdateError',
        `Unable to update address scope ${row.id}: Shared address scope can't be unshared.`,
      )
    await setShared(tx, sharing(row.id), row.project_id, isTrue(wish.shared))
  }
  await changeRow(tx, addressScopeSpec, row.id, { name: wish.name })
}

async function removeScope(tx: Ctx, row: AddressScopeRow): Promise<void> {
  if ((await poolsInScope(tx, row.id)).length > 0)
    throw neutronError(
      'conflict',
      'AddressScopeInUse',
      `Unable to complete operation on address scope ${row.id}. There are one or more subnet pools in use on the address scope.`,
    )
  await deleteAddressScope(tx, row.id)
  await deleteSharesOf(tx, row.id)
}
