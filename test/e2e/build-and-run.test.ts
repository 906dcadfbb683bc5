import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildContext } from '../../cli/build-context.ts'
import { run, tryRun, type RunResult } from '../../src/kernel/exec/run.ts'
import type { Json } from '../../src/kernel/testkit/client.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { ok, Session, until } from '../support/session.ts'
import { Terminal } from '../support/terminal.ts'

/** The founding documents' first two commands: `build -t my-app .`, `run -p 8080:8080 my-app`, and what may go wrong. */
const root = resolve(import.meta.dirname, '../..')
const PORT = 30_000 + (process.pid % 10_000)
const folder = mkdtempSync(join(tmpdir(), 'stackyard-my-app-'))

let cloud: CloudProcess
let data: string
let demo: Session

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  demo = await Session.login(cloud.credentials('demo'))
  copyFileSync('/bin/busybox', join(folder, 'busybox'))
  writeFileSync(join(folder, 'index.html'), 'my app answers\n')
  writeFileSync(
    join(folder, 'Dockerfile'),
    dockerfile('CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]'),
  )
}, 120_000)

afterAll(async () => {
  await cloud.stop()
  await purge(data)
  rmSync(folder, { recursive: true })
})

const dockerfile = (...more: readonly string[]): string =>
  [
    'FROM scratch',
    'COPY busybox /bin/busybox',
    'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
    'COPY index.html /www/index.html',
    ...more,
    '',
  ].join('\n')

async function stackyard(...words: readonly string[]): Promise<RunResult> {
  const [command = '', ...rest] = words
  const args = [join(root, 'cli/main.ts'), command, '--data', data, ...rest]
  return await tryRun(process.execPath, args, { timeoutMs: 120_000 })
}

const zun = () => demo.to('container').with({ 'openstack-api-version': 'container latest' })

/** Sends the folder without waiting for the build; answers its id. */
async function begin(name: string): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of await buildContext(folder, 'Dockerfile')) chunks.push(chunk as Buffer)
  const body = new Uint8Array(Buffer.concat(chunks))
  const answer = await zun()
    .with({ 'content-type': 'application/x-tar' })
    .send('POST', `/builds?name=${name}`, body)
  return ok(answer).build.uuid as string // our own answer
}

const buildIn = async (id: string, ...wanted: readonly string[]): Promise<Json> =>
  await until(
    async () => ok(await zun().get(`/builds/${id}`)).build,
    (build: Json) => wanted.includes(build.status),
    { what: `the build to be ${wanted.join(' or ')}`, timeoutMs: 90_000 },
  )

describe('build and run', () => {
  it('makes an image, runs it and answers on a port of this host', async () => {
    const built = await stackyard('build', '-t', 'my-app', folder)
    expect(built.stderr).toContain('Step')
    expect(built).toMatchObject({ code: 0 })
    const started = await stackyard('run', '-d', '--name', 'web', '-p', `${PORT}:8080`, 'my-app')
    expect(started).toMatchObject({ code: 0 })
    expect(started.stdout.trim()).toMatch(/^[0-9a-f-]{36}$/)
    const page = await until(
      async () =>
        await fetch(`http://127.0.0.1:${PORT}/`).then(
          (r) => r.text(),
          () => '',
        ),
      (text) => text !== '',
      { what: 'the page' },
    )
    expect(page).toBe('my app answers\n')
  })

  it('runs a command in front, shows its output and ends as it does', async () => {
    const ran = await stackyard('run', 'my-app', 'sh', '-c', 'echo out; sleep 1; exit 4')
    expect(ran.stdout).toBe('out\n')
    expect(ran.code).toBe(4)
  })

  it('runs one with a terminal, which can be left', async () => {
    const words = ['run', '--data', data, '-it', '--name', 'room', 'my-app', 'sh']
    using terminal = new Terminal([process.execPath, join(root, 'cli/main.ts'), ...words], {
      PATH: process.env['PATH'] ?? '',
      TERM: 'dumb',
    })
    await terminal.shows('Starting my-app')
    await until(
      async () => (await zun().get('/containers/room')).body.status as string | undefined, // Zun's
      (status) => status === 'Running',
      { what: 'the room' },
    )
    terminal.type('echo $((6*7)) > /answer; cat /answer\r')
    await terminal.shows(/^42\r?$/m)
    terminal.type('\u0010\u0011')
    await terminal.shows('room runs on')
    expect(await terminal.ended()).toBe(0)
    expect(ok(await zun().get('/containers/room')).status).toBe('Running')
  })

  it('gives the name to the newest image', async () => {
    writeFileSync(join(folder, 'index.html'), 'second\n')
    expect(await stackyard('build', '-t', 'my-app', folder)).toMatchObject({ code: 0 })
    expect((await stackyard('run', 'my-app', 'cat', '/www/index.html')).stdout).toBe('second\n')
    const { images } = ok(await demo.image.get('/images'))
    expect(images.filter((image: Json) => image.name === 'my-app')).toHaveLength(1)
  })
})

describe('a build that does not succeed', () => {
  it('says why', async () => {
    writeFileSync(join(folder, 'Broken'), dockerfile('RUN ["/bin/sh", "-c", "echo oh no; exit 9"]'))
    const failed = await stackyard('build', '-t', 'broken', '-f', 'Broken', folder)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('oh no')
    expect(failed.stderr).toMatch(/returned a non-zero code: 9/)
    expect(ok(await demo.image.get('/images?name=broken')).images).toEqual([])
  })

  it('can be cancelled', async () => {
    writeFileSync(join(folder, 'Dockerfile'), dockerfile('RUN ["/bin/sleep", "600"]'))
    const id = await begin('slow')
    await buildIn(id, 'Building')
    ok(await zun().post(`/builds/${id}/cancel`))
    expect(await buildIn(id, 'Cancelled')).toMatchObject({ image_id: null })
    expect((await zun().delete(`/builds/${id}`)).status).toBe(204)
  })

  it('is begun anew when the cloud was killed in the middle', async () => {
    writeFileSync(join(folder, 'Dockerfile'), dockerfile('RUN ["/bin/sleep", "4"]'))
    const id = await begin('interrupted')
    await buildIn(id, 'Building')
    await sleep(1000)
    await cloud.kill()
    cloud = await startCloudProcess({ data })
    demo = await Session.login(cloud.credentials('demo'))
    const build = await buildIn(id, 'Succeeded', 'Failed')
    expect([build.status, build.status_reason]).toEqual(['Succeeded', null])
    const { containers, images } = await leftovers()
    expect(containers).toEqual([])
    expect(images).toEqual([])
  })
})

/** What builds of this cloud left in the engine: containers of steps, images under a name of ours. */
async function leftovers(): Promise<{ containers: string[]; images: string[] }> {
  const lines = async (...words: string[]): Promise<string[]> =>
    (await run('docker', words)).split('\n').filter((line) => line !== '')
  return {
    containers: await lines(
      'ps',
      '-a',
      '--filter',
      'status=running',
      '--filter',
      'name=build',
      '-q',
    ),
    images: (await lines('images', '--format', '{{.Repository}}')).filter((name) =>
      name.includes('build'),
    ),
  }
}
