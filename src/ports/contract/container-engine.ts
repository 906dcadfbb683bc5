import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { extract } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tar } from '../../kernel/archive/docker-archive.ts'
import { isCloudError, type ErrorKind } from '../../kernel/errors/cloud-error.ts'
import { busyboxImage } from '../../kernel/testkit/busybox-image.ts'
import type { ContainerSpec, ImageKey, WorkloadId } from '../compute.ts'
import type { ContainerEngine } from '../container-engine.ts'
import type { ContainerStream, OpenExecWish } from '../container-streams.ts'

/** What every engine of containers keeps to beyond the compute port. */
export interface EngineUnderTest {
  readonly port: ContainerEngine
  cleanUp(): Promise<void>
}

const KEY: ImageKey = `sha256:${'ce'.repeat(32)}`
const LIMITS = { vcpus: 1, memoryMiB: 64, pids: 50 } as const

export function containerEngineContract(name: string, make: () => Promise<EngineUnderTest>): void {
  describe(`container engine: ${name}`, { timeout: 60_000 }, () => {
    let made: EngineUnderTest
    const port: Port = () => made.port
    beforeAll(async () => {
      made = await make()
      const image = await busyboxImage({ command: ['cat'] })
      await port().loadImage(KEY, async () => Readable.from([image]))
    }, 60_000)
    afterAll(async () => await made.cleanUp(), 60_000)

    commandContract(port)
    attachContract(port)
    archiveContract(port)
    usageContract(port)
    namedImageContract(port)
    buildContract(port)
    capsuleContract(port)
  })
}

type Port = () => ContainerEngine

function spec(id: WorkloadId, change: Partial<ContainerSpec> = {}): ContainerSpec {
  const base = { image: KEY, revision: 1, hostname: 'web-1', env: {}, labels: {}, limits: LIMITS }
  return { ...base, id, tty: false, stdin: true, files: [], dns: [], hosts: [], ...change }
}

async function running(
  port: ContainerEngine,
  change: Partial<ContainerSpec> = {},
): Promise<WorkloadId> {
  const id = randomUUID()
  if (change.sandboxOf === undefined) await port.ensureSandbox(id, change.sandboxShared === true)
  await port.create(spec(id, change))
  await port.start(id)
  return id
}

async function kindOf(work: Promise<unknown>): Promise<ErrorKind | undefined> {
  const failure: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  return isCloudError(failure) ? failure.kind : undefined
}

/** Reads until the text is there; fails with what came when the stream ends before. */
async function heard(stream: ContainerStream, text: string): Promise<void> {
  stream.stderr.resume()
  let all = ''
  for await (const chunk of stream.stdout.iterator({ destroyOnReturn: false })) {
    all += String(chunk)
    if (all.includes(text)) return
  }
  expect(all).toContain(text)
}

const listening: OpenExecWish = { command: ['cat'], tty: false, stdin: true }

function commandContract(port: Port): void {
  it('talks with a command until its input ends', async () => {
    const id = await running(port())
    const session = await port().openExec(id, listening)
    session.stdin.write('hello\n')
    await heard(session, 'hello\n')
    session.stdin.end()
    session.stdout.resume()
    expect(await session.exited).toBe(0)
    expect(session.id).toMatch(/^[0-9a-f]{64}$/)
    expect(await kindOf(session.resize({ rows: 10, columns: 10 }))).toBe('conflict')
    await port().destroy(id)
  })

  it('prepares a command and starts it once, for its own workload only', async () => {
    const [id, other] = [await running(port()), await running(port())]
    const execId = await port().prepareExec(id, { ...listening, tty: true })
    expect(await kindOf(port().startExec(other, execId))).toBe('notFound')
    expect(await kindOf(port().startExec(id, 'f'.repeat(64)))).toBe('notFound')
    const session = await port().startExec(id, execId)
    await port().resizeExec(id, execId, { rows: 40, columns: 100 })
    expect(await kindOf(port().resizeExec(other, execId, { rows: 1, columns: 1 }))).toBe('notFound')
    expect(await kindOf(port().startExec(id, execId))).toBe('conflict')
    expect(session.tty).toBe(true)
    session.close()
    session.close()
    expect(await session.exited).toBe(137)
    await port().destroy(id)
    await port().destroy(other)
  })

  it('opens nothing where nothing runs', async () => {
    const id = await running(port())
    await port().kill(id, 'KILL')
    await expect.poll(async () => (await port().observe(id)).container).toBe('exited')
    expect(await kindOf(port().openExec(id, listening))).toBe('conflict')
    expect(await kindOf(port().attach(id))).toBe('conflict')
    expect(await kindOf(port().resizeTty(id, { rows: 1, columns: 1 }))).toBe('conflict')
    await port().destroy(id)
    expect(await kindOf(port().openExec(id, listening))).toBe('notFound')
    expect(await kindOf(port().attach(id))).toBe('notFound')
  })

  it('knows what is no signal', async () => {
    const id = await running(port())
    expect(await kindOf(port().kill(id, 'no signal'))).toBe('badRequest')
    expect((await port().observe(id)).container).toBe('running')
    await port().destroy(id)
  })
}

function attachContract(port: Port): void {
  it.each([false, true])('is attached to, by several, and runs on (terminal: %s)', async (tty) => {
    const id = await running(port(), { tty })
    const [one, two] = [await port().attach(id), await port().attach(id)]
    one.stdin.write('to both\n')
    await Promise.all([heard(one, 'to both'), heard(two, 'to both')])
    expect(one.tty).toBe(tty)
    if (tty) await port().resizeTty(id, { rows: 50, columns: 120 })
    one.close()
    two.stdin.write('still there\n')
    await heard(two, 'still there')
    expect((await port().observe(id)).container).toBe('running')
    await port().destroy(id)
    for await (const _rest of two.stdout); // ends with the process
  })

  it('is left with ctrl-p ctrl-q on a terminal, and runs on', async () => {
    const id = await running(port(), { tty: true })
    const stream = await port().attach(id)
    stream.stdin.write('hello\n')
    await heard(stream, 'hello')
    stream.stdin.write('\u0010\u0011')
    for await (const _rest of stream.stdout); // ends, though the process does not
    expect((await port().observe(id)).container).toBe('running')
    await port().destroy(id)
  })

  it('follows what is written, and ends when asked to', async () => {
    const id = await running(port())
    const stream = await port().attach(id)
    stream.stdin.write('before\n')
    await heard(stream, 'before')
    const stop = new AbortController()
    const log = await port().followLogs(id, { follow: true, stderr: false }, stop.signal)
    let text = ''
    const read = (async (): Promise<void> => {
      for await (const chunk of log) text += String(chunk)
    })()
    stream.stdin.write('after\n')
    await expect.poll(() => text).toMatch(/before\n(.*\n)*after\n$/)
    stop.abort()
    await read
    const last = await port().followLogs(id, { tail: 1, timestamps: true })
    expect(String((await last.toArray())[0])).toMatch(/^\d{4}-\d\d-\d\dT\S+Z after\n$/)
    stream.close()
    await port().destroy(id)
  })

  it('follows to the end of the process', async () => {
    const id = await running(port())
    const log = await port().followLogs(id, { follow: true })
    setTimeout(() => void port().kill(id, 'KILL'), 100)
    for await (const _line of log);
    expect(await kindOf(port().followLogs(randomUUID(), {}))).not.toBeUndefined()
    await port().destroy(id)
  })
}

function archiveContract(port: Port): void {
  it('takes files in and gives them out, running or not', async () => {
    const id = await running(port())
    const content = await tar([{ path: 'note', content: Buffer.from('remember'), mode: 0o644 }])
    await port().putArchive(id, '/tmp', Readable.from([content]))
    await port().stop(id, 0)
    const { stat, tar: out } = await port().getArchive(id, '/tmp/note')
    expect(stat).toMatchObject({ name: 'note', kind: 'file', size: 8, mode: 0o644, linkTarget: '' })
    expect(await filesIn(out)).toEqual({ note: 'remember' })
    expect(await port().statPath(id, '/tmp')).toMatchObject({ name: 'tmp', kind: 'folder' })
    await port().destroy(id)
  })

  it('refuses with a reason', async () => {
    const id = await running(port())
    const some = await tar([{ path: 'x', content: Buffer.from('x') }])
    const put = async (path: string, content: Buffer): Promise<ErrorKind | undefined> =>
      await kindOf(port().putArchive(id, path, Readable.from([content])))
    expect(await kindOf(port().statPath(id, '/no/such'))).toBe('notFound')
    expect(await kindOf(port().getArchive(id, '/no/such'))).toBe('notFound')
    expect(await put('/no/such', some)).toBe('notFound')
    expect(await put('/tmp', Buffer.from('no tar. '.repeat(200)))).toBe('badRequest')
    await port().putArchive(id, '/tmp', Readable.from([some]))
    expect(await put('/tmp/x', some)).toBe('badRequest')
    await port().destroy(id)
    expect(await kindOf(port().statPath(id, '/tmp'))).toBe('notFound')
  })

  it('lists processes of a running one', async () => {
    const id = await running(port())
    const { titles, processes } = await port().top(id)
    expect(titles).toContain('PID')
    expect(processes).toHaveLength(1)
    expect(await kindOf(port().top(id, '--no-such-option "'))).toBe('badRequest')
    await port().stop(id, 0)
    expect(await kindOf(port().top(id))).toBe('conflict')
    await port().destroy(id)
  })
}

async function filesIn(content: Readable): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const reader = extract()
  content.pipe(reader)
  for await (const entry of reader) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
    if (entry.header.type === 'file') found[entry.header.name] = Buffer.concat(chunks).toString()
  }
  return found
}

function usageContract(port: Port): void {
  it('tells rates of one, of many, and as a stream', async () => {
    const [id, other] = [await running(port()), await running(port())]
    const one = await port().usage(id)
    expect(one.cpuPercent).toBeGreaterThanOrEqual(0)
    expect(one.memoryLimitBytes).toBe(LIMITS.memoryMiB * 1024 * 1024)
    expect(one.memoryPercent).toBeLessThanOrEqual(100)
    await port().stop(other, 0)
    const all = await port().usageOfAll([id, other, randomUUID()])
    expect([...all.keys()]).toEqual([id])
    const seen: string[] = []
    for await (const sample of port().streamUsage(id, new AbortController().signal, 150)) {
      seen.push(sample.takenAt)
      if (seen.length === 2) await port().stop(id, 0)
    }
    expect(new Set(seen).size).toBe(2)
    expect(await kindOf(port().usage(id))).toBe('conflict')
    await port().destroy(id)
    await port().destroy(other)
  })
}

function namedImageContract(port: Port): void {
  it.each([
    'UPPER',
    'a b',
    'x:',
    'sha256:00',
    'a@b@c',
    'stackyard/sandbox:1',
    'docker.io/stackyard/x',
  ])('gives nothing for the name %s', async (name) => {
    expect(await kindOf(port().findImage(name))).toBe('badRequest')
    expect(await kindOf(port().pullImage(name))).toBe('badRequest')
  })

  it('says at once when a registry cannot be reached', async () => {
    const begun = Date.now()
    expect(await port().findImage('127.0.0.1:1/none:1')).toBeUndefined()
    await expect(port().pullImage('127.0.0.1:1/none:1')).rejects.toThrow(/refused/)
    expect(await kindOf(port().pullImage('127.0.0.1:1/none:1'))).toBe('badRequest')
    expect(await kindOf(port().removeNamedImage('127.0.0.1:1/none:1'))).toBe('notFound')
    expect(await kindOf(port().openEngineImage('127.0.0.1:1/none:1'))).toBe('notFound')
    expect(Date.now() - begun).toBeLessThan(15_000)
  })

  it('does not show the cloud’s own images', async () => {
    const names = (await port().listImages()).flatMap(({ tags }) => tags)
    expect(names.filter((name) => name.startsWith('stackyard/'))).toEqual([])
  })
}

function buildContract(port: Port): void {
  const context = async (dockerfile: string): Promise<Readable> =>
    Readable.from([
      await tar([
        { path: 'Dockerfile', content: Buffer.from(dockerfile) },
        { path: 'hello', content: Buffer.from('hi') },
      ]),
    ])

  it('builds an image, which can be taken away as an archive', async () => {
    const lines: string[] = []
    const built = await port().buildImage(
      await context('FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n'),
      { labels: { shelf: 'b' }, memoryMiB: 64, vcpus: 1, onLine: (line) => lines.push(line) },
    )
    expect(lines.join('\n')).toMatch(/FROM scratch(.|\n)*COPY hello/)
    const key: ImageKey = `sha256:${'bd'.repeat(32)}`
    const chunks: Buffer[] = []
    for await (const chunk of await port().openEngineImage(built.id)) chunks.push(chunk)
    await port().loadImage(key, async () => Readable.from(chunks))
    expect(await port().hasImage(key)).toBe(true)
    await port().removeImage(key)
    for (let twice = 0; twice < 2; twice += 1) await port().removeBuiltImage(built.id)
    await expect(port().openEngineImage(built.id)).rejects.toThrow(Error)
  })

  it('refuses what cannot be built, with the builder’s reason', async () => {
    const build = async (content: Readable): Promise<ErrorKind | undefined> =>
      await kindOf(port().buildImage(content, {}))
    expect(await build(await context('FROM scratch\nfail-build it\n'))).toBe('badRequest')
    expect(await build(Readable.from([await tar([{ path: 'x' }])]))).toBe('badRequest')
    expect(await build(Readable.from([Buffer.from('no tar. '.repeat(200))]))).toBe('badRequest')
  })

  it('ends a build that nobody wants any more', async () => {
    const gone = AbortSignal.abort(new Error('cancelled'))
    await expect(
      port().buildImage(await context('FROM scratch\nCOPY hello /hello\n'), { signal: gone }),
    ).rejects.toThrow('cancelled')
  })
}

function capsuleContract(port: Port): void {
  it('lets containers share a sandbox', async () => {
    const owner = await running(port(), { sandboxShared: true })
    const guest = await running(port(), { sandboxOf: owner })
    const { netns } = await port().ensureSandbox(owner, true)
    expect(await port().observe(guest, owner)).toMatchObject({
      sandbox: 'running',
      netns,
      container: 'running',
    })
    await port().stop(owner, 0) // its process, not its sandbox
    await sleep(50)
    expect((await port().observe(guest, owner)).container).toBe('running')
    await port().destroy(guest)
    await port().destroy(owner)
    expect(await port().list()).not.toContain(guest)
    expect(await port().list()).not.toContain(owner)
  })

  it('sees a container whose sandbox was made anew, and makes it anew', async () => {
    const owner = await running(port(), { sandboxShared: true })
    const guest = await running(port(), { sandboxOf: owner })
    await port().destroy(owner)
    await port().ensureSandbox(owner, true)
    expect((await port().observe(guest, owner)).stranded).toBe(true)
    await port().create(spec(guest, { sandboxOf: owner }))
    await port().start(guest)
    const seen = await port().observe(guest, owner)
    expect([seen.container, seen.stranded]).toEqual(['running', undefined])
    await port().destroy(guest)
    await port().destroy(owner)
  })
}
