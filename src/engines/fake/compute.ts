import { EventEmitter, on } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { dockerArchive } from '../../kernel/archive/docker-archive.ts'
import { cloudError } from '../../kernel/errors/cloud-error.ts'
import type {
  ComputePort,
  ContainerSpec,
  ContainerState,
  ExecResult,
  ExecWish,
  Limits,
  SeenWorkload,
  WorkloadId,
} from '../../ports/compute.ts'

/**
 * The compute port in memory, for tests and for work on what stands above it. Knobs make it slow, let a step fail, let a
 * workload vanish or die. For people who meet it through the API: an image whose content begins with `fail-build` does not
 * load, a container whose host name is `fail-build` cannot be made.
 */
export type FakeStep =
  | 'loadImage'
  | 'ensureSandbox'
  | 'create'
  | 'start'
  | 'stop'
  | 'kill'
  | 'pause'
  | 'unpause'
  | 'remove'
  | 'destroy'
  | 'commit'
  | 'exec'

/** How many more times the step fails, or for whom (an image key for `loadImage`, else a workload's id). */
export type FakeFailure = number | ((subject: string) => boolean)

export interface FakeCompute extends ComputePort {
  /** Every step takes this long. */
  delayMs: number
  readonly failOn: Map<FakeStep, FakeFailure>
  /** How commands end inside; the last one stands in `executed`. */
  execAnswer: ExecResult
  executed: ExecWish | undefined
  /** What its container was made of. */
  specOf(id: WorkloadId): ContainerSpec
  /** Everything of the workload is gone, as if somebody had removed it behind the cloud's back. */
  vanish(id: WorkloadId): void
  /** The workload's process ends by itself; 137 is what a kill gives. */
  die(id: WorkloadId, exitCode: number): void
  /** Process and sandbox have stopped, as after a start of the host. */
  cutPower(id: WorkloadId): void
}

interface FakeContainer {
  readonly spec: ContainerSpec
  limits: Limits
  hostname: string
  state: Exclude<ContainerState, 'absent'>
  exitCode?: number
  startedAt?: Date
  finishedAt?: Date
  output: string[]
}

interface FakeWorkload {
  /** Undefined while the sandbox is stopped. */
  netns: string | undefined
  container?: FakeContainer
}

const SENTINEL = 'fail-build'

class Fake implements FakeCompute {
  readonly kind = 'fake'
  delayMs = 0
  readonly failOn = new Map<FakeStep, FakeFailure>()
  execAnswer: ExecResult = { exitCode: 0, output: '' }
  executed: ExecWish | undefined
  readonly #images = new Set<string>()
  readonly #workloads = new Map<WorkloadId, FakeWorkload>()
  readonly #told = new EventEmitter().setMaxListeners(0)
  readonly #closing = new AbortController()
  #sandboxes = 0

  async hostInfo(): ReturnType<ComputePort['hostInfo']> {
    return {
      hostname: 'fake-host',
      vcpus: 64,
      memoryMiB: 262_144,
      diskGiB: 1_024,
      diskFreeGiB: 1_000,
      engineVersion: '1.0',
      architecture: 'amd64',
      uptimeSeconds: Math.floor(process.uptime()),
    }
  }

  async hasImage(key: string): Promise<boolean> {
    return this.#images.has(key)
  }

  async loadImage(key: string, open: () => Promise<Readable>): Promise<void> {
    if (this.#images.has(key)) return
    await this.#step('loadImage', key)
    let head = Buffer.alloc(0)
    for await (const chunk of await open()) {
      if (head.length < SENTINEL.length) head = Buffer.concat([head, Buffer.from(chunk)])
    }
    if (head.subarray(0, SENTINEL.length).toString() === SENTINEL) {
      throw cloudError(
        'badRequest',
        `The fake engine refuses the image: it begins with '${SENTINEL}'`,
      )
    }
    this.#images.add(key)
  }

  async removeImage(key: string): Promise<void> {
    this.#images.delete(key)
  }

  async observe(id: WorkloadId): Promise<SeenWorkload> {
    const workload = this.#workloads.get(id)
    if (workload === undefined) return { sandbox: 'absent', container: 'absent' }
    const { netns, container } = workload
    if (netns === undefined) return { sandbox: 'stopped', ...seenContainer(container) }
    return { sandbox: 'running', netns, ...seenContainer(container) }
  }

  async list(): Promise<readonly WorkloadId[]> {
    return [...this.#workloads.keys()]
  }

  async ensureSandbox(id: WorkloadId): Promise<{ readonly netns: string }> {
    await this.#step('ensureSandbox', id)
    const found = this.#workloads.get(id)
    if (found?.netns !== undefined) return { netns: found.netns }
    this.#sandboxes += 1
    const netns = `/fake/${this.#sandboxes}/ns/net`
    this.#workloads.set(id, { ...found, netns })
    return { netns }
  }

  async create(spec: ContainerSpec): Promise<void> {
    await this.#step('create', spec.id)
    if (spec.hostname === SENTINEL)
      throw cloudError('badRequest', `The fake engine makes no container named '${SENTINEL}'`)
    const workload = this.#workloads.get(spec.id)
    if (workload === undefined) throw cloudError('conflict', `Workload ${spec.id} has no sandbox`)
    if (workload.container?.spec.revision === spec.revision) return
    const carried = spec.keepFiles === true && workload.container !== undefined
    if (!carried && !this.#images.has(spec.image))
      throw cloudError('notFound', `The engine has no image ${spec.image}`, {
        code: 'imageMissing',
      })
    workload.container = {
      spec,
      limits: spec.limits,
      hostname: spec.hostname,
      state: 'created',
      output: [],
    }
  }

  async start(id: WorkloadId): Promise<void> {
    await this.#step('start', id)
    const container = this.#container(id)
    if (container.state === 'running') return
    if (container.state === 'paused') throw cloudError('conflict', `Workload ${id} is paused`)
    container.state = 'running'
    container.startedAt = new Date()
    container.output.push(`${container.hostname}: started`, `${container.hostname}: ready`)
    this.#tell(id)
  }

  async stop(id: WorkloadId): Promise<void> {
    await this.#step('stop', id)
    this.#end(id, 0)
  }

  async kill(id: WorkloadId, signal: string): Promise<void> {
    await this.#step('kill', id)
    if (/^(SIG)?(KILL|TERM)$|^(9|15)$/.test(signal)) this.#end(id, /TERM|15/.test(signal) ? 0 : 137)
  }

  async pause(id: WorkloadId): Promise<void> {
    await this.#step('pause', id)
    this.#turn(id, 'running', 'paused')
  }

  async unpause(id: WorkloadId): Promise<void> {
    await this.#step('unpause', id)
    this.#turn(id, 'paused', 'running')
  }

  async setLimits(id: WorkloadId, limits: Limits): Promise<void> {
    this.#container(id).limits = limits
  }

  async setHostname(id: WorkloadId, hostname: string): Promise<void> {
    this.#container(id).hostname = hostname
  }

  async remove(id: WorkloadId): Promise<void> {
    await this.#step('remove', id)
    delete this.#workloads.get(id)?.container
  }

  async destroy(id: WorkloadId): Promise<void> {
    await this.#step('destroy', id)
    if (this.#workloads.delete(id)) this.#tell(id)
  }

  async logs(id: WorkloadId, tailLines?: number): Promise<string> {
    const { output } = this.#container(id)
    const wanted =
      tailLines === undefined ? output : output.slice(Math.max(0, output.length - tailLines))
    return wanted.map((line) => `${line}\n`).join('')
  }

  async commit(id: WorkloadId): Promise<Readable> {
    await this.#step('commit', id)
    const { spec } = this.#container(id)
    const config = { Cmd: spec.command ?? [] }
    return Readable.from([await dockerArchive({ architecture: 'amd64', config, files: [] })])
  }

  async exec(id: WorkloadId, wish: ExecWish): Promise<ExecResult> {
    await this.#step('exec', id)
    if (this.#container(id).state !== 'running')
      throw cloudError('conflict', `Workload ${id} is not running`)
    this.executed = wish
    return this.execAnswer
  }

  async stats(id: WorkloadId): ReturnType<ComputePort['stats']> {
    const { state, limits, startedAt } = this.#container(id)
    if (state !== 'running' && state !== 'paused')
      throw cloudError('conflict', `Workload ${id} is not running`)
    const memoryLimitBytes = limits.memoryMiB * 1024 * 1024
    const seconds = (Date.now() - (startedAt ?? new Date()).getTime()) / 1000
    return {
      cpuNs: 1_000_000 + Math.round(seconds * 1e7),
      memoryBytes: memoryLimitBytes / 4,
      memoryLimitBytes,
      pids: 1,
    }
  }

  async *changes(signal: AbortSignal): AsyncGenerator<WorkloadId> {
    const either = AbortSignal.any([signal, this.#closing.signal])
    if (either.aborted) return
    try {
      for await (const [id] of on(this.#told, 'change', { signal: either }))
        if (typeof id === 'string') yield id
    } catch (error) {
      if (!either.aborted) throw error
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }

  specOf(id: WorkloadId): ContainerSpec {
    return this.#container(id).spec
  }

  vanish(id: WorkloadId): void {
    this.#workloads.delete(id)
    this.#tell(id)
  }

  die(id: WorkloadId, exitCode: number): void {
    this.#end(id, exitCode)
  }

  cutPower(id: WorkloadId): void {
    this.#end(id, 137)
    const workload = this.#workloads.get(id)
    if (workload !== undefined) workload.netns = undefined
    this.#tell(id)
  }

  #container(id: WorkloadId): FakeContainer {
    const container = this.#workloads.get(id)?.container
    if (container === undefined) throw cloudError('notFound', `Workload ${id} has no container`)
    return container
  }

  #turn(id: WorkloadId, from: ContainerState, to: 'running' | 'paused'): void {
    const container = this.#container(id)
    if (container.state !== from && container.state !== to)
      throw cloudError('conflict', `Workload ${id} is ${container.state}, not ${from}`)
    container.state = to
    this.#tell(id)
  }

  #end(id: WorkloadId, exitCode: number): void {
    const container = this.#workloads.get(id)?.container
    if (container === undefined || (container.state !== 'running' && container.state !== 'paused'))
      return
    container.state = 'exited'
    container.exitCode = exitCode
    container.finishedAt = new Date()
    this.#tell(id)
  }

  #tell(id: WorkloadId): void {
    this.#told.emit('change', id)
  }

  async #step(step: FakeStep, subject: string): Promise<void> {
    if (this.delayMs > 0) await sleep(this.delayMs)
    const failure = this.failOn.get(step)
    if (typeof failure === 'number') {
      if (failure <= 0) return
      this.failOn.set(step, failure - 1)
    } else if (failure?.(subject) !== true) return
    throw new Error(`the fake engine was told to fail: ${step} of ${subject}`)
  }
}

export function createFakeCompute(): FakeCompute {
  return new Fake()
}

function seenContainer(
  container: FakeContainer | undefined,
): Omit<SeenWorkload, 'sandbox' | 'netns'> {
  if (container === undefined) return { container: 'absent' }
  const { state, startedAt, finishedAt } = container
  const ended = state === 'exited'
  return {
    container: state,
    revision: container.spec.revision,
    limits: container.limits,
    ...(ended ? { exitCode: container.exitCode ?? 0, oomKilled: false } : {}),
    ...(startedAt === undefined ? {} : { startedAt: startedAt.toISOString() }),
    ...(ended && finishedAt !== undefined ? { finishedAt: finishedAt.toISOString() } : {}),
  }
}
