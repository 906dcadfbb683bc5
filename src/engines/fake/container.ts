import { EventEmitter } from 'node:events'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type {
  ContainerSpec,
  ContainerState,
  Health,
  Limits,
  SeenWorkload,
} from '../../ports/compute.ts'

/** One container of the fake engine. */
export interface FakeContainer {
  readonly spec: ContainerSpec
  /** The very sandbox it was made with. */
  readonly joined: FakeSandbox
  limits: Limits
  hostname: string
  state: Exclude<ContainerState, 'absent'>
  health?: Health
  exitCode?: number
  oomKilled: boolean
  startedAt?: Date
  finishedAt?: Date
  readonly output: OutputLine[]
  /** Content of files by absolute path. */
  readonly files: Map<string, Buffer>
  /** `output` with each new line, `end` when the process ends. */
  readonly told: EventEmitter
}

export interface FakeSandbox {
  /** Undefined while it is stopped. */
  netns: string | undefined
}

export interface OutputLine {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly at: Date
}

export function newContainer(
  spec: ContainerSpec,
  joined: FakeSandbox,
  before: FakeContainer | undefined,
): FakeContainer {
  return {
    spec,
    joined,
    limits: spec.limits,
    hostname: spec.hostname,
    state: 'created',
    oomKilled: false,
    output: [],
    files: spec.keepFiles === true && before !== undefined ? before.files : new Map(),
    told: new EventEmitter().setMaxListeners(0),
  }
}

export function say(
  container: FakeContainer,
  text: string,
  stream: OutputLine['stream'] = 'stdout',
): void {
  const line = { stream, text, at: new Date() }
  container.output.push(line)
  container.told.emit('output', line)
}

export function mustRun(container: FakeContainer): FakeContainer {
  if (container.state === 'running') return container
  throw cloudError('conflict', `Container ${container.spec.id} is not running`)
}

export function seenContainer(
  container: FakeContainer | undefined,
): Omit<SeenWorkload, 'sandbox' | 'netns'> {
  if (container === undefined) return { container: 'absent' }
  const { state, startedAt, finishedAt, health } = container
  const ended = state === 'exited'
  return {
    container: state,
    revision: container.spec.revision,
    limits: container.limits,
    ...(state === 'running' && health !== undefined ? { health } : {}),
    ...(ended ? { exitCode: container.exitCode ?? 0, oomKilled: container.oomKilled } : {}),
    ...(startedAt === undefined ? {} : { startedAt: startedAt.toISOString() }),
    ...(ended && finishedAt !== undefined ? { finishedAt: finishedAt.toISOString() } : {}),
  }
}
