import { randomBytes } from 'node:crypto'
import { PassThrough, Writable, type Readable } from 'node:stream'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type { ExecResult, WorkloadId } from '../../ports/compute.ts'
import type {
  ContainerStream,
  ContainerStreams,
  ExecSession,
  LogWish,
  OpenExecWish,
} from '../../ports/container-streams.ts'
import { mustRun, say, type FakeContainer, type OutputLine } from './container.ts'

/** How to reach a container, and how commands inside end. */
export interface StreamsOf {
  container(id: WorkloadId): FakeContainer
  answer(): ExecResult
  noteOpened(wish: OpenExecWish): void
}

interface FakeExec {
  readonly id: WorkloadId
  readonly wish: OpenExecWish
  state: 'prepared' | 'running' | 'ended'
}

const KILLED = 137
const END_OF_INPUT = '\u0004'

/**
 * Streams in memory. A process that is attached to shows what it is told, as `cat` does. So does a command that listens, until
 * its input ends (or ctrl-d is typed on its terminal); one that does not ends at once. Before it ends it says what the knob
 * `execAnswer` says.
 */
export function fakeStreams(engine: StreamsOf): ContainerStreams {
  const execs = new Map<string, FakeExec>()
  const find = (id: WorkloadId, execId: string): FakeExec => {
    const exec = execs.get(execId)
    if (exec?.id === id) return exec
    throw cloudError('notFound', `Container ${id} has no command ${execId}`)
  }
  const prepareExec = async (id: WorkloadId, wish: OpenExecWish): Promise<string> => {
    mustRun(engine.container(id))
    const execId = randomBytes(32).toString('hex')
    execs.set(execId, { id, wish, state: 'prepared' })
    return execId
  }
  const startExec = async (id: WorkloadId, execId: string): Promise<ExecSession> => {
    const exec = find(id, execId)
    const container = mustRun(engine.container(id))
    if (exec.state !== 'prepared')
      throw cloudError('conflict', `The command ${execId} cannot be started`)
    engine.noteOpened(exec.wish)
    return session(container, execId, exec, engine.answer())
  }
  const resizeExec = async (id: WorkloadId, execId: string): Promise<void> => {
    if (find(id, execId).state !== 'running')
      throw cloudError('conflict', `The command ${execId} is not running`)
  }
  return {
    attach: async (id) => attach(mustRun(engine.container(id))),
    prepareExec,
    startExec,
    openExec: async (id, wish) => await startExec(id, await prepareExec(id, wish)),
    resizeExec,
    async resizeTty(id) {
      mustRun(engine.container(id))
    },
    followLogs: async (id, wish, signal) => follow(engine.container(id), wish, signal),
  }
}

/** ctrl-p ctrl-q */
const LETTING_GO = '\u0010\u0011'

function attach(container: FakeContainer): ContainerStream {
  const { tty, stdin = tty } = container.spec
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const show = (line: OutputLine): void => {
    const to = line.stream === 'stderr' && !tty ? stderr : stdout
    to.write(`${line.text}${tty ? '\r' : ''}\n`)
  }
  const close = (): void => {
    container.told.off('output', show).off('end', close)
    stdout.end()
    stderr.end()
  }
  container.told.on('output', show).on('end', close)
  const typed = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (tty && chunk.includes(LETTING_GO)) close()
      else if (stdin) for (const text of linesOf(chunk)) say(container, text)
      done()
    },
  })
  return { tty, stdin: typed, stdout, stderr, close }
}

function session(
  container: FakeContainer,
  id: string,
  exec: FakeExec,
  answer: ExecResult,
): ExecSession {
  const { tty, stdin } = exec.wish
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  exec.state = 'running'
  let tell: (code: number) => void = () => undefined
  const exited = new Promise<number>((resolve) => (tell = resolve))
  const end = (code: number): void => {
    if (exec.state === 'ended') return
    exec.state = 'ended'
    container.told.off('end', close)
    stdout.end()
    stderr.end()
    tell(code)
  }
  const close = (): void => end(KILLED)
  container.told.on('end', close)
  const typed = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (stdin && exec.state === 'running') stdout.write(chunk)
      if (tty && chunk.includes(END_OF_INPUT)) end(answer.exitCode)
      done()
    },
    final(done) {
      end(answer.exitCode)
      done()
    },
  })
  stdout.write(answer.output)
  if (!stdin) end(answer.exitCode)
  const resize = async (): Promise<void> => {
    if (exec.state === 'ended') throw cloudError('conflict', `The command ${id} is not running`)
  }
  return { id, tty, stdin: typed, stdout, stderr, close, resize, exited }
}

function follow(container: FakeContainer, wish: LogWish, signal?: AbortSignal): Readable {
  const { stdout = true, stderr = true, since = 0, until = Infinity } = wish
  const wanted = (line: OutputLine): boolean => {
    const at = line.at.getTime() / 1000
    return (line.stream === 'stdout' ? stdout : stderr) && at >= since && at <= until
  }
  const text = (line: OutputLine): string =>
    `${wish.timestamps === true ? `${line.at.toISOString()} ` : ''}${line.text}\n`
  const there = container.output.filter(wanted)
  const last = wish.tail === undefined ? there : there.slice(Math.max(0, there.length - wish.tail))
  const out = new PassThrough()
  for (const line of last) out.write(text(line))
  if (wish.follow !== true || container.state !== 'running') return out.end()
  const show = (line: OutputLine): void => {
    if (wanted(line)) out.write(text(line))
  }
  const end = (): void => {
    container.told.off('output', show).off('end', end)
    out.end()
  }
  container.told.on('output', show).on('end', end)
  signal?.addEventListener('abort', end, { once: true })
  return out.once('close', end)
}

function linesOf(chunk: Buffer): readonly string[] {
  return chunk.toString().replace(/\n$/, '').split('\n')
}
