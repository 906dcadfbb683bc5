import { randomBytes } from 'node:crypto'
import type { FakeDockerPlugin } from '../../../engines/fake/docker-plugin.ts'
import type { PluginAnswer, PluginMethod } from '../../../ports/docker-plugin.ts'

/** Calls the plugin as the Docker Engine does: in its order, undoing what it began when a call fails. For tests. */

interface Pool {
  readonly id: string
  readonly cidr: string
  readonly gateway: string
  readonly v6: boolean
}

export interface TestDockerNetwork {
  readonly id: string
  readonly pools: readonly Pool[]
}

export interface TestContainer {
  readonly network: TestDockerNetwork
  readonly endpoint: string
  readonly sandbox: string
  /** With the length of the prefix. */
  readonly addresses: readonly string[]
  readonly mac: string
  /** The answer to Join. */
  readonly joined: PluginAnswer
}

export interface NetworkWish {
  readonly subnets?: readonly string[]
  readonly gateway?: string
  readonly ipRange?: string
  readonly ipv6?: boolean
  /** `-o` */
  readonly options?: Readonly<Record<string, string>>
  /** `--ipam-opt` */
  readonly ipam?: Readonly<Record<string, string>>
  readonly aux?: Readonly<Record<string, string>>
  readonly internal?: boolean
  /** `--ipam-driver default`: these are Docker's own. */
  readonly ipamOfDocker?: readonly { readonly Pool: string; readonly Gateway: string }[]
}

export interface ContainerWish {
  readonly ip?: string
  readonly ip6?: string
  readonly mac?: string
  readonly expose?: readonly { readonly Proto: number; readonly Port: number }[]
  readonly publish?: readonly { readonly Port: number; readonly HostPort: number }[]
  /** `--driver-opt` of the endpoint. */
  readonly options?: Readonly<Record<string, string>>
  readonly sandbox?: string
}

interface Held {
  readonly pool: Pool
  readonly address: string
}

const optionsOf = (wish: ContainerWish): object => ({
  'com.docker.network.endpoint.exposedports': wish.expose ?? [],
  'com.docker.network.portmap': (wish.publish ?? []).map((each) => ({
    Proto: 6,
    IP: '',
    HostIP: '',
    HostPortEnd: each.HostPort,
    ...each,
  })),
  ...wish.options,
})

const newId = (): string => randomBytes(32).toString('hex')

export class TestDocker {
  readonly #plugin: FakeDockerPlugin
  /** Every call is made this often: the door did not hear the first answer. */
  times = 1
  /** A call that fails is sent once more: the cloud died in the middle of it, and the door sends it to the next one. */
  resends = false

  constructor(plugin: FakeDockerPlugin) {
    this.#plugin = plugin
    plugin.view = { networks: [] }
  }

  async call(method: PluginMethod, payload: unknown): Promise<PluginAnswer> {
    const id = newId()
    const send = async (): Promise<PluginAnswer> => await this.#plugin.call(method, payload, id)
    let answer = await (this.resends ? send().catch(send) : send())
    for (let time = 1; time < this.times; time++) answer = await send()
    return answer
  }

  async createNetwork(wish: NetworkWish = {}): Promise<TestDockerNetwork> {
    const id = newId()
    const pools: Pool[] = []
    try {
      if (wish.ipamOfDocker === undefined)
        for (const [at, subnet] of (wish.subnets ?? ['']).entries())
          pools.push(await this.#requestPool(wish, subnet, at === 0 ? wish.gateway : undefined))
      if (wish.ipv6 === true && !pools.some(({ v6 }) => v6))
        pools.push(await this.#requestPool({ ...wish, ipRange: '' }, '', undefined, true))
      const dataOf = (v6: boolean): unknown[] =>
        pools
          .filter((pool) => pool.v6 === v6)
          .map((pool, at) => ({
            Pool: pool.cidr,
            Gateway: pool.gateway,
            ...(at === 0 && !v6 && wish.aux !== undefined ? { AuxAddresses: wish.aux } : {}),
          }))
      await this.call('NetworkDriver.CreateNetwork', {
        NetworkID: id,
        IPv4Data: wish.ipamOfDocker ?? dataOf(false),
        IPv6Data: dataOf(true),
        Options: {
          'com.docker.network.enable_ipv6': wish.ipv6 === true,
          ...(wish.internal === true ? { 'com.docker.network.internal': true } : {}),
          'com.docker.network.generic': wish.options ?? {},
        },
      })
    } catch (error) {
      await this.#releasePools(pools)
      throw error
    }
    this.#see((networks) => [...networks, { id, endpoints: [] }])
    return { id, pools }
  }

  async #requestPool(
    wish: NetworkWish,
    subnet: string,
    gateway: string | undefined,
    v6 = subnet.includes(':'),
  ): Promise<Pool> {
    const pool = await this.call('IpamDriver.RequestPool', {
      AddressSpace: 'stackyard_local',
      Pool: subnet,
      SubPool: v6 ? '' : (wish.ipRange ?? ''),
      Options: wish.ipam ?? null,
      V6: v6,
    })
    const id = String(pool['PoolID'])
    try {
      const given = await this.call('IpamDriver.RequestAddress', {
        PoolID: id,
        Address: gateway ?? '',
        Options: { RequestAddressType: 'com.docker.network.gateway' },
      })
      return { id, cidr: String(pool['Pool']), gateway: String(given['Address']), v6 }
    } catch (error) {
      await this.call('IpamDriver.ReleasePool', { PoolID: id })
      throw error
    }
  }

  async #releasePools(pools: readonly Pool[]): Promise<void> {
    for (const pool of pools) {
      await this.#release(pool, pool.gateway)
      await this.call('IpamDriver.ReleasePool', { PoolID: pool.id })
    }
  }

  async #release(pool: Pool, address: string): Promise<void> {
    const Address = address.split('/')[0] ?? ''
    await this.call('IpamDriver.ReleaseAddress', { PoolID: pool.id, Address })
  }

  async removeNetwork(network: TestDockerNetwork): Promise<void> {
    await this.call('NetworkDriver.DeleteNetwork', { NetworkID: network.id })
    await this.#releasePools(network.pools)
    this.#see((networks) => networks.filter(({ id }) => id !== network.id))
  }

  async run(network: TestDockerNetwork, wish: ContainerWish = {}): Promise<TestContainer> {
    const endpoint = newId()
    const options = optionsOf(wish)
    const end = { NetworkID: network.id, EndpointID: endpoint }
    const held: Held[] = []
    try {
      for (const pool of network.pools) held.push(await this.#requestAddress(pool, wish))
      const mac = await this.#createEndpoint(end, held, wish, options)
      const sandbox = wish.sandbox ?? `/var/run/docker/netns/${newId().slice(0, 12)}`
      const joined = await this.#join(end, sandbox, options)
      this.#plugin.alive.add(sandbox)
      this.#endpoints(network, (all) => [...all, endpoint])
      const addresses = held.map(({ address }) => address)
      return { network, endpoint, sandbox, mac, joined, addresses }
    } catch (error) {
      for (const { pool, address } of held) await this.#release(pool, address)
      throw error
    }
  }

  async #requestAddress(pool: Pool, wish: ContainerWish): Promise<Held> {
    const asked = (pool.v6 ? wish.ip6 : wish.ip) ?? ''
    const payload = { PoolID: pool.id, Address: asked, Options: null }
    const { Address } = await this.call('IpamDriver.RequestAddress', payload)
    return { pool, address: String(Address) }
  }

  /** Answers the MAC. */
  async #createEndpoint(
    end: object,
    held: readonly Held[],
    wish: ContainerWish,
    options: object,
  ): Promise<string> {
    const find = (v6: boolean): string | undefined =>
      held.find(({ pool }) => pool.v6 === v6)?.address
    const { Interface } = await this.call('NetworkDriver.CreateEndpoint', {
      ...end,
      Interface: {
        Address: find(false) ?? wish.ip ?? '',
        AddressIPv6: find(true) ?? '',
        MacAddress: wish.mac ?? '',
      },
      Options: options,
    })
    return (Interface as { MacAddress: string } | undefined)?.MacAddress ?? wish.mac ?? ''
  }

  async #join(end: object, sandbox: string, options: object): Promise<PluginAnswer> {
    try {
      const joined = await this.call('NetworkDriver.Join', {
        ...end,
        SandboxKey: sandbox,
        Options: options,
      })
      if (joined['Gateway'] !== undefined)
        await this.call('NetworkDriver.ProgramExternalConnectivity', { ...end, Options: options })
      await this.call('NetworkDriver.EndpointOperInfo', end)
      return joined
    } catch (error) {
      await this.call('NetworkDriver.Leave', end)
      await this.call('NetworkDriver.DeleteEndpoint', end)
      throw error
    }
  }

  async stop(container: TestContainer): Promise<void> {
    const { network, endpoint, sandbox, addresses } = container
    const end = { NetworkID: network.id, EndpointID: endpoint }
    this.vanish(container)
    await this.call('NetworkDriver.RevokeExternalConnectivity', end)
    await this.call('NetworkDriver.Leave', end)
    await this.call('NetworkDriver.DeleteEndpoint', end)
    this.#plugin.alive.delete(sandbox)
    for (const address of addresses) {
      const pool = network.pools.find(({ v6 }) => v6 === address.includes(':'))
      if (pool !== undefined) await this.#release(pool, address)
    }
  }

  /** As if the Docker Engine had died with it and had forgotten it. */
  vanish({ network, endpoint, sandbox }: TestContainer): void {
    this.#plugin.alive.delete(sandbox)
    this.#endpoints(network, (all) => all.filter((each) => each !== endpoint))
  }

  /** The same for a network. */
  forget(network: TestDockerNetwork): void {
    this.#see((networks) => networks.filter(({ id }) => id !== network.id))
  }

  #endpoints(
    network: TestDockerNetwork,
    change: (all: readonly string[]) => readonly string[],
  ): void {
    this.#see((networks) =>
      networks.map((each) =>
        each.id === network.id ? { ...each, endpoints: change(each.endpoints) } : each,
      ),
    )
  }

  #see(change: (networks: Seen) => Seen): void {
    this.#plugin.view = { networks: change(this.#plugin.view?.networks ?? []) }
  }
}

type Seen = readonly { readonly id: string; readonly endpoints: readonly string[] }[]
