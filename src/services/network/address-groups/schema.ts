import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Text, TextOr } from '../standard/schema.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'

/** Addresses under one name, for rules of security groups. */
export interface AddressGroupTable extends StandardTable {
  /** JSON: string[], canonical prefixes */
  addresses: string
}

export type AddressGroupRow = AddressGroupTable & StandardRow

const Addresses = Type.Array(Text(64), { maxItems: 1000 })

export const NewAddressGroup = creation({
  description: TextOr('', 1024),
  addresses: Type.Optional(Type.Union([Addresses, Type.Null()])),
})
export const AddressGroupChange = change({ description: Type.Optional(Text(1024)) })
export const AddressesBody = Type.Object({ addresses: Addresses }, { additionalProperties: false })

export type NewAddressGroupWish = Static<typeof NewAddressGroup>
export type AddressGroupChangeWish = Static<typeof AddressGroupChange>
