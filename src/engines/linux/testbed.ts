import { randomBytes, randomUUID } from 'node:crypto'
import { run, tryRun } from '../../kernel/exec/run.ts'
import type { NetworkBed } from '../../ports/contract/network-bed.ts'
import { networkSpec, portSpec } from '../../ports/contract/network-specs.ts'
import type { PortSpec } from '../../ports/network.ts'
import { createLinuxNetwork } from './linux-network.ts'
import { netnsPath } from './names.ts'
import { purgeLinuxNetwork } from './purge.ts'

/** For tests on a real host: a cloud with a tag of its own, plain namespaces as workloads, and an end that leaves nothing. */
export interface LinuxBed extends NetworkBed {
  readonly cloud: string
  network(cidr?: string): Promise<string>
  /** A workload whose `eth0` is a port of the network. */
  guest(networkId: string, address: string, more?: Partial<PortSpec>): Promise<Guest>
  /** The name behind a path that `netns()` gave. */
  nameOf(path: string): string
  /** Runs a busybox applet in a workload; answers its exit code and output. */
  busybox(
    path: string,
    ...words: string[]
  ): Promise<{ code: number; stdout: string; stderr: string }>
  /** Removes a workload's namespace and makes it anew under the same path. */
  remake(path: string): Promise<void>
}

export interface Guest {
  readonly netns: string
  readonly spec: PortSpec
  change(more: Partial<PortSpec>): Promise<void>
}

export async function linuxBed(): Promise<LinuxBed> {
  const cloud = randomBytes(2).toString('hex')
  const port = createLinuxNetwork({ cloud, log: { debug: () => undefined } })
  const made: string[] = []
  const second = randomBytes(2)
  const prefix = `10.${200 + ((second[0] ?? 0) % 50)}.${second[1] ?? 0}`
  // four digits of which the first is none of those that are left out
  const prefix6 = `fd5a:${(second.readUInt16BE() | 0x1000).toString(16)}`
  const netns = async (): Promise<string> => {
    const name = `syt${cloud}-${made.length}`
    made.push(name)
    await run('ip', ['netns', 'add', name])
    return netnsPath(name)
  }
  return {
    cloud,
    port,
    netns,
    network: async (cidr) => {
      const id = randomUUID()
      await port.ensureNetwork(networkSpec(id, cidr))
      return id
    },
    guest: async (networkId, address, more) => {
      const spec = portSpec(networkId, address, more)
      const at = { netns: await netns(), ifname: 'eth0' }
      await port.plug(spec, at)
      return {
        netns: at.netns,
        spec,
        change: async (change) => await port.updatePort({ ...spec, ...change }, at),
      }
    },
    external: {
      cidr: `${prefix}.0/24`,
      gateway: `${prefix}.1`,
      address: `${prefix}.10`,
      floating: `${prefix}.101`,
      six: { cidr: `${prefix6}::/64`, gateway: `${prefix6}::1`, address: `${prefix6}::10` },
    },
    nameOf: (path) => path.split('/').at(-1) ?? '',
    busybox: async (path, ...words) =>
      await tryRun('nsenter', [`--net=${path}`, 'busybox', ...words], { timeoutMs: 10_000 }),
    remake: async (path) => {
      const name = path.split('/').at(-1) ?? ''
      await run('ip', ['netns', 'del', name])
      await run('ip', ['netns', 'add', name])
    },
    close: async () => {
      await port.close()
      await purgeLinuxNetwork(cloud)
      for (const name of made) await tryRun('ip', ['netns', 'del', name])
    },
  }
}
