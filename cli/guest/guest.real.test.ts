import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { run, tryRun } from '../../src/kernel/exec/run.ts'
import { buildGuestImages } from './build.ts'

/**
 * The guest in plain Docker: a bridge network whose gateway is the metadata service's address, with a server of ours on it.
 * Capabilities are those the cloud gives: Docker's default without MKNOD.
 */
const tag = `sytest-guest-${process.pid}`
const USER_DATA = '#!/bin/sh\necho "user data ran as $(id -un)" > /made-by-user-data\n'
let folder = ''
let key = ''
let service: Server
let address = ''
let startedAt = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stackyard-guest-test-'))
  await buildGuestImages(folder)
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')])
  key = (await run('cat', [join(folder, 'key.pub')])).trim()
  await docker('load', '-i', join(folder, 'cirros.tar'))
  const net = ['--subnet', '169.254.169.0/24', '--gateway', '169.254.169.254']
  await docker('network', 'create', ...net, tag)
  service = await serveMetadata()
  startedAt = performance.now()
  await docker(
    'run',
    '-d',
    '--name',
    tag,
    '--hostname',
    'box',
    '--net',
    tag,
    '--cap-drop',
    'MKNOD',
    'stackyard/cirros',
  )
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  address = (await docker('inspect', '-f', format, tag)).trim()
})

afterAll(async () => {
  await tryRun('docker', ['rm', '-f', tag])
  await tryRun('docker', ['network', 'rm', tag])
  await tryRun('docker', ['rmi', '-f', 'stackyard/cirros', 'stackyard/cirros-alt'])
  service.close()
  await rm(folder, { recursive: true, force: true })
})

it('is small', async () => {
  expect((await stat(join(folder, 'cirros.tar'))).size).toBeLessThan(15 * 1024 * 1024)
})

it("lets the key's owner in, as cirros and as root, soon after its start", async () => {
  expect(await eventually(() => ssh('cirros', 'id -un'))).toBe('cirros')
  expect(performance.now() - startedAt).toBeLessThan(4000)
  expect((await ssh('root', 'id -un')).stdout.trim()).toBe('root')
})

it('has sudo, ping and names', async () => {
  expect((await ssh('cirros', 'sudo -n id -un')).stdout.trim()).toBe('root')
  expect((await ssh('cirros', 'ping -c 1 -W 1 169.254.169.254')).code).toBe(0)
  expect((await ssh('cirros', 'hostname')).stdout.trim()).toBe('box')
  // the look-up fails, but the program must survive it
  expect((await ssh('cirros', 'wget -O- http://nowhere.invalid/')).stderr).toContain('bad address')
})

it('runs user data once and says so on the console', async () => {
  expect(await eventually(() => ssh('root', 'cat /made-by-user-data'))).toBe(
    'user data ran as root',
  )
  const console = await run('docker', ['logs', tag])
  expect(console).toContain('hostname: box')
  expect(console).toContain('box login:')
  await ssh('root', 'rm /made-by-user-data')
  await docker('restart', tag)
  await eventually(() => ssh('root', 'true'))
  await wait(500)
  expect((await ssh('root', 'cat /made-by-user-data')).code).not.toBe(0)
})

it('stops within a second, and by its own poweroff', async () => {
  const began = performance.now()
  await docker('stop', tag)
  expect(performance.now() - began).toBeLessThan(1500)
  expect(await exitCode()).toBe('0')
  await docker('start', tag)
  await eventually(() => ssh('cirros', 'true'))
  await ssh('cirros', 'sudo poweroff')
  expect(
    await eventually(
      async () => await tryRun('docker', ['inspect', '-f', '{{.State.Status}}', tag]),
      'exited',
    ),
  ).toBe('exited')
})

async function docker(...args: string[]): Promise<string> {
  return await run('docker', args, { timeoutMs: 120_000 })
}

async function exitCode(): Promise<string> {
  return (await docker('inspect', '-f', '{{.State.ExitCode}}', tag)).trim()
}

async function ssh(user: string, command: string) {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'ConnectTimeout=2',
    'BatchMode=yes',
  ]
  const words = options.flatMap((option) => ['-o', option])
  return await tryRun('ssh', [...words, '-i', join(folder, 'key'), `${user}@${address}`, command])
}

/** The output of the first attempt that succeeds (with the wanted output, when given). */
async function eventually(
  attempt: () => Promise<{ code: number; stdout: string; stderr: string }>,
  wanted?: string,
): Promise<string> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const { code, stdout, stderr } = await attempt()
    if (code === 0 && (wanted === undefined || stdout.trim() === wanted)) return stdout.trim()
    if (Date.now() > deadline) throw new Error(`not within 10 seconds: ${stdout}${stderr}`)
    await wait(100)
  }
}

async function serveMetadata(): Promise<Server> {
  const documents: Readonly<Record<string, string>> = {
    '/latest/meta-data/instance-id': 'i-00000001',
    '/latest/meta-data/public-keys/0/openssh-key': key,
    '/openstack/latest/meta_data.json': JSON.stringify({ uuid: 'x', public_keys: { mine: key } }),
    '/openstack/latest/user_data': USER_DATA,
  }
  const server = createServer((request, response) => {
    const document = documents[request.url ?? '']
    response.writeHead(document === undefined ? 404 : 200).end(document)
  })
  await new Promise<void>((resolve) => server.listen(80, '169.254.169.254', resolve))
  return server
}
