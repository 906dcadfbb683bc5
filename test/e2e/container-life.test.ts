import { afterAll, beforeAll, expect, it } from 'vitest'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import type { Json, TestClient } from '../../src/kernel/testkit/client.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { onHost, removeContainers } from '../support/host-state.ts'
import { ok, Session, until } from '../support/session.ts'

/** What becomes of containers by themselves, on the real engine: they end, run out of memory, are not well, vanish. */
let cloud: CloudProcess
let data: string
let client: TestClient

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  const session = await Session.login(cloud.credentials('demo'))
  client = session.to('container').with({ 'OpenStack-API-Version': 'container 1.40' })
  const image = { name: 'box', container_format: 'docker', disk_format: 'raw' }
  const { id } = ok(await session.image.post('/images', image))
  const tar = await busyboxImage({ command: ['sleep', '100000'] })
  ok(
    await session.image
      .with({ 'content-type': 'application/octet-stream' })
      .send('PUT', `/images/${id}/file`, new Uint8Array(tar)),
  )
}, 120_000)

afterAll(async () => {
  await cloud.stop()
  await purge(data)
}, 120_000)

async function run(wish: Readonly<Record<string, unknown>>): Promise<string> {
  const body = { image: 'box', image_driver: 'glance', cpu: 0.2, memory: 64, ...wish }
  return String(ok(await client.post('/containers?run=true', body)).uuid)
}

async function seen(id: string, done: (shown: Json) => boolean, what: string): Promise<Json> {
  return await until(async () => ok(await client.get(`/containers/${id}`)), done, { what })
}

it('shows exit code and output of what ended by itself, which is no error', async () => {
  const id = await run({ command: ['sh', '-c', 'echo goodbye; exit 3'] })
  const shown = await seen(id, ({ status }) => status === 'Stopped', 'the end')
  expect(shown).toMatchObject({ exit_code: 3, oom_killed: false, status_reason: null })
  expect(shown.status_detail).toMatch(/^Exited\(3\) /)
  expect(ok(await client.get(`/containers/${id}/logs`))).toContain('goodbye')
})

it('names an end for want of memory', async () => {
  const eats = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'
  const id = await run({ command: ['sh', '-c', eats], memory: 16 })
  const shown = await seen(id, ({ status }) => status === 'Stopped', 'the end')
  expect(shown).toMatchObject({ oom_killed: true })
  expect(shown.status_detail).toContain('OOMKilled')
})

it('starts again what its policy says, and what is not well', async () => {
  const failing = await run({
    command: ['sh', '-c', 'exit 1'],
    restart_policy: { Name: 'on-failure', MaximumRetryCount: 2 },
  })
  const unwell = await run({
    command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
    restart_policy: { Name: 'always' },
    healthcheck: { cmd: 'test -f /nowhere', interval: 1, retries: 1, timeout: 1 },
  })
  const given = await seen(failing, ({ status }) => status === 'Stopped', 'giving up')
  expect(given).toMatchObject({ restart_count: 2, exit_code: 1 })
  const again = await seen(unwell, ({ restart_count: count }) => count > 0, 'a restart')
  expect(['Running', 'Restarting']).toContain(again.status)
})

it('publishes a port on the host', async () => {
  const id = await run({
    command: ['sh', '-c', 'mkdir /w; echo published > /w/index.html; exec httpd -f -h /w -p 80'],
    published_ports: { '80/tcp': 0 },
  })
  const { published_ports: ports } = await seen(id, ({ status }) => status === 'Running', 'a run')
  const page = await until(
    async () =>
      await fetch(`http://127.0.0.1:${ports['80/tcp']}/`)
        .then(async (answer) => await answer.text())
        .catch(() => ''),
    (text) => text.includes('published'),
    { what: 'the page at a port of the host' },
  )
  expect(page).toContain('published')
})

it('takes away what was to go when its process ends', async () => {
  const id = await run({ command: ['sh', '-c', 'sleep 1'], auto_remove: true })
  await until(
    async () => (await client.get(`/containers/${id}`)).status,
    (status) => status === 404,
    { what: 'the container to be gone' },
  )
  await until(
    async () => (await onHost(data)).containers.filter((name) => name.includes(id)),
    (left) => left.length === 0,
    { what: 'nothing of it on the host' },
  )
})

it('makes anew what somebody removed behind its back, if it is to be healed, and else says so', async () => {
  const healed = await run({ auto_heal: true })
  const lost = await run({ auto_heal: false })
  for (const id of [healed, lost]) await seen(id, ({ status }) => status === 'Running', 'a run')
  for (const id of [healed, lost]) expect(await removeContainers(data, id)).toBeGreaterThan(0)
  const told = await seen(lost, ({ status }) => status === 'Error', 'the loss')
  expect(told.status_reason).toContain('gone from its host')
  await until(
    async () => (await onHost(data)).containers,
    (names) => names.includes(`sy-${healed}`),
    { what: 'the container on the host again' },
  )
  await seen(healed, ({ status }) => status === 'Running', 'a run again')
  expect((await onHost(data)).containers).not.toContain(`sy-${lost}`)
  ok(await client.delete(`/containers/${lost}`))
})
