import { afterAll, beforeAll, expect, it } from 'vitest'
import { ContainerCloud } from '../support/container-cloud.ts'
import { onHost, removeContainers } from '../support/host-state.ts'
import { ok, until } from '../support/session.ts'

/** What becomes of containers by themselves, on the real engine: they end, run out of memory, are not well, vanish. */
let cloud: ContainerCloud

beforeAll(async () => {
  cloud = await ContainerCloud.start()
}, 120_000)

afterAll(async () => await cloud.close(), 120_000)

it('shows exit code and output of what ended by itself, which is no error', async () => {
  const id = await cloud.run({ command: ['sh', '-c', 'echo goodbye; exit 3'] })
  const shown = await cloud.see(id, ({ status }) => status === 'Stopped', 'the end')
  expect(shown).toMatchObject({ exit_code: 3, oom_killed: false, status_reason: null })
  expect(shown.status_detail).toMatch(/^Exited\(3\) /)
  expect(ok(await cloud.at().get(`/containers/${id}/logs`))).toContain('goodbye')
})

it('names an end for want of memory', async () => {
  const eats = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'
  const id = await cloud.run({ command: ['sh', '-c', eats], memory: 16 })
  const shown = await cloud.see(id, ({ status }) => status === 'Stopped', 'the end')
  expect(shown).toMatchObject({ oom_killed: true })
  expect(shown.status_detail).toContain('OOMKilled')
})

it('starts again what its policy says, and what is not well', async () => {
  const failing = await cloud.run({
    command: ['sh', '-c', 'exit 1'],
    restart_policy: { Name: 'on-failure', MaximumRetryCount: 2 },
  })
  const unwell = await cloud.run({
    command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
    restart_policy: { Name: 'always' },
    healthcheck: { cmd: 'test -f /nowhere', interval: 1, retries: 1, timeout: 1 },
  })
  const given = await cloud.see(failing, ({ status }) => status === 'Stopped', 'giving up')
  expect(given).toMatchObject({ restart_count: 2, exit_code: 1 })
  const again = await cloud.see(unwell, ({ restart_count: count }) => count > 0, 'a restart')
  expect(['Running', 'Restarting']).toContain(again.status)
})

it('publishes a port on the host', async () => {
  const id = await cloud.run({
    command: ['sh', '-c', 'mkdir /w; echo published > /w/index.html; exec httpd -f -h /w -p 80'],
    published_ports: { '80/tcp': 0 },
  })
  const { published_ports: ports } = await cloud.see(
    id,
    ({ status }) => status === 'Running',
    'a run',
  )
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
  const id = await cloud.run({ command: ['sh', '-c', 'sleep 1'], auto_remove: true })
  await until(
    async () => (await cloud.at().get(`/containers/${id}`)).status,
    (status) => status === 404,
    { what: 'the container to be gone' },
  )
  await until(
    async () => (await onHost(cloud.data)).containers.filter((name) => name.includes(id)),
    (left) => left.length === 0,
    { what: 'nothing of it on the host' },
  )
})

it('makes anew what somebody removed behind its back, if it is to be healed, and else says so', async () => {
  const healed = await cloud.run({ auto_heal: true })
  const lost = await cloud.run({ auto_heal: false })
  for (const id of [healed, lost])
    await cloud.see(id, ({ status }) => status === 'Running', 'a run')
  for (const id of [healed, lost]) expect(await removeContainers(cloud.data, id)).toBeGreaterThan(0)
  const told = await cloud.see(lost, ({ status }) => status === 'Error', 'the loss')
  expect(told.status_reason).toContain('gone from its host')
  await until(
    async () => (await onHost(cloud.data)).containers,
    (names) => names.includes(`sy-${healed}`),
    { what: 'the container on the host again' },
  )
  await cloud.see(healed, ({ status }) => status === 'Running', 'a run again')
  expect((await onHost(cloud.data)).containers).not.toContain(`sy-${lost}`)
  ok(await cloud.at().delete(`/containers/${lost}`))
})
