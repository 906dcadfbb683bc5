/** Names and tags by which Kuryr's users and tools know the objects; nothing here is looked up by them. Pure. */

const NETWORK_TAGS = ['kuryr.net.uuid.lh', 'kuryr.net.uuid.uh'] as const

export const networkName = (dockerId: string): string => `kuryr-net-${dockerId.slice(0, 8)}`
export const subnetName = (cidr: string): string => `kuryr-subnet-${cidr}`
export const subnetPoolName = (cidr: string): string => `kuryrPool-${cidr}`
export const portName = (endpointId: string): string => `${endpointId}-port`
export const auxName = (name: string): string => `kuryr-aux-${name}`.slice(0, 255)
export const exposedGroupName = (portId: string): string => `${portId}-exposed_ports`
export const UNBOUND_PORT = 'kuryr-unbound-port'

export const idTags = (dockerId: string): string[] =>
  [dockerId.slice(0, 32), dockerId.slice(32, 64)].flatMap((half, at) =>
    half === '' ? [] : [`${NETWORK_TAGS[at] ?? ''}:${half}`],
  )

export const existingNetworkTag = (dockerId: string): string =>
  `kuryr.net.existing:${dockerId.slice(0, 12)}`
export const EXISTING_POOL_TAG = 'kuryr.subnetpool.existing'
export const EXISTING_PORT_TAG = 'kuryr.port.existing'
export const OWN_PORT_TAG = 'compute:kuryr'

/** Tells a port's owner where its guest is reached; a tag holds no comma. */
export const publishedTag = (published: {
  readonly hostAddress: string
  readonly hostPort: number
  readonly port: number
  readonly protocol: string
}): string =>
  `stackyard.published:${published.hostAddress}:${published.hostPort}->${published.port}/${published.protocol}`

export const isPublishedTag = (tag: string): boolean => tag.startsWith('stackyard.published:')
