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
  Health,
  Limits,
  SeenWorkload,
  WorkloadId,
} from '../../ports/compute.ts'
import type { ContainerEngine } from '../../ports/container-engine.ts'
import type { OpenExecWish } from '../../ports/container-streams.ts'
import { fakeArchives } from './archives.ts'
import {
  mustRun,
  newContainer,
  say,
  seenContainer,
  type FakeContainer,
  type FakeSandbox,
} from './container.ts'
import { FakeImages, usualRegistry, type FakeRegistry } from './images.ts'
import { fakeStatistics } from './statistics.ts'
import { fakeStreams } from './streams.ts'

/**
 * The compute port in memory, for tests and for work on what stands above it. Knobs make it slow, let a step fail, let a
 * workload vanish or die. For people who meet it through the API: an image whose content begins with `fail-build` does not
 * load, a container whose host name is `fail-build` cannot be made, a name that holds `fail-pull` cannot be pulled.
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
  | 'setLimits'
  | 'remove'
  | 'destroy'
  | 'commit'
  | 'exec'

/** How many more times the step fails, or for whom (an image key for `loadImage`, else a workload's id). */
export type FakeFailure = number | ((subject: string) => boolean)

export interface FakeCompute extends ContainerEngine {
  /** Every step takes this long. */
  delayMs: number
  readonly failOn: Map<FakeStep, FakeFailure>
  /** How commands end inside; the last one stands in `executed`. */
  execAnswer: ExecResult
  executed: ExecWish | OpenExecWish | undefined
  /** What registries answer. */
  registry: FakeRegistry
  /** What its container was made of. */
  specOf(id: WorkloadId): ContainerSpec
  /** Everything of the workload is gone, as if somebody had removed it behind the cloud's back. */
  vanish(id: WorkloadId): void
  /** The workload's process ends by itself; 137 is what a kill gives. */
  die(id: WorkloadId, exitCode: number): void
  /** The kernel ends the process for its hunger for memory. */
  runOutOfMemory(id: WorkloadId): void
  /** What its health check finds from now on. */
  setHealth(id: WorkloadId, health: Health): void
  /** Its process writes a line. */
  say(id: WorkloadId, line: string, stream?: 'stdout' | 'stderr'): void
  /** Process and sandbox have stopped, as after a start of the host. */
  cutPower(id: WorkloadId): void
}

interface FakeWorkload {
  sandbox?: FakeSandbox
  container?: FakeContainer
}

const SENTINEL = 'fail-build'

class Fake {
  readonly kind = 'fake'
  delayMs = 0
  readonly failOn = new Map<FakeStep, FakeFailure>()
  execAnswer: ExecResult = { exitCode: 0, output: '' }
  executed: ExecWish | OpenExecWish | undefined
  registry: FakeRegistry = usualRegistry
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
      os: 'Fake OS 1',
      osType: 'linux',
      kernelVersion: '1.0.0-fake',
      runtimes: ['runc'],
      labels: {},
    }
  }

  readonly named = new FakeImages({
    registry: () => this.registry,
    delayMs: () => this.delayMs,
    inUse: (reference) =>
      [...this.#workloads.values()].some(
        ({ container }) => container?.spec.image === `docker:${reference}`,
      ),
  })

  async hasImage(key: string): Promise<boolean> {
    if (key.startsWith('docker:')) return this.named.has(key.slice('docker:'.length))
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

  async observe(id: WorkloadId, sandboxOf: WorkloadId = id): Promise<SeenWorkload> {
    const { container } = this.#workloads.get(id) ?? {}
    const { sandbox } = this.#workloads.get(sandboxOf) ?? {}
    const stranded =
      container !== undefined && sandbox !== undefined && sandbox !== container.joined
    const seen = { ...seenContainer(container), ...(stranded ? { stranded } : {}) }
    if (sandbox === undefined) return { sandbox: 'absent', ...seen }
    if (sandbox.netns === undefined) return { sandbox: 'stopped', ...seen }
    return { sandbox: 'running', netns: sandbox.netns, ...seen }
  }

  async list(): Promise<readonly WorkloadId[]> {
    return [...this.#workloads.keys()]
  }

  async ensureSandbox(id: WorkloadId): Promise<{ readonly netns: string }> {
    await this.#step('ensureSandbox', id)
    const workload = this.#workloads.get(id) ?? {}
    this.#workloads.set(id, workload)
    workload.sandbox ??= { netns: undefined }
    if (workload.sandbox.netns === undefined) this.#sandboxes += 1
    workload.sandbox.netns ??= `/fake/${this.#sandboxes}/ns/net`
    return { netns: workload.sandbox.netns }
  }

  async create(spec: ContainerSpec): Promise<void> {
    await this.#step('create', spec.id)
    if (spec.hostname === SENTINEL)
      throw cloudError('badRequest', `The fake engine makes no container named '${SENTINEL}'`)
    const { sandbox } = this.#workloads.get(spec.sandboxOf ?? spec.id) ?? {}
    if (sandbox === undefined) throw cloudError('conflict', `Container ${spec.id} has no sandbox`)
    const workload = this.#workloads.get(spec.id) ?? {}
    this.#workloads.set(spec.id, workload)
    const before = workload.container
    const current = before?.spec.revision === spec.revision
    if (current && before.joined === sandbox) return
    const carried = (spec.keepFiles === true && before !== undefined) || current
    if (!carried && !(await this.hasImage(spec.image)))
      throw cloudError('notFound', `The engine has no image ${spec.image}`, {
        code: 'imageMissing',
      })
    workload.container = newContainer(spec, sandbox, before)
  }

  async start(id: WorkloadId): Promise<void> {
    await this.#step('start', id)
    const container = this.#container(id)
    if (container.state === 'running') return
    if (container.state === 'paused') throw cloudError('conflict', `Container ${id} is paused`)
    if (container.joined.netns === undefined)
      throw cloudError('conflict', `The sandbox of container ${id} is not running`)
    container.state = 'running'
    container.oomKilled = false
    container.startedAt = new Date()
    if (container.spec.health !== undefined) container.health = 'starting'
    say(container, `${container.hostname}: started`)
    say(container, `${container.hostname}: ready`, 'stderr')
    this.#tell(id)
  }

  async stop(id: WorkloadId): Promise<void> {
    await this.#step('stop', id)
    this.#end(id, 0)
  }

  async kill(id: WorkloadId, signal: string): Promise<void> {
    await this.#step('kill', id)
    if (!/^(SIG)?[A-Z]+[0-9]*$|^[0-9]+$/i.test(signal))
      throw cloudError('badRequest', `'${signal}' is not a signal`)
    if (/^(SIG)?(KILL|TERM)$|^(9|15)$/i.test(signal))
      this.#end(id, /TERM|15/i.test(signal) ? 0 : 137)
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
    await this.#step('setLimits', id)
    this.#container(id).limits = limits
  }

  async setHostname(id: WorkloadId, hostname: string): Promise<void> {
    this.#container(id).hostname = hostname
  }

  async remove(id: WorkloadId): Promise<void> {
    await this.#step('remove', id)
    this.#workloads.get(id)?.container?.told.emit('end')
    delete this.#workloads.get(id)?.container
  }

  async destroy(id: WorkloadId): Promise<void> {
    await this.#step('destroy', id)
    this.#workloads.get(id)?.container?.told.emit('end')
    if (this.#workloads.delete(id)) this.#tell(id)
  }

  async logs(id: WorkloadId, tailLines?: number): Promise<string> {
    const { output } = this.#container(id)
    const wanted =
      tailLines === undefined ? output : output.slice(Math.max(0, output.length - tailLines))
    return wanted.map(({ text }) => `${text}\n`).join('')
  }

  async commit(id: WorkloadId): Promise<Readable> {
    await this.#step('commit', id)
    const { spec } = this.#container(id)
    const config = { Cmd: spec.command ?? [] }
    return Readable.from([await dockerArchive({ architecture: 'amd64', config, files: [] })])
  }

  async exec(id: WorkloadId, wish: ExecWish): Promise<ExecResult> {
    await this.#step('exec', id)
    mustRun(this.#container(id))
    this.executed = wish
    return this.execAnswer
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
    this.#workloads.get(id)?.container?.told.emit('end')
    this.#workloads.delete(id)
    this.#tell(id)
  }

  die(id: WorkloadId, exitCode: number): void {
    this.#end(id, exitCode)
  }

  cutPower(id: WorkloadId): void {
    this.#end(id, 137)
    const { sandbox } = this.#workloads.get(id) ?? {}
    if (sandbox !== undefined) sandbox.netns = undefined
    this.#tell(id)
  }

  runOutOfMemory(id: WorkloadId): void {
    this.#container(id).oomKilled = true
    this.#end(id, 137)
  }

  setHealth(id: WorkloadId, health: Health): void {
    this.#container(id).health = health
    this.#tell(id)
  }

  say(id: WorkloadId, line: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    say(this.#container(id), line, stream)
  }

  find(id: WorkloadId): FakeContainer | undefined {
    return this.#workloads.get(id)?.container
  }

  container(id: WorkloadId): FakeContainer {
    return this.#container(id)
  }

  #container(id: WorkloadId): FakeContainer {
    const container = this.#workloads.get(id)?.container
    if (container === undefined)
      throw cloudError('notFound', `There is no container of ${id} on the host`)
    return container
  }

  #turn(id: WorkloadId, from: ContainerState, to: 'running' | 'paused'): void {
    const container = this.#container(id)
    if (container.state !== from && container.state !== to)
      throw cloudError('conflict', `Container ${id} is ${container.state}, not ${from}`)
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
    container.told.emit('end')
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
  const fake = new Fake()
  const containerOf = (id: WorkloadId): FakeContainer => fake.container(id)
  const streams = fakeStreams({
    container: containerOf,
    answer: () => fake.execAnswer,
    noteOpened: (wish) => {
      fake.executed = wish
    },
  })
  return Object.assign(
    fake,
    streams,
    fakeArchives(containerOf),
    fakeStatistics((id) => fake.find(id)),
    fake.named.calls,
  )
}
