import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, tryRun } from '../../src/kernel/exec/run.ts'
import { busyboxImage } from '../../src/kernel/testkit/busybox-image.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { ok, Session, until } from '../support/session.ts'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Twenty servers, ten rounds: the process is killed with -9 at a random moment, and nothing may be lost, stuck or left behind. */
const ROUNDS = Number(process.env['STACKYARD_CRASH_ROUNDS'] ?? 10)
const SERVERS = 20

let cloud: CloudProcess
let data: string
let before: HostState
const seed = Number(process.env['STACKYARD_CRASH_SEED'] ?? Date.now() % 100_000)
const random = mulberry(seed)

beforeAll(async () => {
  data = temporaryData()
  before = await hostState()
  cloud = await startCloudProcess({ data })
  await uploadImage(await Session.login(cloud.credentials('admin')))
}, 120_000)

afterAll(async () => {
  await cloud.stop()
  await purge(data)
}, 120_000)

describe(`kill -9, seed ${seed}`, () => {
  it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    'round %d',
    async () => {
      const wanted = await createSome()
      await sleep(random() * 2_500)
      if (random() < 0.5) await deleteHalf()
      await sleep(random() * 500)
      await cloud.kill()
      cloud = await startCloudProcess({ data })
      await everyoneSettles(wanted)
      await deleteAll()
      await nothingLeft()
    },
    240_000,
  )
})

async function demo(): Promise<Session> {
  return await Session.login(cloud.credentials('demo'))
}

async function uploadImage(admin: Session): Promise<void> {
  const tar = await busyboxImage({ command: ['sh', '-c', 'echo up; exec sleep 100000'] })
  const image = ok(
    await admin.image.post('/images', {
      name: 'crash',
      container_format: 'docker',
      disk_format: 'raw',
      visibility: 'public',
    }),
  )
  ok(
    await admin.image
      .with({ 'content-type': 'application/octet-stream' })
      .send('PUT', `/images/${image.id}/file`, new Uint8Array(tar)),
  )
}

/** Twenty creates at once; those whose answer came (202) must exist for ever after. */
async function createSome(): Promise<readonly string[]> {
  const session = await demo()
  const image = ok(await session.image.get('/images?name=crash')).images[0].id
  const network = ok(await session.network.get('/networks?name=private')).networks[0].id
  const flavors = ok(await session.compute.get('/flavors')).flavors
  const flavor = flavors.find((one: { name: string }) => one.name === 'm1.nano').id
  const answers = await Promise.all(
    Array.from(
      { length: SERVERS },
      async (_, at) =>
        await session.compute.post('/servers', {
          server: {
            name: `crash-${at}`,
            imageRef: image,
            flavorRef: flavor,
            networks: [{ uuid: network }],
          },
        }),
    ),
  )
  return answers.map((answer) => ok(answer).server.id as string) // Nova's answer
}

async function deleteHalf(): Promise<void> {
  const session = await demo()
  const { servers } = ok(await session.compute.get('/servers'))
  const half = servers.filter((_: unknown, at: number) => at % 2 === 0)
  await Promise.all(
    half.map(async ({ id }: { id: string }) => await session.compute.delete(`/servers/${id}`)),
  )
}

/** ACTIVE, ERROR with a reason, or gone because it was deleted: nothing else, and soon. */
async function everyoneSettles(wanted: readonly string[]): Promise<void> {
  const session = await demo()
  const servers = await until(
    async () => ok(await session.compute.get('/servers/detail')).servers as Server[],
    (seen) => seen.every(({ status }) => status === 'ACTIVE' || status === 'ERROR'),
    { what: 'every server to be ACTIVE or ERROR', timeoutMs: 120_000, everyMs: 300 },
  )
  for (const server of servers) {
    if (server.status === 'ERROR') expect(server.fault?.message).toBeTruthy()
    expect(wanted).toContain(server.id)
  }
}

interface Server {
  readonly id: string
  readonly status: string
  readonly fault?: { readonly message: string }
}

async function deleteAll(): Promise<void> {
  const session = await demo()
  const { servers } = ok(await session.compute.get('/servers'))
  await Promise.all(
    servers.map(async ({ id }: { id: string }) => await session.compute.delete(`/servers/${id}`)),
  )
  await until(
    async () => ok(await session.compute.get('/servers')).servers as unknown[],
    (seen) => seen.length === 0,
    { what: 'every server to be gone', timeoutMs: 90_000 },
  )
}

/** In Docker, in namespaces, in the data folder: only what rows still own. */
async function nothingLeft(): Promise<void> {
  const session = await demo()
  const { ports } = ok(await session.network.get('/ports?device_owner=compute:nova'))
  expect(ports).toEqual([])
  const tag = readFileSync(join(data, 'cloud'), 'utf8').trim()
  const names = (
    await run('docker', [
      'ps',
      '-a',
      '--filter',
      `label=stackyard.cloud=${tag}`,
      '--format',
      '{{.Names}}',
    ])
  )
    .trim()
    .split('\n')
  expect(names.filter((name) => name !== '' && !name.startsWith(`sy${tag}-pool-`))).toEqual([])
  const links = await tryRun('ip', ['netns', 'list'])
  const network = links.stdout
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .find((name) => name.startsWith(`sy${tag}-n-`))
  if (network !== undefined) {
    const inside = JSON.parse(
      await run('ip', ['-n', network, '-j', 'link', 'show', 'type', 'veth']),
    ) as unknown[] // iproute2's JSON
    expect(inside.length).toBeLessThanOrEqual(1) // the router's leg
  }
  expect(readdirSync(join(data, 'workloads'))).toEqual([])
  expect(await hostState()).toMatchObject({ mounts: before.mounts })
}

interface HostState {
  readonly mounts: number
}

async function hostState(): Promise<HostState> {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes('stackyard'))
  return await Promise.resolve({ mounts: mounts.length })
}

/** A small seeded generator, so that a bad round can be run again. */
function mulberry(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
