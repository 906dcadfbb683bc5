/** A network in memory, for compute's tests: ports that are made, plugged and released. */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { whoOf } from '../../kernel/ctx/ctx.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import { projectIdOf } from '../../kernel/testkit/test-app.ts'
import type {
  NetworkFace,
  NetworkInfo,
  NewPort,
  NewRule,
  PortInfo,
  SecurityGroupInfo,
} from '../network/face.ts'

export const NETWORK = 'aaaaaaaa-0000-4000-8000-000000000000'

type Accept = Parameters<NetworkFace['onMetadata']>[0]

export interface MemoryNetwork {
  readonly face: NetworkFace
  readonly ports: Map<string, PortInfo>
  readonly groups: Map<string, SecurityGroupInfo>
  readonly networks: NetworkInfo[]
  /** A connection from a guest to its metadata address. */
  connect(...connection: Parameters<Accept>): void
}

const sayNo = (): never => {
  throw new Error('the network in memory cannot do this')
}

const GROUP = { id: '99999999-0000-4000-8000-000000000001', name: 'default' }

const noFloatingIps = {
  listFloatingIps: async () => await Promise.resolve([]),
  createFloatingIp: sayNo,
  deleteFloatingIp: sayNo,
  associateFloatingIp: sayNo,
}

/** As much of Neutron as servers ask for. */
export function memoryNetwork(): MemoryNetwork {
  const store = new Ports()
  const { ports } = store
  let accept: Accept = sayNo
  const face: NetworkFace = {
    listNetworks: async () => await Promise.resolve(store.networks),
    findNetwork: async (_ctx, id) =>
      await Promise.resolve(store.networks.find((network) => network.id === id)),
    allocateNetwork: async () => await Promise.resolve(store.allocate()),
    createPort: async (ctx, wish) =>
      await Promise.resolve(store.make(wish, whoOf(ctx).projectId ?? '')),
    claimPort: async (_ctx, id, { deviceId, dnsName }) =>
      await Promise.resolve(
        store.change(id, { deviceId, ...(dnsName === undefined ? {} : { dnsName }) }),
      ),
    findPort: async (_ctx, id) => await Promise.resolve(ports.get(id)),
    async portsOf(_ctx, ids) {
      const wanted = new Set(ids)
      return await Promise.resolve([...ports.values()].filter((port) => wanted.has(port.deviceId)))
    },
    releasePort: async (_ctx, id) => await Promise.resolve(store.release(id)),
    plugPort: async (_ctx, id) =>
      void (await Promise.resolve(store.change(id, { status: 'ACTIVE' }))),
    unplugPort: async (_ctx, id) =>
      void (await Promise.resolve(ports.has(id) && store.change(id, { status: 'DOWN' }))),
    pluggedPorts: async (_ctx, ids) =>
      await Promise.resolve(ids.filter((id) => ports.get(id)?.status === 'ACTIVE')),
    publishPorts: async (_ctx, _id, wishes) => await Promise.resolve(wishes.map(published)),
    onMetadata: (handler) => void (accept = handler),
    portAt: async (_ctx, networkId, address) => await Promise.resolve(store.at(networkId, address)),
    ...groups(store),
  }
  return {
    face,
    ports,
    groups: store.groups,
    networks: store.networks,
    connect: (socket: Socket, from) => accept(socket, from),
  }
}

function published(
  wish: Parameters<NetworkFace['publishPorts']>[2][number],
): Awaited<ReturnType<NetworkFace['publishPorts']>>[number] {
  const { protocol, port, hostPort = 0 } = wish
  const chosen = hostPort === 0 ? 40_000 + port : hostPort
  return { protocol, port, hostAddress: '0.0.0.0', hostPort: chosen }
}

class Ports {
  readonly ports = new Map<string, PortInfo>()
  readonly networks: NetworkInfo[] = [
    {
      id: NETWORK,
      name: 'private',
      projectId: projectIdOf('demo'),
      shared: true,
      external: false,
      mtu: 1450,
      portSecurity: true,
      subnetIds: ['s'],
      createdAt: '2026-01-01T00:00:00.000Z',
    },
  ]
  readonly groups = new Map<string, SecurityGroupInfo>()
  readonly #owned = new Set<string>()
  #next = 10

  allocate(): NetworkInfo {
    const network: NetworkInfo = {
      id: randomUUID(),
      name: 'auto_allocated_network',
      projectId: projectIdOf('demo'),
      shared: false,
      external: false,
      mtu: 1450,
      portSecurity: true,
      subnetIds: ['s'],
      createdAt: '2026-01-01T00:00:00.000Z',
    }
    this.networks.push(network)
    return network
  }

  make(wish: NewPort, projectId: string): PortInfo {
    const address = wish.fixedIps?.[0] ?? `10.0.0.${this.#next}`
    this.#next++
    const port: PortInfo = {
      id: randomUUID(),
      name: wish.name,
      networkId: wish.networkId,
      networkName: this.networks.find((one) => one.id === wish.networkId)?.name ?? '',
      projectId,
      deviceId: wish.deviceId,
      mac: `fa:16:3e:00:00:${(this.#next % 256).toString(16).padStart(2, '0')}`,
      mtu: 1450,
      dnsName: wish.dnsName ?? '',
      dnsDomain: 'openstacklocal',
      status: 'DOWN',
      owned: wish.owned,
      floatingIps: [],
      fixedIps: [
        {
          subnetId: 'bbbbbbbb-0000-4000-8000-000000000000',
          address,
          version: 4,
          cidr: '10.0.0.0/24',
          gateway: '10.0.0.1',
          dns: ['10.0.0.2'],
        },
      ],
      securityGroups: (wish.securityGroupIds ?? [GROUP.id]).map((id) => ({
        id,
        name: id === GROUP.id ? GROUP.name : id,
      })),
    }
    this.ports.set(port.id, port)
    if (wish.owned) this.#owned.add(port.id)
    return port
  }

  change(id: string, to: Partial<PortInfo>): PortInfo {
    const port = this.ports.get(id)
    if (port === undefined) throw cloudError('notFound', `Port ${id} could not be found.`)
    const changed = { ...port, ...to }
    this.ports.set(id, changed)
    return changed
  }

  release(id: string): void {
    if (this.#owned.has(id)) this.ports.delete(id)
    else if (this.ports.has(id)) this.change(id, { deviceId: '', dnsName: '', status: 'DOWN' })
  }

  at(networkId: string, address: string): PortInfo | undefined {
    return [...this.ports.values()].find(
      (port) => port.networkId === networkId && port.fixedIps.some((ip) => ip.address === address),
    )
  }
}

/** One security group, `default`. */
function groups(store: Ports) {
  const info = { ...GROUP, description: '', projectId: projectIdOf('demo'), rules: [] }
  return {
    resolveSecurityGroup: async (_ctx: unknown, name: string) => {
      if (name !== GROUP.id && name !== GROUP.name)
        throw cloudError('notFound', `Security group ${name} not found.`)
      return await Promise.resolve(info)
    },
    listSecurityGroups: async () => await Promise.resolve([info]),
    setPortSecurityGroups: async (_ctx: unknown, id: string, groupIds: readonly string[]) =>
      void (await Promise.resolve(
        store.change(id, {
          securityGroups: groupIds.map((groupId) => ({ id: groupId, name: GROUP.name })),
        }),
      )),
    ...madeGroups(store),
    ...noFloatingIps,
    updateSecurityGroup: sayNo,
    deleteSecurityGroupRule: sayNo,
  }
}

/** Groups that are made beside it; they go only when no port has them. */
function madeGroups(store: Ports) {
  return {
    createSecurityGroup: async (
      _ctx: unknown,
      { name, description }: { readonly name: string; readonly description: string },
    ) => {
      const group = { id: randomUUID(), name, description, projectId: '', rules: [] }
      store.groups.set(group.id, group)
      return await Promise.resolve(group)
    },
    createSecurityGroupRule: async (_ctx: unknown, rule: NewRule) => {
      const group = store.groups.get(rule.groupId)
      if (group === undefined) throw cloudError('notFound', 'There is no such group.')
      const made = { ...rule, id: randomUUID() }
      store.groups.set(group.id, { ...group, rules: [...group.rules, made] })
      return await Promise.resolve(made)
    },
    deleteSecurityGroup: async (_ctx: unknown, id: string) => {
      const used = [...store.ports.values()].some((port) =>
        port.securityGroups.some((group) => group.id === id),
      )
      if (used) throw cloudError('conflict', `Security group ${id} is in use.`)
      return await Promise.resolve(void store.groups.delete(id))
    },
  }
}
