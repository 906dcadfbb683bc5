import type { PortInfo } from '../../network/face.ts'
import type { NewWorkload, Power, WorkloadImage } from '../../workload/face.ts'
import { limitsOf } from './limits.ts'
import { processOf } from './process.ts'
import type { Container } from './schema.ts'

/** The workload of a new container. */
export function newWorkload(
  container: Container,
  image: WorkloadImage,
  ports: readonly PortInfo[],
  power: Power,
): NewWorkload {
  return {
    id: container.id,
    projectId: container.projectId,
    ownerKind: 'container.container',
    name: container.name,
    image,
    limits: limitsOf(container.cpu, container.memoryMiB),
    diskGiB: container.diskGiB,
    nics: ports.map((port, index) => ({ portId: port.id, index })),
    process: processOf(container),
    power,
    ...(container.sandboxOf === null ? {} : { sandboxOf: container.sandboxOf }),
    ...(container.capsuleId !== null && container.sandboxOf === null
      ? { sharesSandbox: true as const }
      : {}),
    restartPolicy: {
      name: container.restartPolicy.Name,
      maxRetries: Number(container.restartPolicy.MaximumRetryCount),
    },
    heal: container.autoHeal || container.capsuleId !== null,
  }
}
