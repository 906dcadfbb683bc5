import { Type, type Static } from '../../../kernel/schema/type.ts'
import { Id, Ip, Text, TextOr, type StandardRow, type StandardTable } from '../standard/schema.ts'

/** Ports of a floating address that lead to ports of one fixed address. */
export interface ForwardingTable extends StandardTable {
  floatingip_id: string
  port_id: string
  address: string
  protocol: 'tcp' | 'udp'
  external_first: number
  external_last: number
  internal_first: number
  internal_last: number
}

export type ForwardingRow = ForwardingTable & StandardRow

const Port = Type.Union([Type.Integer(), Type.String({ pattern: '^\\d{1,9}$' }), Type.Null()])
const Range = Type.Union([
  Type.Integer(),
  Type.String({ pattern: '^\\d{1,9}(:\\d{1,9})?$' }),
  Type.Null(),
])

const attributes = {
  internal_port: Type.Optional(Port),
  internal_port_range: Type.Optional(Range),
  external_port: Type.Optional(Port),
  external_port_range: Type.Optional(Range),
  internal_ip_address: Type.Optional(Type.Union([Ip, Type.Null()])),
}

// clients write protocols in capitals too
const Protocol = Type.String({ pattern: '^([tT][cC][pP]|[uU][dD][pP])$' })

const NewForwarding = Type.Object(
  {
    ...attributes,
    internal_port_id: Id,
    protocol: Protocol,
    description: TextOr(''),
    project_id: Type.Optional(Text()),
    tenant_id: Type.Optional(Text()),
  },
  { additionalProperties: false },
)
const ForwardingChange = Type.Object(
  {
    ...attributes,
    internal_port_id: Type.Optional(Id),
    protocol: Type.Optional(Protocol),
    description: Type.Optional(Text()),
  },
  { additionalProperties: false },
)

export const ForwardingBody = Type.Object(
  { port_forwarding: NewForwarding },
  { additionalProperties: false },
)
export const ForwardingChangeBody = Type.Object(
  { port_forwarding: ForwardingChange },
  { additionalProperties: false },
)

export type NewForwardingWish = Static<typeof NewForwarding>
export type ForwardingChangeWish = Static<typeof ForwardingChange>
