import { Type } from '../../../kernel/schema/type.ts'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { Stats } from '../../../ports/compute.ts'
import type { ComputeDeps } from '../deps.ts'
import { getServer, type LiveServer } from './act.ts'
import { inOrder } from './parts.ts'
import { statusOf } from './status.ts'
import { onServer } from './on-server.ts'

const ServerId = Type.Object({ id: Type.String() })
const BYTES_PER_KIB = 1024
const BYTES_PER_MIB = 1024 * 1024

/** What a running server uses, now. */
export function diagnosticsRoutes(deps: ComputeDeps): readonly Route[] {
  return [
    route({
      ...onServer('GET', '/diagnostics', 'os-server-diagnostics', 'Show diagnostics'),
      until: '2.47',
      // free words, as each driver of old had its own
      handle: async (ctx, { params }) => {
        const { stats } = await measure(ctx, deps, params.id)
        return {
          cpu0_time: stats?.cpuNs ?? 0,
          memory: Math.round((stats?.memoryLimitBytes ?? 0) / BYTES_PER_KIB),
          'memory-actual': Math.round((stats?.memoryBytes ?? 0) / BYTES_PER_KIB),
          processes: stats?.pids ?? 0,
        }
      },
    }),
    route({
      ...onServer('GET', '/diagnostics', 'os-server-diagnostics', 'Show diagnostics'),
      since: '2.48',
      handle: async (ctx, { params }) =>
        await diagnosticsView(ctx, deps, await measure(ctx, deps, params.id)),
    }),
    route({
      method: 'GET',
      path: '/v2.1/servers/:id/topology',
      since: '2.78',
      policy: 'compute:server:topology:index',
      params: ServerId,
      summary: 'Show the NUMA topology',
      // containers are not bound to NUMA nodes
      handle: async (ctx, { params }) => {
        await getServer(ctx, params.id)
        return { nodes: [], pagesize_kb: null }
      },
    }),
  ]
}

type Measured = LiveServer & { readonly stats: Stats | undefined }

async function measure(ctx: Ctx, deps: ComputeDeps, id: string): Promise<Measured> {
  const server = await getServer(ctx, id)
  const workload = await deps.workload.find(ctx, id)
  const status = statusOf(server, workload)
  if (workload === undefined || (server.launchedAt === null && status.vmState === 'building')) {
    throw cloudError('conflict', `Instance ${id} is not ready: it has never run.`)
  }
  const stats =
    workload.seen === 'running' || workload.seen === 'paused'
      ? await deps.workload.stats(ctx, id)
      : undefined
  return { server, workload, status, stats }
}

const STATES: Readonly<Record<string, string>> = {
  active: 'running',
  paused: 'paused',
  suspended: 'suspended',
  building: 'pending',
  error: 'crashed',
}

const unmeasured = (keys: readonly string[]): Record<string, null> =>
  Object.fromEntries(keys.map((key) => [key, null]))
const UNMEASURED_NIC = unmeasured([
  'rx_octets',
  'rx_errors',
  'rx_drop',
  'rx_packets',
  'rx_rate',
  'tx_octets',
  'tx_errors',
  'tx_drop',
  'tx_packets',
  'tx_rate',
])
const UNMEASURED_DISK = unmeasured([
  'read_bytes',
  'read_requests',
  'write_bytes',
  'write_requests',
  'errors_count',
])

async function diagnosticsView(
  ctx: Ctx,
  deps: ComputeDeps,
  { server, workload, status, stats }: Measured,
): Promise<Record<string, unknown>> {
  const info = await deps.workload.hostInfo(ctx)
  const ports = inOrder(await deps.network.portsOf(ctx, [server.id]), workload)
  const running = stats !== undefined && workload.startedAt !== null
  return {
    state: STATES[status.vmState] ?? (workload.seen === 'running' ? 'running' : 'shutdown'),
    // the API's closed list of drivers has no word for containers but this (Nova ran LXC with it); `hypervisor` tells the truth
    driver: 'libvirt',
    hypervisor: info.kind,
    hypervisor_os: 'linux',
    uptime: running
      ? Math.max(0, Math.round((ctx.now().getTime() - Date.parse(workload.startedAt ?? '')) / 1000))
      : null,
    config_drive: server.configDrive,
    num_cpus: server.vcpus,
    num_nics: ports.length,
    num_disks: 1,
    memory_details: {
      maximum: Math.round(
        (stats?.memoryLimitBytes ?? server.ramMiB * BYTES_PER_MIB) / BYTES_PER_MIB,
      ),
      used: stats === undefined ? null : Math.round(stats.memoryBytes / BYTES_PER_MIB),
    },
    // time is counted for the container as a whole
    cpu_details: stats === undefined ? [] : [{ id: null, time: stats.cpuNs, utilisation: null }],
    nic_details: ports.map((port) => ({ mac_address: port.mac, ...UNMEASURED_NIC })),
    disk_details: [UNMEASURED_DISK],
  }
}
