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
  const ports = await network.portsOf(ctx, [row.id])
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
    ...(process.entrypoint === undefined ? {} : { entrypoint: process.entrypoint }),
    ...(process.command === undefined ? {} : { command: process.command }),
    ...(process.workdir === undefined ? {} : { workdir: process.workdir }),
    ...(process.user === undefined ? {} : { user: process.user }),
  }
}

function hostLines(ports: readonly PortInfo[], hostname: string): ContainerSpec['hosts'] {
  const addresses = ports.flatMap((port) => port.fixedIps.map((ip) => ip.address))
  return addresses.map((address) => ({ address, names: [hostname] }))
}
