import { randomUUID } from 'node:crypto'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { inTx, toJson } from '../../../kernel/db/db.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import { nudge } from '../../../kernel/tasks/store.ts'
import { neutronError } from '../fault.ts'
import { kinds } from '../kinds.ts'
import { mustOwn } from '../standard/access.ts'
import { deleteSharesOf } from '../rbac-policies/store.ts'
import { resource, type Resource } from '../standard/resource.ts'
import { getRow, viewOf } from '../standard/routes.ts'
import { changeRow, lockRow } from '../standard/store.ts'
import { newRow } from '../tables.ts'
import { added, prefixesOf, removed } from './plan.ts'
import {
  AddressesBody,
  AddressGroupChange,
  NewAddressGroup,
  type AddressGroupChangeWish,
  type AddressGroupRow,
  type NewAddressGroupWish,
} from './schema.ts'
import {
  addressesIn,
  addressGroupSpec,
  deleteAddressGroup,
  getAddressGroup,
  groupsNaming,
  insertAddressGroup,
  writeAddresses,
} from './store.ts'

/** Address groups: prefixes under one name, which rules of security groups can have as their remote side. */
export function addressGroupResource(): Resource {
  return resource<AddressGroupRow, typeof NewAddressGroup, typeof AddressGroupChange>({
    singular: 'address_group',
    plural: 'address_groups',
    path: 'address-groups',
    label: 'Address group',
    notFound: 'AddressGroupNotFound',
    spec: addressGroupSpec,
    foreignIsNotFound: true,
    createBody: NewAddressGroup,
    updateBody: AddressGroupChange,
    create: createAddressGroup,
    update: updateAddressGroup,
    remove: removeAddressGroup,
    views: async (_ctx, rows) =>
      await Promise.resolve(
        rows.map((row) => ({
          id: row.id,
          name: row.name,
          description: row.description,
          project_id: row.project_id,
          tenant_id: row.project_id,
          addresses: addressesIn(row),
        })),
      ),
  })
}

async function createAddressGroup(
  tx: Ctx,
  wish: NewAddressGroupWish,
  projectId: string,
): Promise<string> {
  const id = randomUUID()
  await insertAddressGroup(tx, {
    ...newRow(tx, id, projectId, wish),
    addresses: toJson(prefixesOf(wish.addresses ?? [], false)),
  })
  return id
}

async function updateAddressGroup(
  tx: Ctx,
  row: AddressGroupRow,
  wish: AddressGroupChangeWish,
): Promise<void> {
  await changeRow(tx, addressGroupSpec, row.id, { name: wish.name, description: wish.description })
}

async function removeAddressGroup(tx: Ctx, row: AddressGroupRow): Promise<void> {
  if ((await groupsNaming(tx, row.id)).length > 0)
    throw neutronError(
      'conflict',
      'AddressGroupInUse',
      `Address group ${row.id} is in use on one or more security group rules.`,
    )
  await deleteAddressGroup(tx, row.id)
  await deleteSharesOf(tx, row.id)
}

/** Addresses come and go; security groups that name them follow. */
export function addressRoutes(kind: Resource): Route[] {
  const op = (verb: 'add' | 'remove', edit: typeof added): Route =>
    route({
      method: 'PUT',
      path: `/v2.0/address-groups/:id/${verb}_addresses`,
      policy: 'network:update_address_group',
      body: AddressesBody,
      handle: async (ctx, req) =>
        await inTx(ctx, async (tx) => {
          const { id } = req.params as { id: string } // named in the path
          await lockRow(tx, addressGroupSpec, id)
          const row = await getAddressGroup(tx, id)
          mustOwn(tx, row, `${verb}_addresses`)
          const sent = prefixesOf(req.body.addresses, true)
          await writeAddresses(tx, id, edit(id, addressesIn(row), sent))
          for (const group of await groupsNaming(tx, id)) await nudge(tx, kinds.group, group)
          return { address_group: await viewOf(tx, kind, await getRow(tx, kind, id)) }
        }),
    })
  return [op('add', added), op('remove', removed)]
}
