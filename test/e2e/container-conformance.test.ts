import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { tar } from '../../src/kernel/archive/docker-archive.ts'
import { run } from '../../src/kernel/exec/run.ts'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import type { Answer, Json, TestClient } from '../../src/kernel/testkit/client.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { onHost } from '../support/host-state.ts'
import { ok, Session, until } from '../support/session.ts'

/**
 * Tests of Zun's Tempest plugin that never run: switched off in the plugin itself, or in a class that stops at version 1.19 while
 * they need a later one. Each is told here under its own name, step by step, on the real engine and at the version it needs.
 * Those about Cinder's volumes see the refusal, as long as there is no block storage.
 */
let cloud: CloudProcess
let data: string
let session: Session

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  session = await Session.login(cloud.credentials('demo'))
  const image = { name: 'box', container_format: 'docker', disk_format: 'raw' }
  const { id } = ok(await session.image.post('/images', image))
  const bytes = await busyboxImage({ command: ['sleep', '100000'] })
  ok(
    await session.image
      .with({ 'content-type': 'application/octet-stream' })
      .send('PUT', `/images/${id}/file`, new Uint8Array(bytes)),
  )
}, 120_000)

afterEach(async () => {
  const { containers } = ok(await at('1.40').get('/containers'))
  for (const { uuid } of containers) await remove(uuid)
})

afterAll(async () => {
  await cloud.stop()
  await purge(data)
}, 120_000)

function at(version: string): TestClient {
  return session.to('container').with({ 'OpenStack-API-Version': `container ${version}` })
}

const BOX = { image: 'box', image_driver: 'glance', cpu: 0.1, memory: '100' }

/** What Tempest's own `_run_container` makes of a wish; up to 1.19 a command is one line. */
async function runOne(version: string, wish: Readonly<Record<string, unknown>>): Promise<Json> {
  const command = version === '1.19' ? 'sleep 10000' : ['sleep', '10000']
  const body = { ...BOX, command, ...wish }
  const answer = await at(version).post('/containers?run=true', body)
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return await reach(answer.body.uuid, 'Running')
}

async function reach(id: string, status: string): Promise<Json> {
  return await until(
    async () => ok(await at('1.40').get(`/containers/${id}`)),
    (shown: Json) => shown.status === status && shown.task_state === null,
    { what: `${id} ${status}` },
  )
}

async function remove(id: string): Promise<void> {
  ok(await at('1.40').delete(`/containers/${id}?stop=true`))
  await until(
    async () => (await at('1.40').get(`/containers/${id}`)).status,
    (status) => status === 404,
    { what: `${id} gone` },
  )
}

async function execute(id: string, command: string): Promise<Json> {
  const path = `/containers/${id}/execute?command=${encodeURIComponent(command)}`
  return ok(await at('1.40').post(path))
}

/** A container's volumes are file systems of their own, mounted below the cloud's data folder. */
const volumesOnHost = (): readonly string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${data}/`))

/** A refusal in Zun's words that says what is missing, and of which nothing stays. */
async function expectNoBlockStorage(ask: () => Promise<Answer>): Promise<void> {
  const [host, volumes] = [await onHost(data), volumesOnHost()]
  const ports = async () => ok(await session.network.get('/ports')).ports.length as number // a list's length
  const before = await ports()
  const { status, body } = await ask()
  expect(status).toBe(400)
  expect(body.errors).toEqual([
    expect.objectContaining({
      status: 400,
      code: expect.stringMatching(/^container\./) as unknown,
      detail: expect.stringContaining('no block storage service yet') as unknown,
    }),
  ])
  expect(ok(await at('1.40').get('/containers')).containers).toEqual([])
  expect(ok(await at('1.40').get('/capsules')).capsules).toEqual([])
  expect([await onHost(data), volumesOnHost()]).toEqual([host, volumes])
  expect(await ports()).toBe(before)
}

describe.each(['1.19', '1.40'])('switched off in the plugin, at %s', (version) => {
  it('test_reboot_container', async () => {
    const { uuid } = await runOne(version, {})
    await execute(uuid, 'sh -c "echo kept > /kept"')
    const { started_at: before } = await reach(uuid, 'Running')
    expect((await at(version).post(`/containers/${uuid}/reboot?timeout=1`)).status).toBe(202)
    const { started_at: after } = await reach(uuid, 'Running')
    expect(Date.parse(after)).toBeGreaterThan(Date.parse(before))
    expect(await execute(uuid, 'cat /kept')).toMatchObject({ output: 'kept\n', exit_code: 0 })
    const { containerActions: log } = ok(
      await at('1.40').get(`/containers/${uuid}/container_actions`),
    )
    expect(log.find((one: Json) => one.action === 'reboot')).toMatchObject({ message: null })
  })

  it('test_run_container_with_cinder_volumes', async () => {
    const mounts = [{ source: randomUUID(), destination: '/data' }]
    await expectNoBlockStorage(
      async () =>
        await at(version).post('/containers?run=true', { ...BOX, name: 'mounted', mounts }),
    )
  })
})

it('test_create_capsule_with_volume', async () => {
  const template = {
    kind: 'capsule',
    capsuleVersion: 'beta',
    metadata: { name: 'mounted' },
    spec: {
      containers: [
        { image: 'box', volumeMounts: [{ name: 'test-volume', mountPath: '/test-volume' }] },
      ],
      volumes: [{ name: 'test-volume', cinder: { volumeID: randomUUID() } }],
    },
  }
  await expectNoBlockStorage(async () => await at('1.32').post('/capsules', { template }))
})

describe('in a class that stops before their version', () => {
  it('test_commit_container_140', async () => {
    const entrypoint = ['/bin/sh', '-c']
    const { uuid } = await runOne('1.40', {
      entrypoint,
      command: ['echo hello > testfile; sleep 1000000'],
    })
    await until(
      async () => (await execute(uuid, 'cat testfile')).output as string, // text
      (output) => output === 'hello\n',
      { what: 'the file' },
    )
    const committed = await at('1.40').post(`/containers/${uuid}/commit`, { repository: 'myrepo' })
    expect(committed.status).toBe(202)
    await until(
      async () => ok(await session.image.get(`/images/${committed.body.uuid}`)).status as string, // text
      (status) => status === 'active',
      { what: 'the image' },
    )
    const { uuid: copy } = await runOne('1.40', {
      image: 'myrepo',
      entrypoint,
      command: ['cat testfile; sleep 1000000'],
    })
    await until(
      async () => String(ok(await at('1.40').get(`/containers/${copy}/logs`))),
      (logs) => logs.includes('hello'),
      { what: 'the file in the copy' },
    )
    await remove(copy)
    ok(await session.image.delete(`/images/${committed.body.uuid}`))
  })

  it('test_container_expose_port', async () => {
    const served = 'mkdir /w; echo exposed > /w/index.html; exec httpd -f -h /w -p 80'
    const shown = await runOne('1.24', {
      command: ['sh', '-c', served],
      exposed_ports: { '80/tcp': {} },
    })
    const [group, ...more] = shown.security_groups
    expect(more).toEqual([])
    const { security_group: made } = ok(await session.network.get(`/security-groups/${group}`))
    expect(made.name).not.toBe('default')
    expect(made.security_group_rules).toContainEqual(
      expect.objectContaining({
        direction: 'ingress',
        protocol: 'tcp',
        port_range_min: 80,
        port_range_max: 80,
      }),
    )
    const [[{ addr }]] = Object.values<Json>(shown.addresses)
    const { uuid: caller } = await runOne('1.24', {})
    await until(
      async () => (await execute(caller, `wget -q -O - http://${addr}/`)).output as string, // text
      (page) => page === 'exposed\n',
      { what: 'the page' },
    )
    await remove(shown.uuid)
    expect((await session.network.get(`/security-groups/${group}`)).status).toBe(404)
  })

  it('test_put_and_get_archive_from_container_encoded', async () => {
    const { uuid } = await runOne('1.25', {})
    const content = Buffer.from('Random text')
    const sent = await tar([{ path: 'test.txt', content }])
    const put = await at('1.25').post(`/containers/${uuid}/put_archive?path=/tmp`, {
      data: Buffer.from(sent).toString('base64'),
    })
    expect(put.status).toBe(200)
    const got = ok(await at('1.25').get(`/containers/${uuid}/get_archive?path=/tmp/test.txt`))
    expect(got.stat).toMatchObject({ name: 'test.txt', size: content.length })
    const file = join(data, 'got.tar')
    writeFileSync(file, Buffer.from(got.data, 'base64'))
    expect(await run('tar', ['-xOf', file, 'test.txt'])).toBe('Random text')
  })

  it('test_run_container_with_cinder_volume_dynamic_created', async () => {
    // without Cinder it is a volume of the container's own: the same to its process, and it goes with it
    const { uuid } = await runOne('1.20', { mounts: [{ size: 1, destination: '/data' }] })
    expect(volumesOnHost()).toHaveLength(1)
    await execute(uuid, "/bin/sh -c 'echo hello > /data/testfile'")
    expect(await execute(uuid, 'cat /data/testfile')).toMatchObject({ output: 'hello\n' })
    ok(await at('1.40').post(`/containers/${uuid}/rebuild`))
    await reach(uuid, 'Running')
    expect(await execute(uuid, 'cat /data/testfile')).toMatchObject({ output: 'hello\n' })
    await remove(uuid)
    expect(volumesOnHost()).toEqual([])
    expect((await onHost(data)).folders).toEqual([])
  })

  it('test_run_container_without_security_groups', async () => {
    const shown = await runOne('1.20', {})
    const [[{ port }]] = Object.values<Json>(shown.addresses)
    const { port: wired } = ok(await session.network.get(`/ports/${port}`))
    expect(wired.security_groups).toEqual(shown.security_groups)
    const names: string[] = []
    for (const id of wired.security_groups)
      names.push(ok(await session.network.get(`/security-groups/${id}`)).security_group.name)
    expect(names).toEqual(['default'])
  })
})
