import type { Readable } from 'node:stream'

/**
 * What runs. One workload is one container inside one sandbox.
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

  /** Is the image there? `key` is its content digest (`sha256:…` of the stored blob). */
  hasImage(key: ImageKey): Promise<boolean>
  /** Gives the engine the image; `open` is called only when needed, perhaps twice. Bad content throws with the engine's reason (status 400). */
  loadImage(key: ImageKey, open: () => Promise<Readable>): Promise<void>
  removeImage(key: ImageKey): Promise<void>

  observe(id: WorkloadId): Promise<SeenWorkload>
  /** Ids of every workload of this cloud the engine still holds something for (container, sandbox or files). */
  list(): Promise<readonly WorkloadId[]>

  /** A running sandbox for the workload; answers the path of its network namespace. A stopped one is started (its namespace is new then). */
  ensureSandbox(id: WorkloadId): Promise<Sandbox>
  /** The container, made but not started. An existing one with another `revision` is replaced. Throws `CloudError('notFound', …, { code: 'imageMissing' })` when the image has to be loaded (again). */
  create(spec: ContainerSpec): Promise<void>
  start(id: WorkloadId): Promise<void>
  /** Polite stop, then kill after `graceSeconds`. The sandbox keeps running, so the network stays. */
  stop(id: WorkloadId, graceSeconds: number): Promise<void>
  kill(id: WorkloadId, signal: string): Promise<void>
  pause(id: WorkloadId): Promise<void>
  unpause(id: WorkloadId): Promise<void>
  setLimits(id: WorkloadId, limits: Limits): Promise<void>
  setHostname(id: WorkloadId, hostname: string): Promise<void>
  /** Removes the container (running or not) and keeps sandbox and files. */
  remove(id: WorkloadId): Promise<void>
  /** Removes container, sandbox and files: nothing is left. */
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

  /** Ids of workloads whose containers changed by themselves (died, were killed, restarted). Ends when `signal` aborts; survives the engine's own restart, after which every id of `list()` is told once. */
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
  readonly limits: Limits
  /** Files laid into the container before it starts (bind-mounted from the engine's own folder). */
  readonly files: readonly GuestFile[]
  /** Name servers for /etc/resolv.conf. */
  readonly dns: readonly string[]
  /** Lines of /etc/hosts beyond localhost: address → names. */
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[]
}

export type ContainerState = 'absent' | 'created' | 'running' | 'paused' | 'exited'

export interface SeenWorkload {
  readonly sandbox: 'absent' | 'stopped' | 'running'
  /** Set when the sandbox runs. */
  readonly netns?: string
  readonly container: ContainerState
  /** Set unless the container is absent. */
  readonly revision?: number
  readonly limits?: Limits
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

export interface Stats {
  /** Nanoseconds of CPU used since the start, all cores. */
  readonly cpuNs: number
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly pids: number
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
}
