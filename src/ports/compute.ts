import type { Readable } from 'node:stream'

/**
 * What runs. One workload is one container inside one sandbox, its own or another workload's (`sandboxOf`: the containers of
 * a capsule share network and IPC).
 *
 * Life: `loadImage` (once per image, by key) → `ensureSandbox` (a network namespace that exists before the process does,
 * so that its ports can be plugged first) → `create` → `start` ⇄ `stop` / `pause` / `unpause` → `remove` (the container only:
 * rebuild) or `destroy` (everything the engine holds for the id). Names outside are derived from the id, so every call may
 * be repeated after a crash: a call whose work is already done answers as if it had just done it. Removing what is not
 * there is success. An engine never retries and never calls up; it throws `Error`s whose message says what the engine said.
 *
 * What crosses this port can be written as JSON, streams apart.
 */
export interface ComputePort {
  /** 'docker', 'fake', …: shown as hypervisor type. */
  readonly kind: string
  hostInfo(): Promise<HostInfo>

  /** Is the image there? `key` is its content digest (`sha512:…` of the stored blob; `sha256:…` of older ones), or `docker:<reference>` (see engine-images.ts). */
  hasImage(key: ImageKey): Promise<boolean>
  /** Gives the engine the image; `open` is called only when needed, perhaps twice. Bad content throws with the engine's reason (status 400). */
  loadImage(key: ImageKey, open: () => Promise<Readable>): Promise<void>
  removeImage(key: ImageKey): Promise<void>

  /** `sandboxOf`: whose sandbox is looked at, when it is not its own. */
  observe(id: WorkloadId, sandboxOf?: WorkloadId): Promise<SeenWorkload>
  /** Ids of every workload of this cloud the engine still holds something for (container, sandbox or files). */
  list(): Promise<readonly WorkloadId[]>

  /**
   * A running sandbox for the workload; answers the path of its network namespace. A stopped one is started (its namespace is
   * new then). One that others are to join has to be made `shared`.
   */
  ensureSandbox(id: WorkloadId, shared?: boolean): Promise<Sandbox>
  /** The container, made but not started. An existing one with another `revision` is replaced. Throws `CloudError('notFound', …, { code: 'imageMissing' })` when the image has to be loaded (again). */
  create(spec: ContainerSpec): Promise<void>
  start(id: WorkloadId): Promise<void>
  /** Polite stop, then kill after `graceSeconds`. The sandbox keeps running, so the network stays. */
  stop(id: WorkloadId, graceSeconds: number): Promise<void>
  /** `badRequest` for a signal that nobody knows; success when it does not run. */
  kill(id: WorkloadId, signal: string): Promise<void>
  pause(id: WorkloadId): Promise<void>
  unpause(id: WorkloadId): Promise<void>
  setLimits(id: WorkloadId, limits: Limits): Promise<void>
  setHostname(id: WorkloadId, hostname: string): Promise<void>
  /** Removes the container (running or not) and keeps sandbox and files. */
  remove(id: WorkloadId): Promise<void>
  /** Removes container, sandbox, files and volumes: nothing is left. Those who share its sandbox or volumes go first. */
  destroy(id: WorkloadId): Promise<void>

  /** The last `tailLines` lines of output (all when undefined), stdout and stderr in order. */
  logs(id: WorkloadId, tailLines?: number): Promise<string>
  /** The container's file system as a new image, as a `docker save` tar. The container pauses for the while. */
  commit(id: WorkloadId): Promise<Readable>
  /**
   * Runs a command inside, beside the workload's own process, to its end. Throws `conflict` when the container does not run or
   * the command did not end in time (it is killed then). A program that is not there ends with 126 or 127, as in a shell.
   */
  exec(id: WorkloadId, wish: ExecWish): Promise<ExecResult>
  stats(id: WorkloadId): Promise<Stats>

  /** Ids of workloads whose containers changed by themselves (died, were killed, restarted, became healthy or unhealthy). Ends when `signal` aborts; survives the engine's own restart, after which every id of `list()` is told once. */
  changes(signal: AbortSignal): AsyncIterable<WorkloadId>
  /** Closes connections and stops background work (such as refilling a pool). Running workloads stay. */
  close(): Promise<void>
}

/** Letters, digits, `_` and `-`, at most 64, not ending in `-net`: a uuid is fine. */
export type WorkloadId = string
export type ImageKey = string

export interface Sandbox {
  /** Path of the network namespace, e.g. `/proc/1234/ns/net`. Changes when the sandbox is restarted. */
  readonly netns: string
}

export interface Limits {
  /** Hard limit in whole or part CPUs. */
  readonly vcpus: number
  /** Hard limit in MiB. */
  readonly memoryMiB: number
  readonly pids: number
}

export interface GuestFile {
  /** Absolute path inside the container. */
  readonly path: string
  /** Content in base64. */
  readonly content: string
  /** e.g. 0o600 */
  readonly mode: number
}

export interface ContainerSpec {
  readonly id: WorkloadId
  /** Joins the sandbox of this workload instead of its own; that one was ensured as `shared`. */
  readonly sandboxOf?: WorkloadId
  /** Its own sandbox was ensured as `shared`, for others to join. */
  readonly sandboxShared?: boolean
  readonly image: ImageKey
  /** Changes when the container must be made anew (rebuild): an existing container of another revision is replaced. */
  readonly revision: number
  /** The file system (and anonymous volumes) of the replaced container instead of the image's; the image's when there was none. */
  readonly keepFiles?: boolean
  readonly hostname: string
  /** Overrides the image's own entrypoint and command when given. */
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly workdir?: string
  readonly user?: string
  readonly tty: boolean
  /** Its input stays open for whoever attaches; a terminal has one always. */
  readonly stdin?: boolean
  /** e.g. `SIGQUIT`; the image's own, or SIGTERM, when undefined. */
  readonly stopSignal?: string
  /** All rights that the engine's host can give. Whether somebody may have them is decided before. */
  readonly privileged?: boolean
  /** Rights beyond the usual ones, e.g. `NET_ADMIN`. */
  readonly capAdd?: readonly string[]
  /** One of the host's runtimes; `badRequest` when there is no such. */
  readonly runtime?: string
  readonly health?: HealthCheck
  readonly volumes?: readonly VolumeMount[]
  readonly limits: Limits
  /** Files laid into the container before it starts (bind-mounted from the engine's own folder). */
  readonly files: readonly GuestFile[]
  /** Name servers for /etc/resolv.conf. */
  readonly dns: readonly string[]
  /** Domains in which /etc/resolv.conf looks for bare names. */
  readonly dnsSearch?: readonly string[]
  /** Lines of /etc/hosts beyond localhost: address → names. */
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[]
}

/** A command that says by its exit code whether the workload is well. */
export interface HealthCheck {
  /** Program and arguments; no shell unless it is one. */
  readonly command: readonly string[]
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
  /** So many failures in a row make it unhealthy. */
  readonly retries: number
  /** Failures do not count in the first so many seconds. */
  readonly startSeconds?: number
}

/** A file system of its own size, kept by the engine from the first `create` that names it until its owner is destroyed. */
export interface VolumeMount {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string
  /** Whose volume it is: another workload's volume can be shared. Its own by default. */
  readonly ownerId?: WorkloadId
  readonly sizeMiB: number
  /** Absolute path inside the container. */
  readonly path: string
  readonly readOnly?: boolean
}

export type Health = 'starting' | 'healthy' | 'unhealthy'

export type ContainerState = 'absent' | 'created' | 'running' | 'paused' | 'exited'

export interface SeenWorkload {
  readonly sandbox: 'absent' | 'stopped' | 'running'
  /** Set when the sandbox runs. */
  readonly netns?: string
  readonly container: ContainerState
  /** Set unless the container is absent. */
  readonly revision?: number
  readonly limits?: Limits
  /** It was made with a sandbox that is gone: it cannot start again and has to be made anew. */
  readonly stranded?: true
  /** Set while it runs and has a health check. */
  readonly health?: Health
  /** Set when exited. */
  readonly exitCode?: number
  readonly oomKilled?: boolean
  /** ISO 8601. */
  readonly startedAt?: string
  readonly finishedAt?: string
}

export interface ExecWish {
  /** The program and its arguments; no shell unless it is one. Others may see them: secrets go into `env`. */
  readonly command: readonly string[]
  /** In addition to the container's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The container's own user unless given. */
  readonly user?: string
  readonly timeoutMs: number
}

export interface ExecResult {
  readonly exitCode: number
  /** stdout and stderr in order, the first MiB of it. */
  readonly output: string
}

/** Counters since the start of the container, and what it holds now. */
export interface Stats {
  /** ISO 8601. */
  readonly takenAt: string
  /** Nanoseconds of CPU used, all cores. */
  readonly cpuNs: number
  /** The same of the whole host, idle time included. */
  readonly systemCpuNs: number
  readonly onlineCpus: number
  /** Without page cache that can be dropped at once. */
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly pids: number
  /** All its interfaces but the loopback. */
  readonly network: {
    readonly rxBytes: number
    readonly txBytes: number
    readonly rxPackets: number
    readonly txPackets: number
  }
  readonly blockReadBytes: number
  readonly blockWriteBytes: number
}

export interface HostInfo {
  readonly hostname: string
  readonly vcpus: number
  readonly memoryMiB: number
  readonly diskGiB: number
  readonly diskFreeGiB: number
  /** e.g. '20.10.24' */
  readonly engineVersion: string
  readonly architecture: string
  readonly uptimeSeconds: number
  /** e.g. `Debian GNU/Linux 12 (bookworm)` */
  readonly os: string
  /** e.g. `linux` */
  readonly osType: string
  readonly kernelVersion: string
  /** What `ContainerSpec.runtime` may name. */
  readonly runtimes: readonly string[]
  /** The engine's own labels, e.g. for placement. */
  readonly labels: Readonly<Record<string, string>>
}
