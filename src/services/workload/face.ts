import type { Readable } from 'node:stream'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { PathStat, ProcessList } from '../../ports/container-archives.ts'
import type { EngineImages, RegistryAuth } from '../../ports/engine-images.ts'
import type { Usage } from '../../ports/container-statistics.ts'
import type {
  ContainerStream,
  ExecSession,
  LogWish,
  OpenExecWish,
  TerminalSize,
} from '../../ports/container-streams.ts'
import type {
  ExecResult,
  ExecWish,
  GuestFile,
  Health,
  HealthCheck,
  HostInfo,
  Limits,
  Stats,
  VolumeMount,
} from '../../ports/compute.ts'

/**
 * What runs, whatever tongue asked for it: Nova's servers and Zun's containers are rows here. A wish is written (in the
 * caller's transaction, together with its nudge) and the one reconciler makes it true. Whoever owns the workload is nudged
 * by `owner.kind` and the workload's id each time it settles, fails or is gone.
 */
export interface WorkloadFace {
  create(ctx: Ctx, wish: NewWorkload): Promise<void>
  /** Any part of the wish; answers the new generation. Throws `notFound`, or `conflict` when it is being removed. */
  change(ctx: Ctx, id: string, change: WorkloadChange): Promise<number>
  /** The row goes when the engine holds nothing any more and its ports are released. Repeating it is success. */
  remove(ctx: Ctx, id: string): Promise<void>
  /** Undefined when it is gone. */
  find(ctx: Ctx, id: string): Promise<Workload | undefined>
  findMany(ctx: Ctx, ids: readonly string[]): Promise<ReadonlyMap<string, Workload>>
  /** For long lists: without what they run, which may be large. */
  statesOf(ctx: Ctx, ids: readonly string[]): Promise<ReadonlyMap<string, WorkloadState>>

  /** The last lines of output; '' when it never ran. */
  logs(ctx: Ctx, id: string, tailLines?: number): Promise<string>
  /**
   * Its file system, into an image that was reserved for it: `written`, also when it was before (a run that was killed is simply
   * repeated), or `imageGone` when somebody deleted the image meanwhile.
   */
  commitTo(ctx: Ctx, id: string, imageId: string): Promise<'written' | 'imageGone'>
  /** Runs a command inside to its end; `conflict` when nothing runs, or when it takes too long. */
  exec(ctx: Ctx, id: string, wish: ExecWish): Promise<ExecResult>
  stats(ctx: Ctx, id: string): Promise<Stats>

  /** A signal to its own process; what ends of it is not restarted. `conflict` when it does not run, `badRequest` for a signal that nobody knows. */
  kill(ctx: Ctx, id: string, signal: string): Promise<void>
  /** Its output as text, from what there is to what comes; see `ContainerStreams` for this and what follows. */
  followLogs(ctx: Ctx, id: string, wish: LogWish, signal?: AbortSignal): Promise<Readable>
  attach(ctx: Ctx, id: string): Promise<ContainerStream>
  resizeTty(ctx: Ctx, id: string, size: TerminalSize): Promise<void>
  openExec(ctx: Ctx, id: string, wish: OpenExecWish): Promise<ExecSession>
  prepareExec(ctx: Ctx, id: string, wish: OpenExecWish): Promise<string>
  startExec(ctx: Ctx, id: string, execId: string): Promise<ExecSession>
  resizeExec(ctx: Ctx, id: string, execId: string, size: TerminalSize): Promise<void>
  /** Files and processes, looked at from outside; see `ContainerArchives`. */
  getArchive(
    ctx: Ctx,
    id: string,
    path: string,
  ): Promise<{ readonly stat: PathStat; readonly tar: Readable }>
  putArchive(ctx: Ctx, id: string, path: string, tar: Readable): Promise<void>
  statPath(ctx: Ctx, id: string, path: string): Promise<PathStat>
  top(ctx: Ctx, id: string, psArgs?: string): Promise<ProcessList>
  /** What it uses, as rates; see `ContainerStatistics`. */
  usage(ctx: Ctx, id: string): Promise<Usage>
  usageOfAll(ctx: Ctx, ids: readonly string[]): Promise<ReadonlyMap<string, Usage>>
  streamUsage(ctx: Ctx, id: string, signal: AbortSignal, everyMs?: number): AsyncIterable<Usage>
  /** Images that the engine knows by name. */
  readonly engineImages: EngineImages
  /** Who knows with what name and password a workload's image is fetched. Set once by the container service. */
  onPull(credentials: (ctx: Ctx, workloadId: string) => Promise<RegistryAuth | undefined>): void
  hostInfo(ctx: Ctx): Promise<
    HostInfo & {
      readonly kind: string
      readonly hostName: string
      readonly usedVcpus: number
      readonly usedMemoryMiB: number
      readonly usedDiskGiB: number
      readonly running: number
    }
  >
}

export type Power = 'running' | 'stopped' | 'paused'

export interface Nic {
  readonly portId: string
  /** Place in the order of interfaces: 0 is eth0. */
  readonly index: number
}

export interface NewWorkload {
  readonly id: string
  readonly projectId: string
  /** Who is told of its fate, e.g. `compute.server`; its key is the workload's id. */
  readonly ownerKind: string
  readonly name: string
  readonly image: WorkloadImage
  readonly limits: Limits
  readonly diskGiB: number
  readonly nics: readonly Nic[]
  readonly process: Process
  readonly power: Power
  /** Joins the network and IPC of this workload, which was made with `sharesSandbox` and goes after it. */
  readonly sandboxOf?: string
  readonly sharesSandbox?: true
  /** What is done when its process ends, or is found unhealthy. Default: nothing. */
  readonly restartPolicy?: RestartPolicy
  /** False: a container that vanished from the engine is an error until it is started or rebuilt. Default: it is made anew. */
  readonly heal?: boolean
}

export interface WorkloadImage {
  /** Glance id, for opening the bytes; '' for an image that the engine fetches by its name. */
  readonly imageId: string
  /** Engine key: `sha512:…`, or `docker:<reference>`. */
  readonly key: string
  /** For images by name: when it is fetched. Default `ifnotpresent`. */
  readonly pull?: PullPolicy
}

export type PullPolicy = 'always' | 'ifnotpresent' | 'never'

export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  /** For `on-failure`; 0 is no limit. */
  readonly maxRetries: number
}

export interface Process {
  readonly hostname: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly workdir?: string
  readonly user?: string
  readonly tty: boolean
  readonly files: readonly GuestFile[]
  /** As in the engine's own `ContainerSpec`. */
  readonly stdin?: boolean
  readonly privileged?: boolean
  readonly runtime?: string
  readonly stopSignal?: string
  readonly capAdd?: readonly string[]
  readonly health?: HealthCheck
  readonly volumes?: readonly VolumeMount[]
}

export interface WorkloadChange {
  readonly name?: string
  readonly power?: Power
  readonly limits?: Limits
  readonly diskGiB?: number
  readonly nics?: readonly Nic[]
  readonly process?: Process
  /** A new image, or the same one: the container is made anew (rebuild). */
  readonly rebuildWith?: WorkloadImage
  /**
   * True: its own process gives way to one that only waits, with a shell at hand, on the same file system. False: back to its
   * own. The container is made anew each time; a rebuild ends it. `badRequest` when that was done too often.
   */
  readonly rescue?: boolean
  /** Restart the process: `soft` is a polite stop first, `hard` a kill. */
  readonly restart?: 'soft' | 'hard'
  /** Clears an error so that it is tried anew. */
  readonly retry?: true
  /** From now on a stop waits so long before it kills. */
  readonly graceSeconds?: number
  readonly heal?: boolean
}

export interface Workload {
  readonly id: string
  readonly projectId: string
  readonly name: string
  readonly image: WorkloadImage
  readonly limits: Limits
  readonly diskGiB: number
  readonly nics: readonly Nic[]
  readonly process: Process
  /** Whether a waiting process is wished instead of its own. */
  readonly rescue: boolean
  readonly host: string
  /** What is wished. */
  readonly wish: Power | 'removed'
  /** Grows with each change of the wish. */
  readonly generation: number
  /** The generation that was last made true; equal to `generation` when there is nothing to do. */
  readonly settledGeneration: number
  /** What was last seen. `new`: never made. */
  readonly seen: 'new' | 'running' | 'stopped' | 'paused'
  /** Why the wish cannot be made true; the runner has given up until something changes. */
  readonly error: string | null
  /** The step that failed last or is under way, for people: `loading image`, `plugging port …`. */
  readonly step: string | null
  /** Its process ended or is unhealthy, and is about to be started again. */
  readonly restarting: boolean
  /** How often that was done since it was last started by somebody. */
  readonly restarts: number
  /** The verdict of its health check, while it runs and has one. */
  readonly health: Health | null
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly settledAt: string | null
  readonly createdAt: string
}

/** How far it is, and its network cards. */
export type WorkloadState = Pick<
  Workload,
  'id' | 'nics' | 'seen' | 'error' | 'step' | 'settledGeneration' | 'settledAt'
>
