import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tar } from '../../kernel/archive/docker-archive.ts'
import { silentLog } from '../../kernel/log/log.ts'
import { busyboxImage } from '../../kernel/testkit/busybox-image.ts'
import { startTestRegistry, type TestRegistry } from '../../kernel/testkit/registry.ts'
import type { ContainerSpec, ImageKey, WorkloadId } from '../../ports/compute.ts'
import type { ContainerEngine } from '../../ports/container-engine.ts'
import { containerEngineContract } from '../../ports/contract/container-engine.ts'
import { DockerClient } from './client.ts'
import { createDockerCompute, purgeDocker, type DockerComputeConfig } from './index.ts'
import { containerName, imageRepository } from './names.ts'

const socket = '/var/run/docker.sock'
const client = new DockerClient(socket)
afterAll(() => client.close())

async function newConfig(): Promise<DockerComputeConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'stackyard-docker-'))
  return { socket, cloud: randomBytes(2).toString('hex'), folder, poolSize: 0, log: silentLog() }
}

async function tearDown(port: ContainerEngine, config: DockerComputeConfig): Promise<void> {
  await port.close()
  await purgeDocker(config)
}

containerEngineContract('docker', async () => {
  const config = await newConfig()
  const port = createDockerCompute(config)
  return { port, cleanUp: async () => await tearDown(port, config) }
})

const KEY: ImageKey = `sha256:${'ec'.repeat(32)}`

function spec(id: WorkloadId, change: Partial<ContainerSpec> = {}): ContainerSpec {
  const limits = { vcpus: 0.5, memoryMiB: 64, pids: 50 }
  const base = { image: KEY, revision: 1, hostname: 'web-1', env: {}, labels: {}, tty: false }
  return { ...base, id, limits, files: [], dns: [], hosts: [], ...change }
}

describe('docker engine, what containers can', { timeout: 60_000 }, () => {
  let config: DockerComputeConfig
  let port: ContainerEngine
  beforeAll(async () => {
    config = await newConfig()
    port = createDockerCompute(config)
    const image = await busyboxImage({ command: ['sleep', '1000'] })
    await port.loadImage(KEY, async () => Readable.from([image]))
  }, 60_000)
  afterAll(async () => await tearDown(port, config), 60_000)

  async function run(change: Partial<ContainerSpec> = {}): Promise<WorkloadId> {
    const id = randomUUID()
    if (change.sandboxOf === undefined) await port.ensureSandbox(id, change.sandboxShared === true)
    await port.create(spec(id, change))
    await port.start(id)
    return id
  }

  const sh = async (id: WorkloadId, script: string): Promise<string> =>
    (await port.exec(id, { command: ['sh', '-c', script], timeoutMs: 20_000 })).output

  describe('commands', () => {
    it('keep both outputs apart, give the exit code, and hear where they are', async () => {
      const id = await run()
      const session = await port.openExec(id, {
        command: ['sh', '-c', 'echo $COLOUR; pwd; id -u; echo bad >&2; exit 3'],
        env: { COLOUR: 'blue' },
        user: '65534',
        workdir: '/tmp',
        tty: false,
        stdin: false,
      })
      const [out, err] = await Promise.all([textOf(session.stdout), textOf(session.stderr)])
      expect([out, err, await session.exited]).toEqual(['blue\n/tmp\n65534\n', 'bad\n', 3])
      await port.destroy(id)
    })

    it('leave nothing running when they are closed', async () => {
      const id = await run()
      for (const tty of [false, true]) {
        const script = 'sleep 4321 & sleep 1234; sleep 5678'
        const command = ['sh', '-c', script]
        const session = await port.openExec(id, { command, tty, stdin: true })
        await expect.poll(async () => await sh(id, 'ps')).toContain('sleep 1234')
        session.close()
        expect(await session.exited).toBe(137)
        const left = async (): Promise<string> => await sh(id, 'ps | grep "sleep [1-9][2-9]"')
        await expect.poll(left).toBe('')
      }
      await port.destroy(id)
    })

    it('are slowed down by who does not read, and lose nothing', async () => {
      const id = await run()
      const command = ['sh', '-c', 'head -c 20000000 /dev/zero; echo end >&2']
      const session = await port.openExec(id, { command, tty: false, stdin: false })
      await sleep(500)
      expect(session.stdout.readableLength).toBeLessThan(2_000_000)
      session.stderr.resume()
      let bytes = 0
      for await (const chunk of session.stdout) bytes += (chunk as Buffer).length // a byte stream
      expect([bytes, await session.exited]).toEqual([20_000_000, 0])
      await port.destroy(id)
    })

    it('have a terminal of the wished size, which takes every key', async () => {
      const id = await run()
      const session = await port.openExec(id, { command: ['sh'], tty: true, stdin: true })
      await session.resize({ rows: 33, columns: 99 })
      session.stdin.write('stty size; cat\n')
      await sleep(300)
      session.stdin.write('\u0010\u0011typed\n') // ctrl-p, ctrl-q: Docker's own keys for letting go
      let text = ''
      for await (const chunk of session.stdout.iterator({ destroyOnReturn: false })) {
        text += String(chunk)
        if (/typed[^]*typed/.test(text)) break
      }
      expect(text).toContain('33 99')
      session.close()
      expect(await session.exited).toBe(137)
      await port.destroy(id)
    })
  })

  it('reads its network where its process sees it, and its disk', async () => {
    const id = await run()
    await sh(id, 'dd if=/dev/zero of=/tmp/x bs=1M count=4; sync; ip link add d0 type dummy; true')
    const stats = await port.stats(id)
    expect(stats.onlineCpus).toBeGreaterThan(0)
    expect(stats.cpuNs).toBeGreaterThan(0)
    expect(stats.network).toEqual({ rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 })
    const busy = await port.openExec(id, {
      command: ['sh', '-c', 'while :; do :; done'],
      tty: false,
      stdin: false,
    })
    await port.usage(id)
    await sleep(1_000)
    const { cpuPercent } = await port.usage(id)
    expect(cpuPercent).toBeGreaterThan(15)
    expect(cpuPercent).toBeLessThan(65) // half a CPU is all it may have
    busy.close()
    await port.destroy(id)
  })

  it('watches over its health', async () => {
    const command = ['test', '-e', '/tmp/well']
    const health = { command, intervalSeconds: 1, timeoutSeconds: 1, retries: 1 }
    const id = await run({ health })
    expect((await port.observe(id)).health).toBe('starting')
    const stop = new AbortController()
    const told: WorkloadId[] = []
    const listening = (async (): Promise<void> => {
      for await (const changed of port.changes(stop.signal)) told.push(changed)
    })()
    const seen = async (): Promise<string | undefined> => (await port.observe(id)).health
    await expect.poll(seen, { timeout: 10_000 }).toBe('unhealthy')
    await expect.poll(() => told).toContain(id)
    await sh(id, 'touch /tmp/well')
    await expect.poll(seen, { timeout: 10_000 }).toBe('healthy')
    stop.abort()
    await listening
    await port.destroy(id)
  })

  it('gives a privileged one what the host can give, and its namespaces their walls', async () => {
    const id = await run({ privileged: true })
    const plain = await run()
    const mount =
      'mount -t tmpfs none /root && mknod /tmp/null c 1 3 && echo x > /tmp/null && echo ok'
    expect(await sh(id, mount)).toBe('ok\n')
    expect(await sh(plain, mount)).not.toContain('ok')
    await port.destroy(id)
    await port.destroy(plain)
  })

  it('adds single rights, and refuses a runtime nobody has', async () => {
    const id = await run({ capAdd: ['NET_ADMIN'] })
    expect(await sh(id, 'ip link set lo down && echo ok')).toBe('ok\n')
    await port.destroy(id)
    const other = randomUUID()
    await port.ensureSandbox(other)
    await expect(port.create(spec(other, { runtime: 'none-such' }))).rejects.toThrow('none-such')
    await port.destroy(other)
  })

  describe('volumes', () => {
    const volume = { name: 'data', sizeMiB: 16, path: '/data' }

    it('have their own size, survive the container, and are shared in a capsule', async () => {
      const owner = await run({ sandboxShared: true, volumes: [volume] })
      const guest = await run({
        sandboxOf: owner,
        volumes: [{ ...volume, ownerId: owner, path: '/shared', readOnly: true }],
      })
      expect(await sh(owner, 'echo hi > /data/x; ls /data')).toBe('x\n')
      expect(await sh(guest, 'cat /shared/x')).toBe('hi\n')
      expect(await sh(guest, 'echo no > /shared/y')).toMatch(/Read-only/)
      expect(await sh(owner, 'dd if=/dev/zero of=/data/big bs=1M count=32')).toContain('No space')
      await port.create(spec(owner, { revision: 2, sandboxShared: true, volumes: [volume] }))
      await port.start(owner)
      expect(await sh(owner, 'cat /data/x')).toBe('hi\n')
      await port.destroy(guest)
      await port.destroy(owner)
      expect(await readFile('/proc/mounts', 'utf8')).not.toContain(owner)
      expect(await readFile('/proc/mounts', 'utf8')).not.toContain(config.folder)
    })

    it('are mounted again before a start, and purged', async () => {
      const own = await newConfig()
      const other = createDockerCompute(own)
      const image = await busyboxImage({ command: ['sleep', '1000'] })
      await other.loadImage(KEY, async () => Readable.from([image]))
      const id = randomUUID()
      await other.ensureSandbox(id)
      await other.create(spec(id, { volumes: [volume] }))
      const { run: command } = await import('../../kernel/exec/run.ts')
      await command('umount', [join(own.folder, id, 'volumes', 'data')]) // as after a start of the host
      await other.start(id)
      expect(
        (await other.exec(id, { command: ['df', '/data'], timeoutMs: 9_000 })).output,
      ).toContain('loop')
      await tearDown(other, own)
      expect(await readFile('/proc/mounts', 'utf8')).not.toContain(own.folder)
    })

    it.each(['/', '/proc/x', 'data', '/a/../b'])('are not mounted at %s', async (path) => {
      const id = randomUUID()
      await port.ensureSandbox(id)
      const wish = spec(id, { volumes: [{ ...volume, path }] })
      await expect(port.create(wish)).rejects.toThrow('Cannot mount')
      await port.destroy(id)
    })
  })

  describe('registries', () => {
    const files = [{ path: 'hello', content: Buffer.from('hi') }]
    const open = async (credentials?: string): Promise<TestRegistry> =>
      await startTestRegistry({
        config: { Cmd: ['/hello'] },
        files: [...files, { path: randomUUID(), content: randomBytes(1000) }],
        ...(credentials === undefined ? {} : { credentials }),
      })

    it('give images, which run by their names', async () => {
      const { reference, close } = await open()
      const told: number[] = []
      const image = await port.pullImage(reference, {
        onProgress: ({ layersDone }) => told.push(layersDone),
      })
      expect(image).toMatchObject({ tags: [reference], command: ['/hello'] })
      expect(Math.max(...told)).toBe(1)
      expect(await port.findImage(reference)).toMatchObject({ id: image.id })
      expect(await port.hasImage(`docker:${reference}`)).toBe(true)
      const id = randomUUID()
      await port.ensureSandbox(id)
      await port.create(spec(id, { image: `docker:${reference}` }))
      await expect(port.removeNamedImage(reference)).rejects.toThrow('in use')
      await port.removeImage(`docker:${reference}`) // not ours to remove
      expect(await port.hasImage(`docker:${reference}`)).toBe(true)
      await port.destroy(id)
      await port.removeNamedImage(reference)
      expect(await port.findImage(reference)).toBeUndefined()
      await close()
    })

    it('want the right name and password', async () => {
      const { reference, server, close } = await open('ann:secret')
      const auth = (password: string): object => ({ auth: { server, username: 'ann', password } })
      await expect(port.pullImage(reference)).rejects.toThrow(/Cannot pull .*(auth|unauthorized)/i)
      const wrong: unknown = await port.pullImage(reference, auth('guess')).catch((e: unknown) => e)
      expect(String(wrong)).toMatch(/Cannot pull/)
      expect(JSON.stringify(wrong) + String(wrong)).not.toContain('guess')
      await port.pullImage(reference, auth('secret'))
      await port.removeNamedImage(reference)
      await close()
    })

    it('are not waited for when nobody wants the image any more', async () => {
      const { reference, stall, close } = await open()
      stall()
      const stop = new AbortController()
      const pulling = port.pullImage(reference, { signal: stop.signal })
      setTimeout(() => stop.abort(new Error('cancelled')), 300)
      await expect(pulling).rejects.toThrow('cancelled')
      await close()
    })

    it('say when they have no such image', async () => {
      const { server, close } = await open()
      await expect(port.pullImage(`${server}/team/app:none`)).rejects.toThrow(/not found|unknown/)
      await close()
    })
  })

  describe('builds', () => {
    const context = async (dockerfile: string): Promise<Readable> =>
      Readable.from([
        await tar([
          { path: 'bin/' },
          { path: 'bin/sh', content: await readFile('/usr/bin/busybox') },
          { path: 'Dockerfile', content: Buffer.from(dockerfile) },
        ]),
      ])
    const leftovers = async (): Promise<number> => {
      const [images, containers] = await Promise.all([
        client.call<{ Id: string }[]>('GET', '/images/json', {
          query: { all: true, filters: JSON.stringify({ label: [`mark=${config.cloud}`] }) },
        }),
        client.call<{ Labels: Record<string, string> }[]>('GET', '/containers/json', {
          query: { all: true },
        }),
      ])
      return (
        images.length + containers.filter(({ Labels }) => Labels['mark'] === config.cloud).length
      )
    }
    const base = (): string => `FROM scratch\nLABEL mark=${config.cloud}\nCOPY bin /bin\n`

    it('leave nothing when a step fails', async () => {
      const lines: string[] = []
      const failing = port.buildImage(await context(`${base()}RUN echo one; exit 7\n`), {
        onLine: (line) => lines.push(line),
      })
      await expect(failing).rejects.toThrow(/returned a non-zero code: 7/)
      expect(lines).toContain('one')
      expect(await leftovers()).toBe(0)
    })

    it('leave nothing when they are cancelled', async () => {
      const stop = new AbortController()
      const building = port.buildImage(await context(`${base()}RUN echo go; sleep 1000\n`), {
        signal: stop.signal,
        onLine: (line) => {
          if (line === 'go') stop.abort(new Error('cancelled'))
        },
      })
      await expect(building).rejects.toThrow('cancelled')
      await expect.poll(leftovers, { timeout: 10_000 }).toBe(0)
    })

    it('start from no image by its id, nor from the cloud’s own', async () => {
      const own = `${imageRepository(config.cloud)}:${'ec'.repeat(32)}`
      const { Id } = await client.call<{ Id: string }>('GET', `/images/${own}/json`)
      const hex = Id.slice('sha256:'.length)
      for (const name of [own, hex.slice(0, 12), `sha256:${hex.slice(0, 6)}`, Id])
        for (const line of [`FROM ${name}`, `FROM scratch\nCOPY --from=${name} /bin /bin`])
          await expect(port.buildImage(await context(`${line}\n`), {})).rejects.toThrow(
            /may be the id|keeps for itself|not the name/,
          )
    })

    it('are swept when their process was killed', async () => {
      const built = await port.buildImage(await context(base()), {})
      await createDockerCompute(config).close()
      expect(await client.find(`/images/${built.id}/json`)).toBeUndefined()
      await expect.poll(leftovers).toBe(0)
    })
  })

  it('ends attached streams with the container', async () => {
    const id = await run({ stdin: true, command: ['cat'] })
    const stream = await port.attach(id)
    stream.stdin.write('said\n')
    setTimeout(() => void client.send('POST', `/containers/${containerName(id)}/kill`), 200)
    expect(await textOf(stream.stdout)).toBe('said\n')
    stream.stdin.write('into the void\n') // and no error that nobody hears
    await sleep(50)
    await port.destroy(id)
  })
})

async function textOf(stream: Readable): Promise<string> {
  return (await stream.toArray()).map(String).join('')
}
