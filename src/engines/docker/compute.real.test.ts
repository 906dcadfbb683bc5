import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerArchive, tar } from '../../kernel/archive/docker-archive.ts'
import { silentLog } from '../../kernel/log/log.ts'
import { busyboxImage } from '../../kernel/testkit/busybox-image.ts'
import { computeContract } from '../../ports/contract/compute.ts'
import type {
  ComputePort,
  ContainerSpec,
  ExecResult,
  ImageKey,
  WorkloadId,
} from '../../ports/compute.ts'
import { DockerClient } from './client.ts'
import { createDockerCompute, purgeDocker, type DockerComputeConfig } from './index.ts'
import { keepFileSystem } from './kept.ts'
import { containerName, labels, poolPrefix, sandboxName, type Inspected } from './names.ts'

const socket = '/var/run/docker.sock'
const client = new DockerClient(socket)
afterAll(() => client.close())

async function newConfig(poolSize: number): Promise<DockerComputeConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'stackyard-docker-'))
  return { socket, cloud: randomBytes(2).toString('hex'), folder, poolSize, log: silentLog() }
}

async function kill(id: WorkloadId): Promise<void> {
  await client.send('POST', `/containers/${containerName(id)}/kill`)
}

computeContract('docker', async () => {
  const config = await newConfig(2)
  const port = createDockerCompute(config)
  return { port, die: kill, cleanUp: async () => await tearDown(port, config) }
})

async function tearDown(port: ComputePort, config: DockerComputeConfig): Promise<void> {
  await port.close()
  await purgeDocker(config)
}

const KEY: ImageKey = `sha256:${'ab'.repeat(32)}`
const HALF: ImageKey = `sha512:${'cd'.repeat(64)}`

function spec(id: WorkloadId, change: Partial<ContainerSpec> = {}): ContainerSpec {
  const limits = { vcpus: 0.5, memoryMiB: 32, pids: 20 }
  const base = { image: KEY, revision: 1, hostname: 'web-1', env: {}, labels: {}, tty: false }
  return { ...base, id, limits, files: [], dns: [], hosts: [], ...change }
}

describe('docker engine', { timeout: 60_000 }, () => {
  let config: DockerComputeConfig
  let port: ComputePort
  beforeAll(async () => {
    config = await newConfig(0)
    port = createDockerCompute(config)
    const image = await busyboxImage({
      command: ['sleep', '1000'],
      config: { Env: ['PATH=/bin'], Volumes: { '/data': {} } },
    })
    await port.loadImage(KEY, async () => Readable.from([image]))
  }, 60_000)
  afterAll(async () => await tearDown(port, config), 60_000)

  async function run(change: Partial<ContainerSpec>): Promise<WorkloadId> {
    const id = randomUUID()
    await port.ensureSandbox(id)
    await port.create(spec(id, change))
    await port.start(id)
    return id
  }

  /** What a shell script prints inside a container of its own, when it ended. */
  async function output(script: string, change: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await run({ ...change, command: ['sh', '-c', script] })
    while ((await port.observe(id)).container === 'running') await sleep(20)
    const text = await port.logs(id)
    await port.destroy(id)
    return text
  }

  it('gives files, names and environment to the guest', async () => {
    const text = await output(
      'sleep 0.3; hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf /app/key; stat -c %a /app/key; echo $COLOUR $HOSTNAME; pwd',
      {
        env: { COLOUR: 'blue' },
        workdir: '/tmp',
        dns: ['10.0.0.2'],
        hosts: [{ address: '10.0.0.7', names: ['web-1', 'web-1.cloud'] }],
        files: [
          { path: '/app/key', content: Buffer.from('secret\n').toString('base64'), mode: 0o640 },
        ],
      },
    )
    expect(text.split('\n')).toEqual([
      'web-1',
      'web-1',
      '127.0.0.1 localhost',
      '::1 localhost ip6-localhost ip6-loopback',
      '10.0.0.7 web-1 web-1.cloud',
      'nameserver 10.0.0.2',
      'secret',
      '640',
      'blue web-1',
      '/tmp',
      '',
    ])
  })

  it('lets nobody make devices or write what the engine reads', async () => {
    const text = await output(
      'mknod /tmp/x b 7 1; echo evil > /etc/hostname; grep CapEff /proc/self/status',
    )
    expect(text).toMatch(/mknod: .*not permitted/)
    expect(text).toMatch(/Read-only file system/)
    const effective = BigInt(`0x${/CapEff:\s*([0-9a-f]+)/.exec(text)?.[1]}`)
    expect([(effective >> 27n) & 1n, (effective >> 13n) & 1n]).toEqual([0n, 1n]) // no MKNOD; NET_RAW for ping
  })

  it('keeps a new host name over a restart', async () => {
    const id = await run({
      command: ['sh', '-c', 'sleep 0.3; hostname; cat /etc/hosts; sleep 100'],
      hosts: [{ address: '10.0.0.7', names: ['web-1'] }],
    })
    await port.setHostname(id, 'db-9')
    await port.stop(id, 0)
    await port.start(id)
    await sleep(500)
    expect(await port.logs(id, 4)).toBe(
      'db-9\n127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.0.0.7 db-9\n',
    )
    await port.destroy(id)
  })

  it('says who ran out of memory', async () => {
    const id = await run({ command: ['sh', '-c', 'tail /dev/zero'] })
    while ((await port.observe(id)).container === 'running') await sleep(50)
    expect(await port.observe(id)).toMatchObject({
      container: 'exited',
      exitCode: 137,
      oomKilled: true,
    })
    await port.destroy(id)
  })

  it.each([
    ['relative', 'etc/x'],
    ['upward', '/a/../../etc/x'],
    ['a folder', '/etc/'],
    ['under /proc', '/proc/x'],
    ['made by us', '/etc/hosts'],
  ])('refuses a guest file whose path is %s', async (_what, path) => {
    const id = randomUUID()
    await port.ensureSandbox(id)
    await expect(
      port.create(spec(id, { files: [{ path, content: '', mode: 0o600 }] })),
    ).rejects.toThrow('Cannot lay a file')
    await port.destroy(id)
  })

  it("shows a terminal's output as it was", async () => {
    const id = await run({ tty: true, command: ['sh', '-c', 'echo one; echo two >&2; sleep 100'] })
    await sleep(300)
    expect(await port.logs(id)).toBe('one\r\ntwo\r\n')
    await port.destroy(id)
  })

  it('says that the sandbox has to run before the start', async () => {
    const id = randomUUID()
    await port.ensureSandbox(id)
    await port.create(spec(id))
    await client.send('POST', `/containers/${sandboxName(id)}/stop`)
    expect(await port.observe(id)).toMatchObject({ sandbox: 'stopped', container: 'created' })
    await expect(port.start(id)).rejects.toThrow('has to be ensured')
    await port.ensureSandbox(id)
    await port.start(id)
    await port.destroy(id)
  })

  it('saves the file system when somebody removed the sandbox', async () => {
    const id = await run({
      command: [
        'sh',
        '-c',
        'cat /note /data/note; echo a > /note; echo b > /data/note; sleep 1000',
      ],
    })
    await sleep(200)
    await client.send('DELETE', `/containers/${sandboxName(id)}`, { query: { force: true } })
    await port.ensureSandbox(id)
    await port.create(spec(id, { command: ['sh', '-c', 'cat /note /data/note; sleep 1000'] }))
    await port.start(id)
    await sleep(200)
    expect(await port.logs(id)).toBe('a\nb\n')
    const { Mounts } = await client.call<Inspected>('GET', `/containers/${containerName(id)}/json`)
    const volume = Mounts.find(({ Type }) => Type === 'volume')?.Name
    await port.destroy(id)
    expect(await client.find(`/volumes/${volume}`)).toBeUndefined()
    expect(await tagsOf(config)).toEqual([`stackyard/${config.cloud}:${'ab'.repeat(32)}`])
  })

  it('runs commands inside, with their output in order, and ends those that take too long', async () => {
    const id = await run({ env: { COLOUR: 'blue' } })
    const sh = async (script: string, timeoutMs = 10_000): Promise<ExecResult> =>
      await port.exec(id, { command: ['sh', '-c', script], env: { SIZE: 'L' }, timeoutMs })
    expect(
      await sh('echo $COLOUR; sleep 0.1; echo $SIZE >&2; sleep 0.1; echo end; exit 3'),
    ).toEqual({
      exitCode: 3,
      output: 'blue\nL\nend\n',
    })
    expect([126, 127]).toContain(
      (await port.exec(id, { command: ['no-such-program'], timeoutMs: 10_000 })).exitCode,
    )
    const capabilities = (await sh('grep CapEff /proc/self/status')).output
    expect((BigInt(`0x${/([0-9a-f]+)\n/.exec(capabilities)?.[1]}`) >> 27n) & 1n).toBe(0n)
    const much = await sh('yes | head -c 3000000; echo; exit 4')
    expect(much.exitCode).toBe(4)
    expect(much.output.length).toBeLessThanOrEqual(1024 * 1024)
    expect(much.output.length).toBeGreaterThan(1_000_000)
    await expect(sh('exec sleep 1234', 500)).rejects.toThrow('did not end within 0.5 s')
    expect((await sh('ps | grep "sleep [1]234"')).output).toBe('')
    // a child that holds the output open does not hide that the command has ended
    expect(await sh('sleep 20 & echo done; exit 5', 700)).toEqual({
      exitCode: 5,
      output: 'done\n',
    })
    await port.destroy(id)
  })

  it('puts another process on the same files, and its own back, and leaves nothing', async () => {
    const config = { Entrypoint: ['/bin/sh', '-c'], Volumes: { '/data': {} } }
    const image = await busyboxImage({ command: ['echo own; exec sleep 1000'], config })
    await port.loadImage(HALF, async () => Readable.from([image]))
    const id = await run({ image: HALF })
    const sh = async (script: string): Promise<string> =>
      (await port.exec(id, { command: ['/bin/sh', '-c', script], timeoutMs: 10_000 })).output
    await sh('echo a > /note; echo b > /data/note')
    const other = { entrypoint: ['/bin/sh', '-c', 'echo other; exec sleep 1000'], keepFiles: true }
    await port.create(spec(id, { image: HALF, revision: 2, ...other }))
    await port.start(id)
    expect(await sh('cat /note /data/note; echo c >> /note; ps')).toMatch(/^a\nb\n/)
    await expect.poll(async () => await port.logs(id)).toBe('other\n')
    await port.create(spec(id, { image: HALF, revision: 3, keepFiles: true }))
    await port.start(id)
    expect(await sh('cat /note /data/note')).toBe('a\nc\nb\n')
    await expect.poll(async () => await port.logs(id)).toBe('own\n')
    expect(await imagesOf(id)).not.toEqual([]) // the newer and, where it is a part of that, the older
    await port.create(spec(id, { image: HALF, revision: 4 })) // a rebuild
    await port.start(id)
    expect(await sh('cat /note /data/note 2>&1')).not.toMatch(/^[abc]$/m)
    expect(await imagesOf(id)).toEqual([])
    await port.destroy(id)
    await port.removeImage(HALF)
  })

  it('finds the files again, and leaves nothing, wherever a keeping was cut off', async () => {
    for (const cut of ['commit', 'forgotten commit', 'container', 'destroy'] as const) {
      const id = await run({})
      await port.exec(id, { command: ['touch', '/note'], timeoutMs: 10_000 })
      await port.create(spec(id, { revision: 2, keepFiles: true }))
      await port.start(id)
      const host = { client: withCut(client, cut), cloud: config.cloud, folder: config.folder }
      const next = spec(id, { revision: 3, keepFiles: true })
      const seen = await client.call<Inspected>('GET', `/containers/${containerName(id)}/json`)
      await expect(keepFileSystem(host, next, seen)).rejects.toThrow('cut off')
      if (cut !== 'destroy') {
        await port.create(next)
        await port.start(id)
        const look = await port.exec(id, { command: ['cat', '/note'], timeoutMs: 10_000 })
        expect([cut, look.exitCode]).toEqual([cut, 0])
      }
      await port.destroy(id)
      expect([cut, await imagesOf(id)]).toEqual([cut, []])
    }
  })

  /** Images made of the workload's container, named or not. */
  async function imagesOf(id: WorkloadId): Promise<readonly string[]> {
    const filters = JSON.stringify({ label: [`${labels.workload}=${id}`] })
    const query = { all: true, filters }
    const found = await client.call<{ Id: string }[]>('GET', '/images/json', { query })
    return found.map(({ Id }) => Id)
  }

  it('leaves no image behind when one is removed in use', async () => {
    const image = await busyboxImage({ command: ['sleep', '999'] })
    await port.loadImage(HALF, async () => Readable.from([image]))
    const id = await run({ image: HALF })
    await port.removeImage(HALF)
    expect(await port.hasImage(HALF)).toBe(false)
    expect(await tagsOf(config)).toContain(`stackyard/${config.cloud}:gone-${'cd'.repeat(32)}`)
    await port.destroy(id)
    expect((await tagsOf(config)).filter((tag) => tag.includes('cdcd'))).toEqual([])
  })

  it('notices that an image was removed behind its back', async () => {
    const image = await busyboxImage({ command: ['sleep', '998'] })
    await port.loadImage(HALF, async () => Readable.from([image]))
    await client.send('DELETE', `/images/stackyard/${config.cloud}:${'cd'.repeat(32)}`)
    const id = randomUUID()
    await port.ensureSandbox(id)
    await expect(port.create(spec(id, { image: HALF }))).rejects.toThrow('has no image')
    expect(await port.hasImage(HALF)).toBe(false)
    await port.destroy(id)
  })

  it('takes a plain root file system', async () => {
    const content = await tar([
      { path: 'bin/' },
      { path: 'hello', content: Buffer.from('hi'), mode: 0o644 },
    ])
    await port.loadImage(HALF, async () => Readable.from([content]))
    expect(await port.hasImage(HALF)).toBe(true)
    await port.removeImage(HALF)
  })

  it('takes an OCI layout, compressed within and without', async () => {
    const content = await ociLayout()
    await port.loadImage(HALF, async () => Readable.from([gzipSync(content)]))
    const id = await run({ image: HALF, command: ['/bin/busybox', 'echo', 'running'] })
    while ((await port.observe(id)).container === 'running') await sleep(20)
    expect(await port.logs(id)).toBe('running\n')
    await port.destroy(id)
    await port.removeImage(HALF)
  })

  it('sweeps what a killed process left of a commit', async () => {
    const query = { repo: `stackyard/${config.cloud}`, tag: 'commit-0badcafe-1' }
    await client.send('POST', `/images/stackyard/${config.cloud}:${'ab'.repeat(32)}/tag`, { query })
    await createDockerCompute(config).close()
    expect(await tagsOf(config)).toEqual([`stackyard/${config.cloud}:${'ab'.repeat(32)}`])
  })

  it('ignores the tags that an archive brings', async () => {
    const evil = await dockerArchive({
      architecture: 'amd64',
      tag: 'stackyard/sandbox:1',
      config: { Cmd: ['/x'] },
      files: [{ path: 'x' }],
    })
    await port.loadImage(HALF, async () => Readable.from([evil]))
    // Absent or ours: other clouds on this host may remove the image at any time.
    const found = await client.find<{ Config: { Cmd: string[] | null } }>(
      '/images/stackyard/sandbox:1/json',
    )
    expect(found?.Config.Cmd ?? null).toBeNull()
    await port.removeImage(HALF)
  })

  it('finds its spare sandboxes again and gives each away once', async () => {
    const own = await newConfig(1)
    const first = createDockerCompute(own)
    const pooled = await spare(own)
    await first.close()
    const second = createDockerCompute(own)
    try {
      await sleep(200)
      const id = randomUUID()
      await second.ensureSandbox(id)
      expect((await client.call<Inspected>('GET', `/containers/${sandboxName(id)}/json`)).Id).toBe(
        pooled.Id,
      )
      await spare(own) // and the pool fills again
      expect(await second.list()).toEqual([id])
      expect(await port.list()).not.toContain(id)
      const others = Array.from({ length: 3 }, () => randomUUID())
      const places = await Promise.all(
        [id, id, ...others, ...others].map(async (one) => (await second.ensureSandbox(one)).netns),
      )
      expect(new Set(places).size).toBe(4) // the same one for the same workload
    } finally {
      await tearDown(second, own)
    }
  })

  async function spare(own: DockerComputeConfig): Promise<{ Id: string }> {
    for (;;) {
      const query = {
        filters: JSON.stringify({ name: [poolPrefix(own.cloud)], status: ['running'] }),
      }
      const [found] = await client.call<{ Id: string }[]>('GET', '/containers/json', { query })
      if (found !== undefined) return found
      await sleep(50)
    }
  }
})

/** A client whose process is killed at one call of `keepFileSystem`: before its effect, or (`forgotten`) after it. */
function withCut(
  whole: DockerClient,
  cut: 'commit' | 'forgotten commit' | 'container' | 'destroy',
): DockerClient {
  const when = {
    commit: ['POST /commit', 'before'],
    'forgotten commit': ['POST /commit', 'after'],
    container: ['DELETE /containers/', 'after'],
    destroy: ['POST /commit', 'after'],
  } as const
  const [call, side] = when[cut]
  return new Proxy(whole, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'send') return value.bind(target)
      return async (method: string, path: string, ...rest: unknown[]): Promise<void> => {
        const here = `${method} ${path}`.startsWith(call)
        if (!here || side === 'after') await Reflect.apply(value, target, [method, path, ...rest])
        if (here) throw new Error('cut off')
      }
    },
  })
}

async function ociLayout(): Promise<Buffer> {
  const layer = await tar([
    { path: 'bin/' },
    { path: 'bin/busybox', content: await readFile('/usr/bin/busybox') },
  ])
  const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layer)}`] },
    }),
  )
  const packed = gzipSync(layer)
  const named = (content: Buffer): object => ({
    digest: `sha256:${digest(content)}`,
    size: content.length,
  })
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: named(config), layers: [named(packed)] }),
  )
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [named(manifest)] }))
  return await tar([
    { path: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { path: 'index.json', content: index },
    ...[config, packed, manifest].map((content) => ({
      path: `blobs/sha256/${digest(content)}`,
      content,
    })),
  ])
}

async function tagsOf(config: DockerComputeConfig): Promise<readonly string[]> {
  const query = { filters: JSON.stringify({ reference: [`stackyard/${config.cloud}`] }) }
  const images = await client.call<{ RepoTags: string[] | null }[]>('GET', '/images/json', {
    query,
  })
  return images.flatMap(({ RepoTags }) => RepoTags ?? []).toSorted()
}
