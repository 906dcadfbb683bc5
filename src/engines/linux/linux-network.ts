import type { NetworkPort } from '../../ports/network.ts'
import { Externals } from './external.ts'
import { listHoldings } from './listing.ts'
import { MetadataDoors } from './metadata.ts'
import { namesOf } from './names.ts'
import { Namespaces } from './namespaces.ts'
import { Networks } from './network.ts'
import { Ports } from './port.ts'
import { Routers } from './router.ts'
import { Serial } from './serial.ts'

/** What the engine says while it works; pino's logger is one. */
export interface NetworkLog {
  debug(details: object, message: string): void
}

export interface LinuxNetworkConfig {
  /** The cloud's tag: four hex digits that everything on the host carries. */
  readonly cloud: string
  readonly log: NetworkLog
}

/** The network port on bridges, namespaces and nftables of this host. Needs root. */
export function createLinuxNetwork(config: LinuxNetworkConfig): NetworkPort {
  const names = namesOf(config.cloud)
  const namespaces = new Namespaces()
  const networks = new Networks(namespaces, names)
  const externals = new Externals(namespaces, names)
  const routers = new Routers(namespaces, names, networks, externals)
  const ports = new Ports(namespaces, networks)
  const doors = new MetadataDoors(namespaces, names)
  const serial = new Serial()
  const timed = async (what: string, id: string, work: () => Promise<void>): Promise<void> => {
    const start = performance.now()
    await serial.run(`${what.split(' ')[1] ?? what} ${id}`, work)
    config.log.debug({ id, ms: Math.round(performance.now() - start) }, what)
  }
  return {
    kind: 'linux',
    ensureNetwork: (spec) => timed('ensure network', spec.id, () => networks.ensure(spec)),
    removeNetwork: (id) =>
      timed('remove network', id, async () => {
        await doors.close(id)
        await networks.remove(id)
      }),
    ensureExternal: (spec) => timed('ensure external', spec.networkId, () => externals.ensure(spec)),
    removeExternal: (id) => timed('remove external', id, () => externals.remove(id)),
    ensureRouter: (spec) => timed('ensure router', spec.id, () => routers.ensure(spec)),
    removeRouter: (id) => timed('remove router', id, () => routers.remove(id)),
    plug: (port, at) => timed('plug port', port.id, () => ports.plug(port, at)),
    updatePort: (port, at) => timed('update port', port.id, () => ports.plug(port, at)),
    unplug: (portId, networkId) => timed('unplug port', portId, () => ports.unplug(portId, networkId)),
    pluggedPorts: (networkId) => ports.plugged(networkId),
    ensureSecurityGroup: (networkId, group) =>
      timed('write group', `${networkId} ${group.id}`, () => networks.segment(networkId).writeGroup(group)),
    removeSecurityGroup: (networkId, groupId) =>
      timed('forget group', `${networkId} ${groupId}`, async () => {
        if (networks.has(networkId)) await networks.segment(networkId).forgetGroup(groupId)
      }),
    list: () => listHoldings(namespaces, names),
    serveMetadata: (networkId, accept) => timed('serve metadata', networkId, () => doors.serve(networkId, accept)),
    close: async () => {
      await doors.closeAll()
      await namespaces.close()
    },
  }
}
