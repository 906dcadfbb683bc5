import { Type, type Static } from '../../../kernel/schema/type.ts'
import { conntrackHelperProtocols, type ConntrackHelperName } from '../../../ports/network.ts'
import { neutronError } from '../fault.ts'
import { Text, Whole, wrapped } from '../standard/schema.ts'
import type { HelperTable } from './store.ts'

const attributes = { protocol: Text(16), port: Whole(1, 65535), helper: Text(64) }
const NewHelper = Type.Object(
  { ...attributes, project_id: Type.Optional(Text()), tenant_id: Type.Optional(Text()) },
  { additionalProperties: false },
)
const HelperChange = Type.Partial(Type.Object(attributes), { additionalProperties: false })

export const NewHelperBody = wrapped(NewHelper, 'conntrack_helper')
export const HelperChangeBody = wrapped(HelperChange, 'conntrack_helper')

export type HelperWish = Static<typeof HelperChange>

type Helper = Pick<HelperTable, 'protocol' | 'port' | 'helper'>

const protocolsOf: Readonly<Record<ConntrackHelperName, readonly Helper['protocol'][]>> =
  conntrackHelperProtocols

const isKnown = (name: string): name is ConntrackHelperName => Object.hasOwn(protocolsOf, name)

/** The helper as a whole, from what it was and what is asked; 400 for what no engine can give. */
export function helperOf(wish: HelperWish, had?: Helper): Helper {
  const [helper, asked, port] = [
    wish.helper ?? had?.helper ?? '',
    (wish.protocol ?? had?.protocol ?? '').toLowerCase(),
    Number(wish.port ?? had?.port ?? 0),
  ]
  if (!isKnown(helper))
    throw neutronError(
      'badRequest',
      'ConntrackHelperNotAllowed',
      `Conntrack helper ${helper} is not allowed. There are: ${Object.keys(protocolsOf).join(', ')}.`,
    )
  const protocol = protocolsOf[helper].find((known) => known === asked)
  if (protocol === undefined)
    throw neutronError(
      'badRequest',
      'InvalidProtocolForHelper',
      `Conntrack helper ${helper} does not listen to ${asked}: it is for ${protocolsOf[helper].join(' and ')}.`,
    )
  if (port < 1 || port > 65535)
    throw neutronError(
      'badRequest',
      'HTTPBadRequest',
      `Invalid input for port. Reason: '${port}' is not between 1 and 65535.`,
    )
  return { helper, protocol, port }
}
