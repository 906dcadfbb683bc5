import type { GuestFile, HealthCheck, VolumeMount } from '../../../ports/compute.ts'
import type { Process } from '../../workload/face.ts'
import { hostnameFrom } from './names.ts'
import type { Container, Healthcheck } from './schema.ts'

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
  | 'interactive'
  | 'privileged'
  | 'runtime'
  | 'healthcheck'
  | 'volumes'
  | 'sandboxOf'
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
    stdin: container.interactive,
    ...(container.privileged ? { privileged: true } : {}),
    ...(container.runtime === null ? {} : { runtime: container.runtime }),
    ...(container.healthcheck === null ? {} : { health: healthOf(container.healthcheck) }),
    ...volumesOf(container),
    files: container.mounts.flatMap(fileOf),
  }
}

function fileOf(mount: Container['mounts'][number]): GuestFile[] {
  return mount.type === 'bind'
    ? [{ path: mount.destination, content: mount.source, mode: 0o644 }]
    : []
}

/** Docker's own values where none are given. */
function healthOf({ test, interval, retries, timeout }: Healthcheck): HealthCheck {
  return {
    command: ['/bin/sh', '-c', test],
    intervalSeconds: interval ?? 30,
    timeoutSeconds: timeout ?? 30,
    retries: retries ?? 3,
  }
}

const MIB_PER_GIB = 1024

/** Volumes of its own, and those of its capsule, which belong to the container that has the sandbox. */
function volumesOf(container: Wished): { readonly volumes?: readonly VolumeMount[] } {
  const own = container.mounts.flatMap((mount, at) =>
    mount.type === 'volume'
      ? [{ name: `own-${at}`, sizeMiB: mount.sizeGiB * MIB_PER_GIB, path: mount.destination }]
      : [],
  )
  const shared = container.volumes.map(({ name, sizeGiB, path, readOnly }) => ({
    name: `shared-${name.slice(0, 50).replaceAll('.', '-')}`,
    ownerId: container.sandboxOf ?? container.id,
    sizeMiB: sizeGiB * MIB_PER_GIB,
    path,
    readOnly,
  }))
  const volumes = [...own, ...shared]
  return volumes.length === 0 ? {} : { volumes }
}
