import { statfs } from 'node:fs/promises'
import { hostname, uptime } from 'node:os'
import type { Logger } from '../../kernel/log/log.ts'
import type { ComputePort, HostInfo, Limits, WorkloadId } from '../../ports/compute.ts'
import type { ContainerArchives } from '../../ports/container-archives.ts'
import type { ContainerEngine } from '../../ports/container-engine.ts'
import type { ContainerStatistics } from '../../ports/container-statistics.ts'
import type { ContainerStreams } from '../../ports/container-streams.ts'
import type { EngineImages } from '../../ports/engine-images.ts'
import type { ImageBuilds } from '../../ports/image-builds.ts'
import { getArchive, putArchive, statPath, top } from './archives.ts'
import { buildImage } from './builds.ts'
import { changes } from './changes.ts'
import { DockerClient } from './client.ts'
import * as containers from './containers.ts'
import { MIB } from './container-config.ts'
import { execIn } from './exec.ts'
import { removeGuestFiles } from './guest-files.ts'
import { Images } from './images.ts'
import { followLogs, readLogs } from './logs.ts'
import * as named from './named-images.ts'
import { checkId, sandboxName, type DockerHost } from './names.ts'
import { listWorkloads, observe } from './observe.ts'
import { pullImage } from './pull.ts'
import { Quiet } from './quiet.ts'
import { SandboxPool } from './sandboxes.ts'
import { attach, prepareExec, resizeExec, resizeTty, startExec } from './sessions.ts'
import { Statistics } from './statistics.ts'
import { removeVolumes } from './volumes.ts'

export { purgeDocker } from './purge.ts'

/**
 * The compute port on a Docker Engine. A workload `<id>` is two containers: `sy-<id>-net`, the sandbox, and `sy-<id>`, which
 * joins its network; and a folder with the files that are mounted into it. Asks of others: a running Docker Engine (20.10
 * or later), `nsenter` and `hostname` on the host, and the right to use them.
 */
export interface DockerComputeConfig {
  /** Path of the engine's unix socket. */
  readonly socket: string
  /** Four hex digits that tell this cloud's things from those of another on the same host. */
  readonly cloud: string
  /** For files mounted into containers; the engine must see it under the same path. */
  readonly folder: string
  /** Started spare sandboxes to keep; 0 = none. */
  readonly poolSize: number
  readonly log: Logger
}

const GIB = 1024 * MIB
/** How long nobody must have asked for a start before a spare sandbox is made. */
const QUIET_MS = 50

interface EngineInfo {
  readonly Name: string
  readonly NCPU: number
  readonly MemTotal: number
  readonly ServerVersion: string
  readonly DockerRootDir: string
  readonly OperatingSystem: string
  readonly OSType: string
  readonly KernelVersion: string
  readonly Runtimes: Readonly<Record<string, unknown>>
  readonly Labels: readonly string[] | null
}

export function createDockerCompute(config: DockerComputeConfig): ContainerEngine {
  const client = new DockerClient(config.socket)
  const host: DockerHost = { client, cloud: config.cloud, folder: config.folder }
  const quiet = new Quiet(QUIET_MS)
  const pool = new SandboxPool(host, { size: config.poolSize, quiet, log: config.log })
  const images = new Images(host)
  const closing = new AbortController()
  pool.refill()
  const adopted = images.adopt().catch((error: unknown) => {
    config.log.warn({ err: error }, 'cannot look for leftover images')
  })
  const onReturn = async (): Promise<readonly WorkloadId[]> => {
    pool.refresh()
    return await listWorkloads(host)
  }

  return {
    kind: 'docker',
    hostInfo: async () => await hostInfo(client),
    list: async () => await listWorkloads(host),
    observe: async (id, sandboxOf) => await observe(host, checkId(id), sandboxOf),
    ...imageCalls(images),
    ...urgentCalls(host, pool, images, quiet),
    ...removingCalls(host, images),
    ...plainCalls(host),
    ...streamCalls(host),
    ...archiveCalls(host),
    ...namedImageCalls(host, images),
    ...statisticsCalls(new Statistics(host)),
    changes: (signal) => {
      const either = AbortSignal.any([signal, closing.signal])
      return changes(host, { log: config.log, signal: either, onReturn })
    },
    close: async () => {
      closing.abort()
      await Promise.all([pool.close(), adopted])
      client.close()
    },
  }
}

function imageCalls(
  images: Images,
): Pick<ComputePort, 'hasImage' | 'loadImage' | 'removeImage' | 'commit'> {
  return {
    hasImage: async (key) => await images.has(key),
    loadImage: async (key, open) => await images.load(key, open),
    removeImage: async (key) => await images.remove(key),
    commit: async (id) => await images.commit(checkId(id)),
  }
}

/** What a user waits for: no spare sandbox is made meanwhile. */
function urgentCalls(
  host: DockerHost,
  pool: SandboxPool,
  images: Images,
  quiet: Quiet,
): Pick<ComputePort, 'ensureSandbox' | 'create' | 'start'> {
  return {
    ensureSandbox: async (id, shared) =>
      await quiet.during(async () => await pool.ensure(checkId(id), shared)),
    create: async (spec) => {
      checkId(spec.id)
      await quiet.during(async () => await containers.createContainer(host, images, spec))
    },
    start: async (id) =>
      await quiet.during(async () => await containers.startContainer(host, checkId(id))),
  }
}

function removingCalls(host: DockerHost, images: Images): Pick<ComputePort, 'remove' | 'destroy'> {
  return {
    remove: async (id) => {
      await containers.removeContainer(host, checkId(id))
      await images.sweep()
    },
    destroy: async (id) => {
      await destroy(host, checkId(id))
      await images.sweep()
    },
  }
}

type PlainCalls = Pick<
  ComputePort,
  'stop' | 'kill' | 'pause' | 'unpause' | 'setLimits' | 'setHostname' | 'logs' | 'exec'
>

function plainCalls(host: DockerHost): PlainCalls {
  return {
    stop: async (id, graceSeconds) =>
      await containers.stopContainer(host, checkId(id), graceSeconds),
    kill: async (id, signal) => await containers.killContainer(host, checkId(id), signal),
    pause: async (id) => await containers.pauseContainer(host, checkId(id)),
    unpause: async (id) => await containers.unpauseContainer(host, checkId(id)),
    setLimits: async (id, limits: Limits) => await containers.setLimits(host, checkId(id), limits),
    setHostname: async (id, name) => await containers.setHostname(host, checkId(id), name),
    logs: async (id, tailLines) => await readLogs(host, checkId(id), tailLines),
    exec: async (id, wish) => await execIn(host, checkId(id), wish),
  }
}

function streamCalls(host: DockerHost): ContainerStreams {
  return {
    attach: async (id) => await attach(host, checkId(id)),
    prepareExec: async (id, wish) => await prepareExec(host, checkId(id), wish),
    startExec: async (id, execId) => await startExec(host, checkId(id), execId),
    openExec: async (id, wish) =>
      await startExec(host, id, await prepareExec(host, checkId(id), wish)),
    resizeExec: async (id, execId, size) => await resizeExec(host, checkId(id), execId, size),
    resizeTty: async (id, size) => await resizeTty(host, checkId(id), size),
    followLogs: async (id, wish, signal) => await followLogs(host, checkId(id), wish, signal),
  }
}

function archiveCalls(host: DockerHost): ContainerArchives {
  return {
    getArchive: async (id, path) => await getArchive(host, checkId(id), path),
    putArchive: async (id, path, tar) => await putArchive(host, checkId(id), path, tar),
    statPath: async (id, path) => await statPath(host, checkId(id), path),
    top: async (id, psArgs) => await top(host, checkId(id), psArgs),
  }
}

function namedImageCalls(host: DockerHost, images: Images): EngineImages & ImageBuilds {
  return {
    findImage: async (reference) => await named.findImage(host, reference),
    listImages: async () => await named.listImages(host),
    pullImage: async (reference, options) => await pullImage(host, reference, options),
    searchImages: async (term, limit) => await named.searchImages(host, term, limit),
    removeNamedImage: async (reference) => await named.removeNamedImage(host, images, reference),
    openEngineImage: async (reference) => await named.openEngineImage(host, images, reference),
    buildImage: async (context, wish) => await buildImage(host, images, context, wish),
    removeBuiltImage: async (id) => await images.removeBuilt(id),
  }
}

function statisticsCalls(statistics: Statistics): ContainerStatistics & Pick<ComputePort, 'stats'> {
  return {
    stats: async (id) => await statistics.stats(checkId(id)),
    usage: async (id) => await statistics.usage(checkId(id)),
    usageOfAll: async (ids) => await statistics.usageOfAll(ids),
    streamUsage: (id, signal, everyMs) => statistics.stream(checkId(id), signal, everyMs),
  }
}

/** The folder last: `list` finds it, so an interrupted destroy is found again. */
async function destroy(host: DockerHost, id: WorkloadId): Promise<void> {
  await Promise.all([
    containers.removeContainer(host, id),
    containers.removeByName(host, sandboxName(id)),
  ])
  await removeVolumes(host, id)
  await removeGuestFiles(host, id)
}

/** `key=value`, as the engine writes labels. */
function pairOf(label: string): readonly [string, string] {
  const at = label.indexOf('=')
  return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)]
}

async function hostInfo(client: DockerClient): Promise<HostInfo> {
  const [info, version] = await Promise.all([
    client.call<EngineInfo>('GET', '/info'),
    client.version(),
  ])
  // The engine's own disk, when it is on this host; it may not be visible when the engine runs elsewhere.
  const disk = await statfs(info.DockerRootDir).catch(async () => await statfs('/'))
  return {
    hostname: info.Name || hostname(),
    vcpus: info.NCPU,
    memoryMiB: Math.floor(info.MemTotal / MIB),
    diskGiB: Math.floor((disk.blocks * disk.bsize) / GIB),
    diskFreeGiB: Math.floor((disk.bavail * disk.bsize) / GIB),
    engineVersion: info.ServerVersion,
    architecture: version.Arch,
    uptimeSeconds: Math.floor(uptime()),
    os: info.OperatingSystem,
    osType: info.OSType,
    kernelVersion: info.KernelVersion,
    runtimes: Object.keys(info.Runtimes).filter((name) => !name.startsWith('io.containerd.')),
    labels: Object.fromEntries((info.Labels ?? []).map((label) => pairOf(label))),
  }
}
