import type { GuestFile } from '../../../ports/compute.ts'
import type { Process } from '../../workload/face.ts'
import { hostnameFrom } from './names.ts'
import type { Container } from './schema.ts'

type Wished = Pick<
  Container,
  | 'id'
  | 'name'
  | 'hostname'
  | 'command'
  | 'entrypoint'
  | 'environment'
  | 'labels'
  | 'workdir'
  | 'tty'
  | 'mounts'
>

/** What runs inside, in the workload's words. */
export function processOf(container: Wished): Process {
  const { command, entrypoint, workdir } = container
  return {
    hostname: container.hostname ?? hostnameFrom(container.name),
    ...(entrypoint === null ? {} : { entrypoint }),
    ...(command === null ? {} : { command }),
    env: container.environment,
    labels: { ...container.labels, 'stackyard.container': container.name },
    ...(workdir === null || workdir === '' ? {} : { workdir }),
    tty: container.tty,
    files: container.mounts.flatMap(fileOf),
  }
}

function fileOf(mount: Container['mounts'][number]): GuestFile[] {
  return mount.type === 'bind'
    ? [{ path: mount.destination, content: mount.source, mode: 0o644 }]
    : []
}
