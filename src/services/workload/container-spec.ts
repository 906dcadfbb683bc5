import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { fromJson } from '../../kernel/db/db.ts'
import type { ContainerSpec, Limits } from '../../ports/compute.ts'
import type { NetworkFace, PortInfo } from '../network/face.ts'
import type { Nic, Process } from './face.ts'
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
    ...resolverOf(inOrder(ports, fromJson<Nic[]>(row.nics))),
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

/**
 * Names are looked up as the first interface's network has it: the search domain is its, and so is the way to a resolver on the
 * link (169.254.169.254, or for a guest without IPv4 its link-local sister, which is on that one interface).
 */
export function resolverOf(
  ports: readonly Pick<PortInfo, 'fixedIps' | 'dnsDomain'>[],
): Pick<ContainerSpec, 'dns' | 'dnsSearch'> {
  const [first, ...others] = ports
  const servers = (of: typeof ports): string[] =>
    of.flatMap((port) => port.fixedIps.flatMap((ip) => ip.dns))
  const own = servers(first === undefined ? [] : [first])
  const four = own.some((server) => !server.includes(':'))
  const dns = [
    ...own.flatMap((server) => {
      if (!isLinkLocal(server) || !server.includes(':')) return server
      return four ? [] : `${server}%eth0`
    }),
    ...servers(others).filter((server) => !isLinkLocal(server)),
  ]
  return { dns: [...new Set(dns)], dnsSearch: first === undefined ? [] : [first.dnsDomain] }
}

const inOrder = (ports: readonly PortInfo[], nics: readonly Nic[]): readonly PortInfo[] => {
  const indexOf = (port: PortInfo): number =>
    nics.find((nic) => nic.portId === port.id)?.index ?? nics.length
  return ports.toSorted((a, b) => indexOf(a) - indexOf(b))
}

const isLinkLocal = (address: string): boolean => /^(169\.254\.|fe80:)/i.test(address)

/** Does nothing until it is asked to end: what is broken in the files can be mended from a shell beside it. */
const WAITING = ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done']

/** What only containers ask for; passed on as it is. */
function extrasOf({ stdin, privileged, runtime, health, volumes, stopSignal, capAdd }: Process) {
  return {
    ...(stopSignal === undefined ? {} : { stopSignal }),
    ...(capAdd === undefined ? {} : { capAdd }),
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
