import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { PortInfo } from '../../network/face.ts'
import type { Workload } from '../../workload/face.ts'
import type { ContainerDeps } from '../deps.ts'
import type { Container } from './schema.ts'
import { statusOf, type Status } from './status.ts'

/** A container and everything around it that a view shows. */
export interface ContainerParts {
  readonly container: Container
  readonly workload: Workload | undefined
  readonly status: Status
  /** In the order of interfaces. */
  readonly ports: readonly PortInfo[]
}

/** Many at once: one look-up per kind of thing, whatever their number. */
export async function partsOf(
  ctx: Ctx,
  deps: ContainerDeps,
  containers: readonly Container[],
): Promise<readonly ContainerParts[]> {
  if (containers.length === 0) return []
  const workloads = await deps.workload.findMany(
    ctx,
    containers.map(({ id }) => id),
  )
  // the containers of a capsule share its ports
  const devices = [...new Set(containers.map(deviceOf))]
  const ports = Map.groupBy(await deps.network.portsOf(ctx, devices), (port) => port.deviceId)
  const now = ctx.now()
  return containers.map((container) => {
    const workload = workloads.get(container.id)
    return {
      container,
      workload,
      status: statusOf(container, workload, now),
      ports: inOrder(ports.get(deviceOf(container)) ?? [], workload),
    }
  })
}

const deviceOf = (container: Container): string => container.sandboxOf ?? container.id

export async function onePartsOf(
  ctx: Ctx,
  deps: ContainerDeps,
  container: Container,
): Promise<ContainerParts> {
  const [parts] = await partsOf(ctx, deps, [container])
  if (parts === undefined) throw new Error('the parts of one container are one')
  return parts
}

function inOrder(ports: readonly PortInfo[], workload: Workload | undefined): readonly PortInfo[] {
  if (workload === undefined || ports.length < 2) return ports
  const place = new Map(workload.nics.map((nic) => [nic.portId, nic.index]))
  return ports.toSorted((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity))
}
