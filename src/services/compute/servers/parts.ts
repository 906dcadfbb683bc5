import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { PortInfo } from '../../network/face.ts'
import type { WorkloadState } from '../../workload/face.ts'
import { zoneOfHost } from '../availability-zones/zones.ts'
import type { ComputeDeps } from '../deps.ts'
import type { Server } from './schema.ts'
import { statusOf, type Status } from './status.ts'
import { tagsOf } from './store.ts'

/** A server and everything around it that a view shows. */
export interface ServerParts {
  readonly server: Server
  readonly workload: WorkloadState | undefined
  readonly status: Status
  /** In the order of interfaces. */
  readonly ports: readonly PortInfo[]
  readonly tags: readonly string[]
  /** Availability zone of its host. */
  readonly zone: string
}

/** Many at once: one look-up per kind of thing, whatever their number. */
export async function partsOf(
  ctx: Ctx,
  deps: ComputeDeps,
  servers: readonly Server[],
  version: string,
): Promise<readonly ServerParts[]> {
  if (servers.length === 0) return []
  const ids = servers.map((server) => server.id)
  const workloads = await deps.workload.statesOf(ctx, ids)
  const ports = Map.groupBy(await deps.network.portsOf(ctx, ids), (port) => port.deviceId)
  const tags = atLeast(version, '2.26')
    ? await tagsOf(ctx, ids)
    : new Map<string, readonly string[]>()
  const zones = new Map<string, string>()
  for (const host of new Set(servers.map((server) => server.host)))
    zones.set(host, await zoneOfHost(ctx, host))
  return servers.map((server) => {
    const workload = workloads.get(server.id)
    return {
      server,
      workload,
      status: statusOf(server, workload),
      ports: inOrder(ports.get(server.id) ?? [], workload),
      tags: tags.get(server.id) ?? [],
      zone: zones.get(server.host) ?? deps.zone,
    }
  })
}

export async function onePartsOf(
  ctx: Ctx,
  deps: ComputeDeps,
  server: Server,
  version: string,
): Promise<ServerParts> {
  const [parts] = await partsOf(ctx, deps, [server], version)
  if (parts === undefined) throw new Error('the parts of one server are one')
  return parts
}

export function inOrder(
  ports: readonly PortInfo[],
  workload: WorkloadState | undefined,
): readonly PortInfo[] {
  if (workload === undefined || ports.length < 2) return ports
  const place = new Map(workload.nics.map((nic) => [nic.portId, nic.index]))
  return ports.toSorted((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity))
}
