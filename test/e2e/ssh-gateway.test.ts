import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, tryRun, type RunResult } from '../../src/kernel/exec/run.ts'
import type { Json } from '../../src/kernel/testkit/client.ts'
import {
  purge,
  startCloudProcess,
  temporaryData,
  type CloudProcess,
} from '../support/cloud-process.ts'
import { newTenant } from '../support/new-tenant.ts'
import { ok, Session, until } from '../support/session.ts'
import { createServer, serverIn, uploadBusybox } from '../support/tenant.ts'

/** The unmodified `ssh` and `scp` into a container without any SSH server, with the key of a Nova keypair. */
const PORT = 20_000 + (process.pid % 10_000)
const keys = mkdtempSync(join(tmpdir(), 'stackyard-keys-'))

let cloud: CloudProcess
let data: string
let admin: Session
let demo: Session
let other: Session
let image: string

beforeAll(async () => {
  data = temporaryData()
  cloud = await startCloudProcess({ data, sshPort: PORT })
  admin = await Session.login(cloud.credentials('admin'))
  demo = await Session.login(cloud.credentials('demo'))
  other = await newTenant(cloud, admin, 'neighbours')
  image = await uploadBusybox(admin, 'box', ['sleep', '100000'], 'public')
  for (const name of ['mine', 'theirs'])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(keys, name)])
  await giveKey(demo, 'mine')
  await giveKey(other, 'theirs')
  await runContainer(demo, 'room')
}, 120_000)

afterAll(async () => {
  await cloud.stop()
  await purge(data)
  rmSync(keys, { recursive: true })
})

async function giveKey(session: Session, name: string): Promise<void> {
  const keypair = { name, public_key: readFileSync(join(keys, `${name}.pub`), 'utf8').trim() }
  ok(await session.compute.post('/os-keypairs', { keypair }))
}

async function runContainer(session: Session, name: string): Promise<string> {
  const zun = session.to('container').with({ 'openstack-api-version': 'container 1.40' })
  const wish = { name, image, image_driver: 'glance', command: ['sleep', '100000'] }
  const { uuid } = ok(await zun.post('/containers?run=true', wish))
  await until(
    async () => ok(await zun.get(`/containers/${String(uuid)}`)),
    (seen: Json) => seen.status === 'Running' || seen.status === 'Error',
    { what: `${name} to run` },
  )
  return uuid as string // Zun's answer
}

const options = (key: string): string[] => [
  '-i',
  join(keys, key),
  ...[
    'StrictHostKeyChecking=no',
    `UserKnownHostsFile=${join(keys, 'known')}`,
    'IdentitiesOnly=yes',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ].flatMap((option) => ['-o', option]),
]

async function ssh(
  room: string,
  command: readonly string[],
  more: { readonly key?: string; readonly input?: string; readonly flags?: readonly string[] } = {},
): Promise<RunResult> {
  const place = [...(more.flags ?? []), '-p', String(PORT), `${room}@127.0.0.1`]
  return await tryRun('ssh', [...options(more.key ?? 'mine'), ...place, ...command], {
    timeoutMs: 30_000,
    ...(more.input === undefined ? {} : { input: more.input }),
  })
}

const scp = async (from: string, to: string): Promise<RunResult> =>
  await tryRun('scp', ['-r', ...options('mine'), '-P', String(PORT), from, to], {
    timeoutMs: 30_000,
  })

describe('ssh into a container', () => {
  it('runs a command and ends with its exit code', async () => {
    expect(await ssh('room', ['echo', 'hello;', 'echo no >&2;', 'exit', '3'])).toMatchObject({
      code: 3,
      stdout: 'hello\n',
      stderr: 'no\n',
    })
  })

  it('takes what is piped into it', async () => {
    const text = 'line\n'.repeat(20_000)
    expect((await ssh('room', ['cat'], { input: text })).stdout).toBe(text)
  })

  it('opens a shell on a terminal', async () => {
    const shell = await ssh('room', [], { flags: ['-tt'], input: 'tty\nhostname\nexit 7\n' })
    expect(shell.code).toBe(7)
    expect(shell.stdout).toContain('/dev/pts/')
  })

  it('finds a container by its id, and a server by its name', async () => {
    const id = await runContainer(demo, 'by-id')
    expect((await ssh(id, ['echo', 'here'])).stdout).toBe('here\n')
    const { networks } = ok(await demo.network.get('/networks?name=private'))
    const networkId = String(networks[0].id)
    const server = await createServer(demo, {
      name: 'a-server',
      image,
      networks: [{ uuid: networkId }],
    })
    await serverIn(demo, server, 'ACTIVE')
    expect((await ssh('a-server', ['echo', 'here'])).stdout).toBe('here\n')
  })

  it('copies files and folders in and out', async () => {
    const content = Buffer.alloc(300_000, 'stackyard ')
    writeFileSync(join(keys, 'up'), content, { mode: 0o750 })
    expect(await scp(join(keys, 'up'), 'room@127.0.0.1:/tmp/up')).toMatchObject({ code: 0 })
    expect((await ssh('room', ['stat', '-c', '%s-%a', '/tmp/up'])).stdout).toBe('300000-750\n')
    expect(await scp('room@127.0.0.1:/tmp/up', join(keys, 'down'))).toMatchObject({ code: 0 })
    expect(readFileSync(join(keys, 'down')).equals(content)).toBe(true)
    await ssh('room', ['mkdir -p /srv/site/deep; echo a >/srv/site/a; echo b >/srv/site/deep/b'])
    expect(await scp('room@127.0.0.1:/srv/site', join(keys, 'site'))).toMatchObject({ code: 0 })
    expect(readFileSync(join(keys, 'site', 'deep', 'b'), 'utf8')).toBe('b\n')
  })
})

describe('who may not come in', () => {
  it.each([
    ['with a key of nobody’s', 'room', 'unknown'],
    ['with the key of another project', 'room', 'theirs'],
    ['into what is not there', 'cellar', 'mine'],
  ])('%s', async (_what, room, key) => {
    if (key === 'unknown')
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(keys, key)])
    const refused = await ssh(room, ['id'], { key })
    expect(refused).toMatchObject({ code: 255, stdout: '' })
    expect(refused.stderr).toContain('Permission denied')
  })
})

describe('what is left of a visit', () => {
  it('stands in the audit events, and no process stays behind', async () => {
    const { events } = ok(await admin.to('identity').with({}).get('/../stackyard/v1/audit'))
    const visits = events.filter((event: Json) => event.action.startsWith('container:ssh:'))
    expect(visits.map((event: Json) => event.action)).toContain('container:ssh:enter')
    expect(visits[0].reason).toBe('from 127.0.0.1')
    const processes = await ssh('room', ['ps', '-o', 'args'])
    expect(processes.stdout).not.toContain('cat')
  })

  it('says so when there is nothing to enter', async () => {
    const zun = demo.to('container').with({ 'openstack-api-version': 'container 1.40' })
    await zun.post('/containers/room/stop?timeout=1')
    await until(
      async () => ok(await zun.get('/containers/room')),
      (seen: Json) => seen.status === 'Stopped',
      { what: 'room to stop' },
    )
    const refused = await ssh('room', ['id'])
    expect(refused.code).toBe(255)
    expect(refused.stderr).toContain('room is not running')
  })
})
