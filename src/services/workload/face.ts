import type { Readable } from 'node:stream'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import type { PathStat, ProcessList } from '../../ports/container-archives.ts'
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
  HostInfo,
  Limits,
  Stats,
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

  /** The last lines of output; '' when it never ran. */
  logs(ctx: Ctx, id: string, tailLines?: number): Promise<string>
  /** Its file system as a `docker save` tar. */
  commit(ctx: Ctx, id: string): Promise<Readable>
  /** Runs a command inside to its end; `conflict` when nothing runs, or when it takes too long. */
  exec(ctx: Ctx, id: string, wish: ExecWish): Promise<ExecResult>
  stats(ctx: Ctx, id: string): Promise<Stats>

  /** A signal to its own process. `conflict` when it does not run, `badRequest` for a signal that nobody knows. */
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
}

export interface WorkloadImage {
  /** Glance id, for opening the bytes. */
  readonly imageId: string
  /** Engine key: `sha256:…`. */
  readonly key: string
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
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly settledAt: string | null
  readonly createdAt: string
}
