import type { ContainerSpec, HealthCheck, Limits } from '../../ports/compute.ts'
import type { BindMount } from './guest-files.ts'
import { labels, sandboxName } from './names.ts'

/** A workload's wish in the words of `POST /containers/create`. */
export const MIB = 1024 * 1024
/** A quota, not `NanoCpus`: Docker refuses more of those than the host has, and a flavor may be made for a larger host. */
const PERIOD_US = 100_000

export interface NamedVolume {
  readonly Type: 'volume'
  readonly Source: string
  readonly Target: string
}

export interface ConfigParts {
  readonly cloud: string
  readonly image: string
  readonly mounts: readonly (BindMount | NamedVolume)[]
  /** What a privileged container gets; see privileges.ts. */
  readonly privileges?: object
}

export function containerConfig(spec: ContainerSpec, parts: ConfigParts): object {
  return {
    Image: parts.image,
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    // Docker would say the sandbox's name here, and refuses `Hostname` for a container that joins another's network.
    Env: Object.entries({ HOSTNAME: spec.hostname, ...spec.env }).map(
      ([key, value]) => `${key}=${value}`,
    ),
    ...(spec.workdir === undefined ? {} : { WorkingDir: spec.workdir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    Tty: spec.tty,
    // A terminal without an input ends at once for a shell, which is what people run on a terminal.
    OpenStdin: spec.tty || spec.stdin === true,
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.health === undefined ? {} : { Healthcheck: healthConfig(spec.health) }),
    Labels: {
      ...spec.labels,
      [labels.cloud]: parts.cloud,
      [labels.workload]: spec.id,
      [labels.revision]: String(spec.revision),
    },
    HostConfig: {
      ...limitsConfig(spec.limits),
      ...namespacesConfig(spec),
      Mounts: parts.mounts,
      // A device node of one's own making would be a door to other tenants' volumes (loop devices).
      CapDrop: ['MKNOD'],
      ...(spec.capAdd === undefined ? {} : { CapAdd: spec.capAdd }),
      ...(spec.runtime === undefined ? {} : { Runtime: spec.runtime }),
      ...parts.privileges,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  }
}

/** Containers of one capsule share the IPC namespace of the sandbox too; any other has its own. */
function namespacesConfig({ id, sandboxOf, sandboxShared }: ContainerSpec): object {
  const sandbox = `container:${sandboxName(sandboxOf ?? id)}`
  const shared = sandboxOf !== undefined || sandboxShared === true
  return { NetworkMode: sandbox, ...(shared ? { IpcMode: sandbox } : {}) }
}

const NS_PER_SECOND = 1e9

function healthConfig(health: HealthCheck): object {
  return {
    Test: ['CMD', ...health.command],
    Interval: Math.round(health.intervalSeconds * NS_PER_SECOND),
    Timeout: Math.round(health.timeoutSeconds * NS_PER_SECOND),
    Retries: health.retries,
    StartPeriod: Math.round((health.startSeconds ?? 0) * NS_PER_SECOND),
  }
}

/** Swap counts into the memory limit: a limit that swaps is no limit for the neighbours. */
export function limitsConfig(limits: Limits): object {
  const memory = limits.memoryMiB * MIB
  return {
    CpuPeriod: PERIOD_US,
    CpuQuota: Math.round(limits.vcpus * PERIOD_US),
    Memory: memory,
    MemorySwap: memory,
    PidsLimit: limits.pids,
  }
}

/** In the words of `POST /build`. */
export function limitsConfigOfBuild(
  memoryMiB: number | undefined,
  vcpus: number | undefined,
): Record<string, number> {
  return {
    ...(memoryMiB === undefined ? {} : { memory: memoryMiB * MIB, memswap: memoryMiB * MIB }),
    ...(vcpus === undefined
      ? {}
      : { cpuperiod: PERIOD_US, cpuquota: Math.round(vcpus * PERIOD_US) }),
  }
}

export function limitsOf(config: {
  CpuQuota: number
  Memory: number
  PidsLimit: number | null
}): Limits {
  return {
    vcpus: config.CpuQuota / PERIOD_US,
    memoryMiB: config.Memory / MIB,
    pids: config.PidsLimit ?? 0,
  }
}
