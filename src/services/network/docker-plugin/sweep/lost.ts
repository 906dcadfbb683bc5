import type { PluginView } from '../../../../ports/docker-plugin.ts'
import type { AddressTable, DockerNetworkTable, EndpointTable, PoolTable } from '../tables.ts'

export interface Held {
  readonly networks: readonly DockerNetworkTable[]
  readonly pools: readonly PoolTable[]
  readonly endpoints: readonly EndpointTable[]
  readonly addresses: readonly AddressTable[]
}

/** Rows that nobody seems to want. */
export type Lost = Held

/**
 * What Docker does not have (any more); pure. Several Docker Engines may share the driver and only one can be asked: of networks
 * that it never knew, its not knowing them means nothing.
 */
export function lostOf(held: Held, view: PluginView, alive: ReadonlySet<string>): Lost {
  const known = new Map(view.networks.map(({ id, endpoints }) => [id, new Set(endpoints)]))
  const gone = held.networks.filter(({ id, seen }) => seen === 1 && !known.has(id))
  const goneIds = new Set(gone.map(({ id }) => id))
  const asked = new Set(held.networks.filter(({ seen }) => seen === 1).map(({ id }) => id))
  const isLost = ({ id, docker_network: network, sandbox }: EndpointTable): boolean => {
    if (goneIds.has(network)) return true
    if (known.get(network)?.has(id) === true) return false
    return sandbox === null || (asked.has(network) && !alive.has(sandbox))
  }
  const networkIds = new Set(held.networks.map(({ id }) => id))
  const inUse = new Set(held.endpoints.map(({ port_id }) => port_id))
  return {
    networks: gone,
    endpoints: held.endpoints.filter(isLost),
    // before there is an endpoint, and after: Docker asks for the address first and gives it back last
    addresses: held.addresses.filter(
      ({ kind, port_id: port }) => kind === 'guest' && (port === null || !inUse.has(port)),
    ),
    pools: held.pools.filter(
      ({ docker_network: network }) => network === null || !networkIds.has(network),
    ),
  }
}
