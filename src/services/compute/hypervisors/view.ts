import { atLeast } from '../../../kernel/http/microversion.ts'
import { stateOf, statusOf } from '../os-services/schema.ts'
import { hostAddress, uptimeText, versionNumber, type Node } from './node.ts'

/** A server as the hypervisor's views show it. */
export type NamedServer = { readonly uuid: string; readonly name: string }

/** As in lists without details. */
export function nodeSummary(version: string, node: Node): Record<string, unknown> {
  return {
    id: atLeast(version, '2.53') ? node.uuid : node.number,
    hypervisor_hostname: node.hostName,
    state: node.service === undefined ? 'up' : stateOf(node.service),
    status: node.service === undefined ? 'enabled' : statusOf(node.service),
  }
}

/** The servers of a host; an empty list was left out until 2.75. `undefined`: nobody asked for them. */
export function serversView(
  version: string,
  servers: readonly NamedServer[] | undefined,
): Record<string, unknown> {
  if (servers === undefined || (servers.length === 0 && !atLeast(version, '2.75'))) return {}
  return { servers: servers.map(({ uuid, name }) => ({ uuid, name })) }
}

/** As in `GET /os-hypervisors/{id}`. */
export function nodeView(version: string, node: Node, now: Date): Record<string, unknown> {
  const { info, service } = node
  return {
    ...nodeSummary(version, node),
    hypervisor_type: info.kind,
    hypervisor_version: versionNumber(info.engineVersion),
    host_ip: hostAddress(),
    service: {
      host: node.hostName,
      id: (atLeast(version, '2.53') ? service?.uuid : service?.number) ?? null,
      disabled_reason: service?.disabledReason ?? null,
    },
    // 2.88 moved the measures to the placement service
    ...(atLeast(version, '2.88')
      ? { uptime: uptimeText(now, info.uptimeSeconds) }
      : { ...figures(node), cpu_info: cpuInfo(version, node) }),
  }
}

/** Measures of a host in Nova's names; sums over all hosts have the same ones. */
export function figures({ info }: Node): Record<string, number> {
  const vcpusUsed = Math.ceil(info.usedVcpus)
  return {
    vcpus: Math.floor(info.vcpus),
    vcpus_used: vcpusUsed,
    memory_mb: Math.floor(info.memoryMiB),
    memory_mb_used: Math.ceil(info.usedMemoryMiB),
    free_ram_mb: Math.floor(info.memoryMiB) - Math.ceil(info.usedMemoryMiB),
    local_gb: Math.floor(info.diskGiB),
    local_gb_used: Math.ceil(info.usedDiskGiB),
    free_disk_gb: Math.floor(info.diskGiB) - Math.ceil(info.usedDiskGiB),
    disk_available_least: Math.floor(info.diskFreeGiB),
    running_vms: info.running,
    current_workload: 0,
  }
}

/** JSON as text until 2.27, an object after. */
function cpuInfo(version: string, { info }: Node): unknown {
  const cpu = {
    arch: info.architecture,
    topology: { sockets: 1, cores: Math.floor(info.vcpus), threads: 1 },
    features: [],
  }
  return atLeast(version, '2.28') ? cpu : JSON.stringify(cpu)
}
