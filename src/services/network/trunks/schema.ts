import { Type, type Static } from '../../../kernel/schema/type.ts'
import { change, creation, Flag, Id, Text } from '../standard/schema.ts'
import type { StandardRow, StandardTable } from '../standard/schema.ts'

/** A trunk: a port whose link carries others, each under a VLAN id. */
export interface TrunkTable extends StandardTable {
  port_id: string
  admin_up: number
}

export interface SubportTable {
  port_id: string
  trunk_id: string
  vlan: number
  /** In order of their adding. */
  position: number
}

/** With the status that follows from its ports' ones. */
export type TrunkRow = TrunkTable & StandardRow & { readonly status: string }

// what is missing or wrong in here is told by plan.ts, in Neutron's order
const Subport = Type.Object(
  {
    port_id: Id,
    segmentation_type: Type.Optional(Text(32)),
    segmentation_id: Type.Optional(
      Type.Union([Type.Integer(), Type.String({ pattern: '^-?\\d{1,6}$' }), Type.Null()]),
    ),
  },
  { additionalProperties: false },
)
const SubportList = Type.Array(Subport, { maxItems: 4094 })

export const NewTrunk = creation({
  port_id: Id,
  admin_state_up: Type.Optional(Flag),
  sub_ports: Type.Optional(Type.Union([SubportList, Type.Null()])),
})
export const TrunkChange = change({ admin_state_up: Type.Optional(Flag) })
export const Subports = Type.Object({ sub_ports: SubportList }, { additionalProperties: false })

export type NewTrunkWish = Static<typeof NewTrunk>
export type TrunkChangeWish = Static<typeof TrunkChange>
export type SubportWish = Static<typeof Subport>
