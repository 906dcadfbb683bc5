import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import type { Json, TestClient } from '../../src/kernel/testkit/client.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { linksOf, onHost } from '../support/host-state.ts'
import { ok, Session, until } from '../support/session.ts'

/** The process is killed with -9 in the middle of what is done to a container: each ends in a defined state, with a reason. */
let cloud: CloudProcess
let data: string
/** The cloud's own network interfaces when it has a network, and no container. */
let linksBefore: readonly string[]

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data })
  const { image } = await Session.login(cloud.credentials('demo'))
  const { id } = ok(
    await image.post('/images', { name: 'box', container_format: 'docker', disk_format: 'raw' }),
  )
  const tar = await busyboxImage({ command: ['sleep', '100000'] })
  ok(
    await image
      .with({ 'content-type': 'application/octet-stream' })
      .send('PUT', `/images/${id}/file`, new Uint8Array(tar)),
  )
  const first = await runOne('first')
  ok(await (await containers()).delete(`/containers/${first}?stop=true`))
  await nothingOnHost()
  linksBefore = await linksOf(data)
}, 120_000)

afterAll(async () => {
  await cloud.stop()
  await purge(data)
}, 120_000)

async function containers(): Promise<TestClient> {
  const session = await Session.login(cloud.credentials('demo'))
  return session.to('container').with({ 'OpenStack-API-Version': 'container 1.40' })
}

async function runOne(name: string): Promise<string> {
  const client = await containers()
  const wish = { name, image: 'box', image_driver: 'glance', memory: 64, cpu: 0.2 }
  const { uuid } = ok(await client.post('/containers?run=true', wish))
  await shown(uuid, 'Running')
  return uuid
}

async function shown(id: string, status: string): Promise<Json> {
  const client = await containers()
  return await until(
    async () => (await client.get(`/containers/${id}`)).body,
    (seen) => seen.status === status,
    { what: `container ${status}` },
  )
}

/** No container is listed, and none is on the host, nor a folder of one. */
async function nothingOnHost(): Promise<void> {
  const client = await containers()
  await until(
    async () => ok(await client.get('/containers')).containers,
    (list: Json[]) => list.length === 0,
    { what: 'no container' },
  )
  await until(
    async () => await onHost(data),
    ({ containers: names, folders }) => names.length === 0 && folders.length === 0,
    { what: 'a clean host' },
  )
}

async function restart(): Promise<void> {
  await cloud.kill()
  cloud = await startCloudProcess({ data })
}

async function finished(id: string, action: string): Promise<Json> {
  const client = await containers()
  const actions = await until(
    async () => (await client.get(`/containers/${id}/container_actions`)).body.containerActions,
    (list: Json[]) => list.find((one) => one.action === action)?.finish_time != null,
    { what: `the end of ${action}` },
  )
  return actions.find((one: Json) => one.action === action)
}

it('a command', async () => {
  const id = await runOne('commanded')
  const client = await containers()
  const asked = client.post(`/containers/${id}/execute?command=sleep%20100`).catch(() => undefined)
  await sleep(1_000)
  await restart()
  await asked
  expect((await finished(id, 'exec_cmd')).message).toContain('stopped while the command ran')
  await shown(id, 'Running')
})

it('a commit', async () => {
  const id = await runOne('committed')
  const client = await containers()
  const { uuid } = ok(await client.post(`/containers/${id}/commit?repository=kept`))
  await restart()
  expect((await finished(id, 'commit')).message).toBeNull()
  const { image } = await Session.login(cloud.credentials('demo'))
  expect(ok(await image.get(`/images/${uuid}`)).status).toBe('active')
  await shown(id, 'Running')
})

it('a start, a pause and a kill', async () => {
  const id = await runOne('turned')
  for (const [verb, status] of [
    ['pause', 'Paused'],
    ['unpause', 'Running'],
    ['kill', 'Stopped'],
    ['start', 'Running'],
  ] as const) {
    ok(await (await containers()).post(`/containers/${id}/${verb}`))
    await restart()
    expect((await shown(id, status)).task_state).toBeNull()
  }
}, 120_000)

it('a pull from a registry that says nothing', async () => {
  await using registry = await SilentRegistry.listen()
  const name = `127.0.0.1:${registry.port}/app`
  const client = await containers()
  const wish = { image: name, image_driver: 'docker', memory: 64, cpu: 0.2 }
  const { uuid } = ok(await client.post('/containers?run=true', wish))
  await until(
    () => Promise.resolve(registry.asked),
    (asked) => asked > 0,
    { what: 'the engine to ask the registry' },
  )
  await restart()
  const failed = await shown(uuid, 'Error')
  expect(failed).toMatchObject({ task_state: null })
  expect(failed.status_reason).toContain(`Cannot pull ${name}:latest`)
  expect((await finished(uuid, 'create')).message).toContain('Cannot pull')
}, 90_000)

it('a deletion, and nothing is left', async () => {
  const client = await containers()
  const { containers: all } = ok(await client.get('/containers'))
  for (const { uuid } of all) ok(await client.delete(`/containers/${uuid}?stop=true`))
  await restart()
  await nothingOnHost()
  await until(
    async () => (await linksOf(data)).filter((name) => !linksBefore.includes(name)),
    (left) => left.length === 0,
    { what: 'the interfaces to be gone' },
  )
})

/** Takes connections, and never says a word. */
class SilentRegistry implements AsyncDisposable {
  asked = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer((socket) => {
      this.asked += 1
      this.#sockets.add(socket)
      socket.on('error', () => undefined) // who asked went away
      socket.once('close', () => this.#sockets.delete(socket))
      socket.resume()
    })
  }

  static async listen(): Promise<SilentRegistry> {
    const registry = new SilentRegistry()
    await new Promise<void>((resolve, reject) => {
      registry.#server.once('error', reject)
      registry.#server.listen(0, '127.0.0.1', resolve)
    })
    return registry
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('it does not listen')
    return address.port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}
