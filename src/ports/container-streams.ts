import type { Readable, Writable } from 'node:stream'
import type { WorkloadId } from './compute.ts'

/**
 * Talking to what runs: its own process (`attach`), commands beside it (`openExec`), and its output as it comes
 * (`followLogs`). A stream ends with the process; `close` ends it from our side. Readers hold the process back when they are
 * slow, so whoever opens a stream reads both outputs (`resume()` is enough) or closes it.
 */
export interface ContainerStreams {
  /**
   * The workload's own process; `conflict` when it does not run. Its input is only heard when the spec said `stdin` or `tty`.
   * Closing leaves it running, and so do ctrl-p ctrl-q on a terminal, which end the stream.
   */
  attach(id: WorkloadId): Promise<ContainerStream>
  /** A command beside it, without a time limit; `conflict` when nothing runs. Closing the session kills the command and what it started. */
  openExec(id: WorkloadId, wish: OpenExecWish): Promise<ExecSession>
  /** The first half of `openExec`: a command that is made and not yet started. It is forgotten with the container. Answers its id, 64 hex digits. */
  prepareExec(id: WorkloadId, wish: OpenExecWish): Promise<string>
  /** The second half, once. `notFound` when this workload has no such command, `conflict` when it was started before. */
  startExec(id: WorkloadId, execId: string): Promise<ExecSession>
  /** `notFound` when this workload has no such command; `conflict` when it is not running. */
  resizeExec(id: WorkloadId, execId: string, size: TerminalSize): Promise<void>
  /** The terminal of the workload's own process; `conflict` when it does not run. */
  resizeTty(id: WorkloadId, size: TerminalSize): Promise<void>
  /** Output as text, from what there is to what comes (`follow`). Ends with the process, or when `signal` aborts. */
  followLogs(id: WorkloadId, wish: LogWish, signal?: AbortSignal): Promise<Readable>
}

export interface ContainerStream {
  /** With a terminal everything comes on `stdout`, as the terminal shows it. */
  readonly tty: boolean
  /** Ending it ends the process's input. */
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** May be repeated. Both outputs end. */
  close(): void
}

export interface ExecSession extends ContainerStream {
  /** 64 hex digits. */
  readonly id: string
  resize(size: TerminalSize): Promise<void>
  /** The exit code, after the outputs ended; 137 when the session was closed before. Never rejects. */
  readonly exited: Promise<number>
}

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export interface OpenExecWish {
  /** The program and its arguments; no shell unless it is one. Others may see them: secrets go into `env`. */
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly workdir?: string
  readonly tty: boolean
  /** Whether the command hears an input at all. */
  readonly stdin: boolean
}

export interface LogWish {
  /** Default true, each. */
  readonly stdout?: boolean
  readonly stderr?: boolean
  /** Only what came at or after this moment, seconds since the epoch; parts are allowed. */
  readonly since?: number
  readonly until?: number
  /** The last so many lines only. */
  readonly tail?: number
  /** Each line begins with its time (RFC 3339, nanoseconds). */
  readonly timestamps?: boolean
  readonly follow?: boolean
}
