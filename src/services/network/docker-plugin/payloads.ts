import { Type, type Static, type TSchema } from '../../../kernel/schema/type.ts'
import { validate } from '../../../kernel/http/validate.ts'
import type { PluginMethod } from '../../../ports/docker-plugin.ts'

/** What the Docker Engine sends, as far as it is read; whatever newer engines add is let through. */

const Words = Type.String({ default: '' })
const DockerId = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000]+$' })
const Options = Type.Record(Type.String(), Type.Unknown(), { default: {} })

const IpamData = Type.Object({
  Pool: Words,
  Gateway: Words,
  AuxAddresses: Type.Record(Type.String(), Type.String(), { default: {} }),
})
const IpamList = Type.Array(IpamData, { default: [] })

const endpoint = { NetworkID: DockerId, EndpointID: DockerId }
const address = { PoolID: DockerId, Address: Words }
const Interface = Type.Object(
  { Address: Words, AddressIPv6: Words, MacAddress: Words },
  { default: {} },
)

export const payloads = {
  'IpamDriver.RequestPool': Type.Object({
    Pool: Words,
    SubPool: Words,
    V6: Type.Boolean({ default: false }),
    Options,
  }),
  'IpamDriver.ReleasePool': Type.Object({ PoolID: DockerId }),
  'IpamDriver.RequestAddress': Type.Object({ ...address, Options }),
  'IpamDriver.ReleaseAddress': Type.Object(address),
  'NetworkDriver.CreateNetwork': Type.Object({
    NetworkID: DockerId,
    IPv4Data: IpamList,
    IPv6Data: IpamList,
    Options,
  }),
  'NetworkDriver.DeleteNetwork': Type.Object({ NetworkID: DockerId }),
  'NetworkDriver.CreateEndpoint': Type.Object({
    ...endpoint,
    Interface,
    Options,
  }),
  'NetworkDriver.DeleteEndpoint': Type.Object(endpoint),
  'NetworkDriver.EndpointOperInfo': Type.Object(endpoint),
  'NetworkDriver.Join': Type.Object({ ...endpoint, SandboxKey: Words, Options }),
  'NetworkDriver.Leave': Type.Object(endpoint),
  'NetworkDriver.ProgramExternalConnectivity': Type.Object({ ...endpoint, Options }),
  'NetworkDriver.RevokeExternalConnectivity': Type.Object(endpoint),
} satisfies Record<PluginMethod, TSchema>

export type Payload<M extends PluginMethod> = Static<(typeof payloads)[M]>
export type IpamDatum = Static<typeof IpamData>
export type OptionMap = Readonly<Record<string, unknown>>

/** Throws what is wrong with it, naming the field. */
export function readPayload<M extends PluginMethod>(method: M, payload: unknown): Payload<M> {
  const read = withoutNulls(payload)
  validate(payloads[method], read, 'body', method)
  return read as Payload<M> // just validated
}

/** Go sends an empty map or list as null. */
const withoutNulls = (payload: unknown): unknown =>
  typeof payload === 'object' && payload !== null
    ? Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== null))
    : payload
