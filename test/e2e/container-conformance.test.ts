import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { tar } from '../../src/kernel/archive/docker-archive.ts'
import { run } from '../../src/kernel/exec/run.ts'
import type { Answer, Json } from '../../src/kernel/testkit/client.ts'
import { ContainerCloud } from '../support/container-cloud.ts'
import { onHost } from '../support/host-state.ts'
import { ok, Session, until } from '../support/session.ts'

/**
 * Tests of Zun's Tempest plugin that never run: switched off in the plugin itself, or in a class that stops at version 1.19 while
 * they need a later one. Each is told here under its own name, step by step, on the real engine and at the version it needs.
 * Those about Cinder's volumes see the refusal, as long as there is no block storage.
 */
let cloud: ContainerCloud

beforeAll(async () => {
  cloud = await ContainerCloud.start()
}, 120_000)

afterEach(async () => await cloud.removeAll())

afterAll(async () => await cloud.close(), 120_000)

const BOX = { image: 'box', image_driver: 'glance', cpu: 0.1, memory: '100' }

/** As the plugin's own `_run_container`; up to 1.19 a command is one line. */
async function runOne(version: string, wish: Readonly<Record<string, unknown>>): Promise<Json> {
  const command = version === '1.19' ? 'sleep 10000' : ['sleep', '10000']
  const id = await cloud.run({ ...BOX, command, ...wish }, cloud.at(version))
  return await cloud.reach(id, 'Running')
}

/** A container's volumes are file systems of their own, mounted below the cloud's data folder. */
const volumesOnHost = (): readonly string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${cloud.data}/`))

/** A refusal in Zun's words that says what is missing, and of which nothing stays. */
async function expectNoBlockStorage(ask: () => Promise<Answer>): Promise<void> {
  const [host, volumes] = [await onHost(cloud.data), volumesOnHost()]
  const ports = async () => ok(await cloud.session.network.get('/ports')).ports.length as number // a list's length
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
  expect(ok(await cloud.at('1.40').get('/containers')).containers).toEqual([])
  expect(ok(await cloud.at('1.40').get('/capsules')).capsules).toEqual([])
  expect([await onHost(cloud.data), volumesOnHost()]).toEqual([host, volumes])
  expect(await ports()).toBe(before)
}

describe.each(['1.19', '1.40'])('switched off in the plugin, at %s', (version) => {
  it('test_reboot_container', async () => {
    const { uuid } = await runOne(version, {})
    await cloud.execute(uuid, 'sh -c "echo kept > /kept"')
    const { started_at: before } = await cloud.reach(uuid, 'Running')
    expect((await cloud.at(version).post(`/containers/${uuid}/reboot?timeout=1`)).status).toBe(202)
    const { started_at: after } = await cloud.reach(uuid, 'Running')
    expect(Date.parse(after)).toBeGreaterThan(Date.parse(before))
    expect(await cloud.execute(uuid, 'cat /kept')).toMatchObject({ output: 'kept\n', exit_code: 0 })
    const { containerActions: log } = ok(
      await cloud.at('1.40').get(`/containers/${uuid}/container_actions`),
    )
    expect(log.find((one: Json) => one.action === 'reboot')).toMatchObject({ message: null })
  })

  it('test_run_container_with_cinder_volumes', async () => {
    const mounts = [{ source: randomUUID(), destination: '/data' }]
    await expectNoBlockStorage(
      async () =>
        await cloud.at(version).post('/containers?run=true', { ...BOX, name: 'mounted', mounts }),
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
  await expectNoBlockStorage(async () => await cloud.at('1.32').post('/capsules', { template }))
})

describe('in a class that stops before their version', () => {
  it('test_commit_container_140', async () => {
    const entrypoint = ['/bin/sh', '-c']
    const { uuid } = await runOne('1.40', {
      entrypoint,
      command: ['echo hello > testfile; sleep 1000000'],
    })
    await until(
      async () => (await cloud.execute(uuid, 'cat testfile')).output as string, // text
      (output) => output === 'hello\n',
      { what: 'the file' },
    )
    const committed = await cloud
      .at('1.40')
      .post(`/containers/${uuid}/commit`, { repository: 'myrepo' })
    expect(committed.status).toBe(202)
    await until(
      async () =>
        ok(await cloud.session.image.get(`/images/${committed.body.uuid}`)).status as string, // text
      (status) => status === 'active',
      { what: 'the image' },
    )
    const { uuid: copy } = await runOne('1.40', {
      image: 'myrepo',
      entrypoint,
      command: ['cat testfile; sleep 1000000'],
    })
    await until(
      async () => String(ok(await cloud.at('1.40').get(`/containers/${copy}/logs`))),
      (logs) => logs.includes('hello'),
      { what: 'the file in the copy' },
    )
    await cloud.remove(copy)
    ok(await cloud.session.image.delete(`/images/${committed.body.uuid}`))
  })

  it('test_container_expose_port', async () => {
    const served = 'mkdir /w; echo exposed > /w/index.html; exec httpd -f -h /w -p 80'
    const shown = await runOne('1.24', {
      command: ['sh', '-c', served],
      exposed_ports: { '80/tcp': {} },
    })
    const [group, ...more] = shown.security_groups
    expect(more).toEqual([])
    const { security_group: made } = ok(
      await cloud.session.network.get(`/security-groups/${group}`),
    )
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
      async () => (await cloud.execute(caller, `wget -q -O - http://${addr}/`)).output as string, // text
      (page) => page === 'exposed\n',
      { what: 'the page' },
    )
    await cloud.remove(shown.uuid)
    expect((await cloud.session.network.get(`/security-groups/${group}`)).status).toBe(404)
  })

  it('test_put_and_get_archive_from_container_encoded', async () => {
    const { uuid } = await runOne('1.25', {})
    const content = Buffer.from('Random text')
    const sent = await tar([{ path: 'test.txt', content }])
    const put = await cloud.at('1.25').post(`/containers/${uuid}/put_archive?path=/tmp`, {
      data: Buffer.from(sent).toString('base64'),
    })
    expect(put.status).toBe(200)
    const got = ok(await cloud.at('1.25').get(`/containers/${uuid}/get_archive?path=/tmp/test.txt`))
    expect(got.stat).toMatchObject({ name: 'test.txt', size: content.length })
    const file = join(cloud.data, 'got.tar')
    writeFileSync(file, Buffer.from(got.data, 'base64'))
    expect(await run('tar', ['-xOf', file, 'test.txt'])).toBe('Random text')
  })

  it('test_run_container_with_cinder_volume_dynamic_created', async () => {
    // without Cinder it is a volume of the container's own: the same to its process, and it goes with it
    const { uuid } = await runOne('1.20', { mounts: [{ size: 1, destination: '/data' }] })
    expect(volumesOnHost()).toHaveLength(1)
    await cloud.execute(uuid, "/bin/sh -c 'echo hello > /data/testfile'")
    expect(await cloud.execute(uuid, 'cat /data/testfile')).toMatchObject({ output: 'hello\n' })
    ok(await cloud.at('1.40').post(`/containers/${uuid}/rebuild`))
    await cloud.reach(uuid, 'Running')
    expect(await cloud.execute(uuid, 'cat /data/testfile')).toMatchObject({ output: 'hello\n' })
    await cloud.remove(uuid)
    expect(volumesOnHost()).toEqual([])
    expect((await onHost(cloud.data)).folders).toEqual([])
  })

  it('test_run_container_without_security_groups', async () => {
    const shown = await runOne('1.20', {})
    const [[{ port }]] = Object.values<Json>(shown.addresses)
    const { port: wired } = ok(await cloud.session.network.get(`/ports/${port}`))
    expect(wired.security_groups).toEqual(shown.security_groups)
    const names: string[] = []
    for (const id of wired.security_groups)
      names.push(ok(await cloud.session.network.get(`/security-groups/${id}`)).security_group.name)
    expect(names).toEqual(['default'])
  })
})

describe.each(['1.19', '1.40'])('what the plugin runs too, at %s', (version) => {
  it('test_run_container', async () => {
    const shown = await runOne(version, {
      environment: { key1: 'env1', key2: 'env2' },
      labels: { key1: 'label1', key2: 'label2' },
      restart_policy: { Name: 'on-failure', MaximumRetryCount: 2 },
    })
    expect(shown).toMatchObject({
      environment: { key1: 'env1', key2: 'env2' },
      labels: { key1: 'label1', key2: 'label2' },
      restart_policy: { Name: 'on-failure', MaximumRetryCount: '2' },
    })
    const { output } = await cloud.execute(shown.uuid, 'env')
    expect(output).toMatch(/^key1=env1$/m)
  })

  it('test_run_container_with_minimal_params', async () => {
    const wish = { image: 'box', image_driver: 'glance' }
    const { uuid } = ok(await cloud.at(version).post('/containers?run=true', wish))
    expect(await cloud.reach(uuid, 'Running')).toMatchObject({ cpu: 1, memory: '512', disk: 10 })
  })

  it('test_service_list', async () => {
    const { status, body } = await cloud.at(version).get('/services')
    expect([status, body.errors[0].status]).toEqual([403, 403])
  })
})

it('test_run_container_with_injected_file', async () => {
  const source = Buffer.from('Random text').toString('base64')
  const { uuid } = await runOne('1.25', {
    mounts: [{ type: 'bind', source, destination: '/data/testfile' }],
  })
  expect(await cloud.execute(uuid, 'cat /data/testfile')).toMatchObject({ output: 'Random text' })
})

it('test_run_container_with_requested_host', async () => {
  const admin = await Session.login(cloud.process.credentials('admin'))
  const network = ok(await admin.network.post('/networks', { network: {} })).network.id
  const subnet = { network_id: network, ip_version: 4, cidr: '10.1.0.0/24' }
  ok(await admin.network.post('/subnets', { subnet }))
  const client = cloud.at('1.39', admin)
  const [{ hostname: host }] = ok(await client.get('/hosts')).hosts
  const wish = { image: cloud.imageId, nets: [{ network }], host }
  const path = `/containers/${await cloud.run(wish, client)}`
  const shown = await until(
    async () => ok(await client.get(path)),
    ({ status }: Json) => status === 'Running',
    { what: 'the container to run' },
  )
  expect(shown.host).toBe(host)
  ok(await client.delete(`${path}?stop=true`))
  await until(
    async () => (await client.get(path)).status,
    (status) => status === 404,
    { what: 'the container gone' },
  )
  ok(await admin.network.delete(`/networks/${network}`))
})
