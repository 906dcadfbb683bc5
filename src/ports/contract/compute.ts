import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCloudError } from '../../kernel/errors/cloud-error.ts'
import { busyboxImage } from '../../kernel/testkit/busybox-image.ts'
import type { ComputePort, ContainerSpec, ImageKey, SeenWorkload, WorkloadId } from '../compute.ts'

/** What every compute engine keeps to. An engine's test file calls it with a way to make one. */
export interface ComputeUnderTest {
  readonly port: ComputePort
  /** Ends the workload's process behind the port's back. */
  die(id: WorkloadId): Promise<void>
  /** Closes the port and removes everything it left on the host. */
  cleanUp(): Promise<void>
}

const LIMITS = { vcpus: 1, memoryMiB: 64, pids: 50 } as const
const KEY: ImageKey = `sha256:${'c0'.repeat(32)}`
/** Prints on both outputs, then sleeps; ends at once when asked politely. */
const COMMAND = [
  'sh',
  '-c',
  'trap "exit 0" TERM; echo first; echo second >&2; while :; do sleep 0.1; done',
]

export function computeContract(name: string, make: () => Promise<ComputeUnderTest>): void {
  describe(`compute port: ${name}`, { timeout: 60_000 }, () => {
    let made: ComputeUnderTest
    const port = (): ComputePort => made.port
    beforeAll(async () => {
      made = await make()
      const image = await busyboxImage({ command: COMMAND })
      await port().loadImage(KEY, async () => Readable.from([image]))
    }, 60_000)
    afterAll(async () => await made.cleanUp(), 60_000)

    imageContract(port)
    absenceContract(port)
    lifeContract(port)
    endContract(port)
    changeContract(port, async (id) => await made.die(id))
    readingContract(port)
    insideContract(port)
  })
}

type Port = () => ComputePort

function spec(id: WorkloadId, change: Partial<ContainerSpec> = {}): ContainerSpec {
  const base = {
    image: KEY,
    revision: 1,
    hostname: 'web-1',
    env: { COLOUR: 'blue' },
    labels: { shelf: 'a' },
  }
  return { ...base, id, tty: false, limits: LIMITS, files: [], dns: [], hosts: [], ...change }
}

async function running(
  port: ComputePort,
  change: Partial<ContainerSpec> = {},
): Promise<WorkloadId> {
  const id = randomUUID()
  await port.ensureSandbox(id)
  await port.create(spec(id, change))
  await port.start(id)
  return id
}

async function until(
  port: ComputePort,
  id: WorkloadId,
  state: SeenWorkload['container'],
): Promise<SeenWorkload> {
  for (let tries = 0; tries < 100; tries += 1) {
    const seen = await port.observe(id)
    if (seen.container === state) return seen
    await sleep(50)
  }
  throw new Error(`workload ${id} does not become ${state}`)
}

function imageContract(port: Port): void {
  const other: ImageKey = `sha256:${'0d'.repeat(32)}`

  it('takes an image once and knows it by its key', async () => {
    expect(await port().hasImage(KEY)).toBe(true)
    await port().loadImage(KEY, async () => await Promise.reject(new Error('opened in vain')))
    expect(await port().hasImage(other)).toBe(false)
  })

  it('refuses content that is no image, with a reason, and keeps nothing', async () => {
    const rubbish = Readable.from([Buffer.from('fail-build: no archive. '.repeat(100))])
    await expect(port().loadImage(other, async () => rubbish)).rejects.toThrow(/image/i)
    expect(await port().hasImage(other)).toBe(false)
  })

  it('passes on the reason why an image cannot be read', async () => {
    await expect(
      port().loadImage(other, async () => await Promise.reject(new Error('disk on fire'))),
    ).rejects.toThrow('disk on fire')
  })

  it('removes an image, and again', async () => {
    const image = await busyboxImage({ command: ['true'] })
    await port().loadImage(other, async () => Readable.from([image]))
    expect(await port().hasImage(other)).toBe(true)
    await port().removeImage(other)
    await port().removeImage(other)
    expect(await port().hasImage(other)).toBe(false)
  })

  it('says in a recognisable way that the image of a new container is missing', async () => {
    const id = randomUUID()
    await port().ensureSandbox(id)
    const failure: unknown = await port()
      .create(spec(id, { image: other }))
      .catch((error: unknown) => error)
    expect(isCloudError(failure, 'notFound') && failure.code).toBe('imageMissing')
    await port().destroy(id)
  })
}

function absenceContract(port: Port): void {
  it('sees nothing where nothing is, and removes it without complaint', async () => {
    const id = randomUUID()
    expect(await port().observe(id)).toEqual({ sandbox: 'absent', container: 'absent' })
    await port().stop(id, 0)
    await port().kill(id, 'KILL')
    await port().remove(id)
    await port().destroy(id)
    expect(await port().list()).not.toContain(id)
  })

  it('cannot start, pause or read what is not there', async () => {
    const id = randomUUID()
    await expect(port().start(id)).rejects.toThrow(Error)
    await expect(port().pause(id)).rejects.toThrow(Error)
    await expect(port().unpause(id)).rejects.toThrow(Error)
    await expect(port().setHostname(id, 'x')).rejects.toThrow(Error)
    await expect(port().setLimits(id, LIMITS)).rejects.toThrow(Error)
    await expect(port().logs(id)).rejects.toThrow(Error)
    await expect(port().stats(id)).rejects.toThrow(Error)
    await expect(port().commit(id)).rejects.toThrow(Error)
    await expect(port().exec(id, { command: ['true'], timeoutMs: 1_000 })).rejects.toThrow(Error)
  })

  it('starts no container without a sandbox', async () => {
    const id = randomUUID()
    // An engine may notice at either step.
    await expect(
      port()
        .create(spec(id))
        .then(async () => await port().start(id)),
    ).rejects.toThrow(Error)
    await port().destroy(id)
    expect(await port().list()).not.toContain(id)
  })

  it('says who it is', async () => {
    const info = await port().hostInfo()
    expect(info.vcpus).toBeGreaterThan(0)
    expect(info.memoryMiB).toBeGreaterThan(0)
    expect(info.diskGiB).toBeGreaterThanOrEqual(info.diskFreeGiB)
    expect(info.engineVersion).not.toBe('')
  })
}

function lifeContract(port: Port): void {
  it('goes through a whole life, every call twice', async () => {
    const id = randomUUID()
    const sandbox = await port().ensureSandbox(id)
    expect(await port().ensureSandbox(id)).toEqual(sandbox)
    expect(await port().observe(id)).toEqual({
      sandbox: 'running',
      netns: sandbox.netns,
      container: 'absent',
    })
    for (let twice = 0; twice < 2; twice += 1) await port().create(spec(id))
    expect(await port().observe(id)).toMatchObject({
      container: 'created',
      revision: 1,
      limits: LIMITS,
    })
    for (let twice = 0; twice < 2; twice += 1) await port().start(id)
    const seen = await port().observe(id)
    expect(seen).toMatchObject({ sandbox: 'running', netns: sandbox.netns, container: 'running' })
    expect(Date.parse(seen.startedAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
    for (let twice = 0; twice < 2; twice += 1) await port().pause(id)
    expect((await port().observe(id)).container).toBe('paused')
    for (let twice = 0; twice < 2; twice += 1) await port().unpause(id)
    expect((await port().observe(id)).container).toBe('running')
    await port().create(spec(id)) // repeated on a running one: nothing happens
    expect((await port().observe(id)).startedAt).toBe(seen.startedAt)
    expect(await port().list()).toContain(id)
    for (let twice = 0; twice < 2; twice += 1) await port().destroy(id)
    expect(await port().observe(id)).toEqual({ sandbox: 'absent', container: 'absent' })
    expect(await port().list()).not.toContain(id)
  })
}

function endContract(port: Port): void {
  it('stops politely and keeps the network', async () => {
    const id = await running(port())
    const before = await port().observe(id)
    for (let twice = 0; twice < 2; twice += 1) await port().stop(id, 10)
    const seen = await port().observe(id)
    expect(seen).toMatchObject({
      sandbox: 'running',
      netns: before.netns,
      container: 'exited',
      exitCode: 0,
      oomKilled: false,
    })
    expect(Date.parse(seen.finishedAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(seen.startedAt ?? ''),
    )
    await port().start(id)
    expect(await port().observe(id)).toMatchObject({ container: 'running', netns: before.netns })
    await port().destroy(id)
  })

  it('stops a paused one', async () => {
    const id = await running(port())
    await port().pause(id)
    await port().stop(id, 1)
    expect((await port().observe(id)).container).toBe('exited')
    await port().destroy(id)
  })

  it('kills, and again', async () => {
    const id = await running(port())
    await port().kill(id, 'KILL')
    expect((await until(port(), id, 'exited')).exitCode).toBe(137)
    await port().kill(id, 'KILL')
    await port().destroy(id)
  })

  it('removes the container and keeps the sandbox', async () => {
    const id = await running(port())
    const { netns } = await port().ensureSandbox(id)
    for (let twice = 0; twice < 2; twice += 1) await port().remove(id)
    expect(await port().observe(id)).toEqual({ sandbox: 'running', netns, container: 'absent' })
    await port().destroy(id)
  })

  it('replaces a container of another revision', async () => {
    const id = await running(port())
    await port().create(spec(id, { revision: 2 }))
    expect(await port().observe(id)).toMatchObject({ container: 'created', revision: 2 })
    await port().destroy(id)
  })
}

function changeContract(port: Port, die: (id: WorkloadId) => Promise<void>): void {
  it('changes limits and host name of a running one', async () => {
    const id = await running(port())
    const limits = { vcpus: 0.5, memoryMiB: 96, pids: 60 }
    for (let twice = 0; twice < 2; twice += 1) await port().setLimits(id, limits)
    expect((await port().observe(id)).limits).toEqual(limits)
    for (let twice = 0; twice < 2; twice += 1) await port().setHostname(id, 'web-2')
    await port().destroy(id)
  })

  it('tells what changed by itself, and ends when asked to', async () => {
    const id = await running(port())
    const stop = new AbortController()
    const told = tellsOf(port(), id, stop.signal)
    await die(id)
    expect(await told).toBe(true)
    stop.abort()
    expect((await until(port(), id, 'exited')).exitCode).toBe(137)
    await port().destroy(id)
    const ended = new AbortController()
    const rest = tellsOf(port(), 'nothing', ended.signal)
    ended.abort()
    expect(await rest).toBe(false)
  })
}

/** Whether the stream of changes names the id before it ends. */
async function tellsOf(port: ComputePort, id: WorkloadId, signal: AbortSignal): Promise<boolean> {
  for await (const changed of port.changes(signal)) if (changed === id) return true
  return false
}

function readingContract(port: Port): void {
  it('shows output, all of it or its end', async () => {
    const id = await running(port())
    for (let tries = 0; tries < 100 && lines(await port().logs(id)) < 2; tries += 1) await sleep(20)
    expect(lines(await port().logs(id))).toBe(2)
    expect(lines(await port().logs(id, 1))).toBe(1)
    await port().destroy(id)
  })

  it('measures a running one only', async () => {
    const id = await running(port())
    const stats = await port().stats(id)
    expect(stats.memoryLimitBytes).toBe(LIMITS.memoryMiB * 1024 * 1024)
    expect(stats.memoryBytes).toBeLessThanOrEqual(stats.memoryLimitBytes)
    expect(stats.pids).toBeGreaterThan(0)
    expect(stats.cpuNs).toBeGreaterThan(0)
    await port().stop(id, 5)
    await expect(port().stats(id)).rejects.toThrow(/not running/)
    await port().destroy(id)
  })

  it('makes an image of a container, which starts like any other', async () => {
    const id = await running(port())
    const content: Buffer[] = []
    for await (const chunk of await port().commit(id)) content.push(chunk)
    expect((await port().observe(id)).container).toBe('running')
    const key: ImageKey = `sha512:${'5a'.repeat(64)}`
    await port().loadImage(key, async () => Readable.from(content))
    const copy = await running(port(), { image: key })
    expect((await port().observe(copy)).container).toBe('running')
    await port().destroy(id)
    await port().destroy(copy)
    await port().removeImage(key)
  })
}

function insideContract(port: Port): void {
  const wish = { command: ['true'], env: { COLOUR: 'red' }, user: '0', timeoutMs: 10_000 }

  it('runs a command inside a running one only', async () => {
    const id = randomUUID()
    await port().ensureSandbox(id)
    await port().create(spec(id))
    await port().start(id)
    expect(await port().exec(id, wish)).toEqual({ exitCode: 0, output: '' })
    for (const halt of ['pause', 'stop'] as const) {
      await (halt === 'pause' ? port().pause(id) : port().stop(id, 5))
      const refused: unknown = await port()
        .exec(id, wish)
        .catch((error: unknown) => error)
      expect(isCloudError(refused, 'conflict')).toBe(true)
    }
    await port().destroy(id)
  })

  it('carries the files of a replaced one over, again and again, without the image', async () => {
    const id = await running(port())
    expect((await port().exec(id, { ...wish, command: ['touch', '/root/note'] })).exitCode).toBe(0)
    for (const revision of [2, 3]) {
      const image: ImageKey = `sha256:${'0d'.repeat(32)}`
      for (let twice = 0; twice < 2; twice += 1)
        await port().create(spec(id, { revision, image, keepFiles: true }))
      expect(await port().observe(id)).toMatchObject({ container: 'created', revision })
      await port().start(id)
      const look = await port().exec(id, { ...wish, command: ['test', '-f', '/root/note'] })
      expect(look.exitCode).toBe(0)
    }
    await port().destroy(id)
  })

  it('takes the image where there are no files to carry over', async () => {
    const id = await running(port(), { keepFiles: true })
    expect((await port().observe(id)).container).toBe('running')
    await port().destroy(id)
  })
}

function lines(text: string): number {
  return text.split('\n').filter((line) => line !== '').length
}
