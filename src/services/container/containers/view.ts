import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import type { PortInfo } from '../../network/face.ts'
import { linksOf } from '../wire/links.ts'
import { mayDo } from '../wire/policy.ts'
import type { ContainerParts } from './parts.ts'
import { zunTime, zunTimeOrNull } from '../wire/times.ts'

export type ContainerView = Readonly<Record<string, unknown>>

/** Fields that only those see whom a rule `get_one:<field>` allows to. */
const HIDDEN = ['host', 'image_pull_policy', 'privileged', 'runtime'] as const

/** Fields that came with a later version than the first. */
const SINCE: Readonly<Record<string, string>> = { registry_id: '1.31', entrypoint: '1.40' }

/** How this asker sees containers: made once per answer. */
export function viewer(
  ctx: Ctx,
  req: Pick<Req, 'serviceUrl' | 'version'>,
): (parts: ContainerParts) => ContainerView {
  const hidden = new Set<string>([
    ...HIDDEN.filter((field) => !mayDo(ctx, `container:get_one:${field}`)),
    ...Object.keys(SINCE).filter((field) => !atLeast(req.version, SINCE[field] ?? '1.1')),
  ])
  return (parts) =>
    Object.fromEntries(
      Object.entries({
        ...wished(parts),
        ...sized(parts),
        ...seen(parts),
        links: linksOf(req, 'containers', parts.container.id),
      }).filter(([field]) => !hidden.has(field)),
    )
}

function wished({ container }: ContainerParts) {
  return {
    uuid: container.id,
    user_id: container.userId,
    project_id: container.projectId,
    name: container.name,
    image: container.image,
    image_driver: container.imageDriver,
    image_pull_policy: container.imagePullPolicy,
    registry_id: container.registryId,
    command: container.command,
    entrypoint: container.entrypoint,
    environment: container.environment,
    labels: container.labels,
    workdir: container.workdir,
    hostname: container.hostname,
    interactive: container.interactive,
    tty: container.tty,
    restart_policy: container.restartPolicy,
    healthcheck: container.healthcheck,
    auto_remove: container.autoRemove,
    auto_heal: container.autoHeal,
    privileged: container.privileged,
    runtime: container.runtime,
    created_at: zunTime(container.createdAt),
    updated_at: zunTime(container.updatedAt),
  }
}

function sized({ container }: ContainerParts) {
  return {
    cpu: container.cpu,
    cpu_policy: container.cpuPolicy,
    // Zun keeps it as text
    memory: String(container.memoryMiB),
    disk: container.diskGiB,
    host: container.host,
  }
}

function seen({ container, workload, status, ports }: ContainerParts) {
  return {
    status: status.status,
    status_reason: status.reason,
    status_detail: status.detail,
    task_state: status.taskState,
    addresses: addressesOf(ports),
    ports: container.exposedPorts.map((key) => Number(key.split('/')[0])),
    security_groups: [...new Set(ports.flatMap((port) => port.securityGroups.map(({ id }) => id)))],
    // ours, beyond Zun: what it is, how its process ended, and what of the host leads to it
    kind: container.kind,
    restart_count: workload?.restarts ?? 0,
    health: workload?.health ?? null,
    exit_code: workload?.exitCode ?? null,
    oom_killed: workload?.oomKilled ?? false,
    started_at: zunTimeOrNull(workload?.startedAt),
    finished_at: zunTimeOrNull(workload?.finishedAt),
    published_ports: container.publishedPorts,
  }
}

interface Address {
  readonly addr: string
  readonly version: number
  readonly port: string
  readonly subnet_id: string
  readonly preserve_on_delete: boolean
}

/** By network, every address of every port. */
export function addressesOf(ports: readonly PortInfo[]): Record<string, Address[]> {
  const networks: Record<string, Address[]> = {}
  for (const port of ports) {
    const addresses = port.fixedIps.map((ip) => ({
      addr: ip.address,
      version: ip.version,
      port: port.id,
      subnet_id: ip.subnetId,
      preserve_on_delete: !port.owned,
    }))
    networks[port.networkId] = [...(networks[port.networkId] ?? []), ...addresses]
  }
  return networks
}
