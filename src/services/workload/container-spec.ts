import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { fromJson } from '../../kernel/db/db.ts'
import type { ContainerSpec, Limits } from '../../ports/compute.ts'
import type { NetworkFace, PortInfo } from '../network/face.ts'
import type { Process } from './face.ts'
import type { WorkloadRow } from './schema.ts'

/** What the engine needs to make the container: the process as wished, names and resolvers from its ports. */
export async function containerSpec(
  ctx: Ctx,
  network: NetworkFace,
  row: WorkloadRow,
): Promise<ContainerSpec> {
  const process = fromJson<Process>(row.process)
  const ports = await network.portsOf(ctx, [row.sandbox_of ?? row.id])
  return {
    id: row.id,
    image: row.image_key,
    revision: row.revision,
    hostname: process.hostname,
    env: process.env,
    labels: process.labels,
    tty: process.tty,
    limits: fromJson<Limits>(row.limits),
    files: process.files,
    dns: [...new Set(ports.flatMap((port) => port.fixedIps.flatMap((ip) => ip.dns)))],
    hosts: hostLines(ports, process.hostname),
    ...(row.carried > 0 ? { keepFiles: true } : {}),
    ...(row.rescue === 1 ? { entrypoint: WAITING } : ownProcess(process)),
    ...(process.workdir === undefined ? {} : { workdir: process.workdir }),
    ...(process.user === undefined ? {} : { user: process.user }),
    ...(row.sandbox_of === null ? {} : { sandboxOf: row.sandbox_of }),
    ...(row.shares_sandbox === 1 ? { sandboxShared: true } : {}),
    ...extrasOf(process),
  }
}

/** Does nothing until it is asked to end: what is broken in the files can be mended from a shell beside it. */
const WAITING = ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done']

/** What only containers ask for; passed on as it is. */
function extrasOf({ stdin, privileged, runtime, health, volumes }: Process) {
  return {
    ...(stdin === undefined ? {} : { stdin }),
    ...(privileged === undefined ? {} : { privileged }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(health === undefined ? {} : { health }),
    ...(volumes === undefined ? {} : { volumes }),
  }
}

function ownProcess({
  entrypoint,
  command,
}: Process): Pick<ContainerSpec, 'entrypoint' | 'command'> {
  return {
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(command === undefined ? {} : { command }),
  }
}

function hostLines(ports: readonly PortInfo[], hostname: string): ContainerSpec['hosts'] {
  const addresses = ports.flatMap((port) => port.fixedIps.map((ip) => ip.address))
  return addresses.map((address) => ({ address, names: [hostname] }))
}
