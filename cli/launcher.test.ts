import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tryRun } from '../src/kernel/exec/run.ts'
import type { Command } from './command.ts'

/** The commands as processes, against a stand-in for `src/main.ts` that keeps the contract: lock, clouds.yaml, /readyz, SIGTERM. */
const root = join(import.meta.dirname, '..')
const place = mkdtempSync(join(tmpdir(), 'stackyard-launcher-'))
const data = join(place, 'data')

const STAND_IN = `
import { createServer } from 'node:http'
import { readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
const [folder, port] = ['--data', '--port'].map((flag) => process.argv[process.argv.indexOf(flag) + 1])
if (existsSync(folder + '/break')) { console.log('nothing works today'); process.exit(3) }
writeFileSync(folder + '/lock', process.pid + ' 0')
writeFileSync(folder + '/cloud', 'abcd')
const auth = { auth_url: 'x', username: 'demo', password: 'p', project_name: 'demo' }
writeFileSync(folder + '/clouds.yaml', JSON.stringify({ clouds: { stackyard: { auth } } }))
createServer((_, answer) => answer.end(JSON.stringify({ tasks: { waiting: 2 } }))).listen(Number(port), '127.0.0.1')
process.on('SIGTERM', () => { rmSync(folder + '/lock'); process.exit(0) })
console.log('stand-in listens')
`

let port = 0
const stackyard = async (...args: string[]) =>
  await tryRun(process.execPath, [join(place, 'cli', 'main.ts'), ...args, '--data', data])

beforeAll(async () => {
  for (const part of ['cli', 'tools', join('src', 'kernel'), join('src', 'launch.ts')]) {
    cpSync(join(root, part), join(place, part), { recursive: true })
  }
  cpSync(join(root, 'package.json'), join(place, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'))
  writeFileSync(join(place, 'src', 'main.ts'), STAND_IN)
  port = await freePort()
})

afterAll(async () => {
  await stackyard('down')
  rmSync(place, { recursive: true, force: true })
})

describe('up, status, logs, openrc, down', () => {
  it('starts once, and the second time says so', async () => {
    const args = ['up', '--engines', 'fake', '--port', String(port)]
    const first = await stackyard(...args)
    expect(first.stderr).toContain('Stackyard is up.')
    expect(first.code).toBe(0)
    const second = await stackyard(...args)
    expect(second.stderr).toContain('already up: nothing to do')
    expect(second.code).toBe(0)
  })

  it('tells that other flags do not count any more', async () => {
    const { stderr } = await stackyard('up', '--engines', 'fake', '--port', '1')
    expect(stderr).toContain(`It was started with «--port ${port} --engines fake»`)
  })

  it('shows state, log and access data', async () => {
    const status = await stackyard('status', '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'ready', tasks: { waiting: 2 } })
    expect(status.code).toBe(0)
    expect((await stackyard('logs', '-n', '1')).stdout).toBe('stand-in listens\n')
    expect((await stackyard('openrc')).stdout).toContain("export OS_USERNAME='demo'")
  })

  it('stops, and stopping again is no error', async () => {
    expect((await stackyard('down')).stderr).toContain('servers keep running')
    expect((await stackyard('status')).code).toBe(4)
    expect((await stackyard('down')).code).toBe(0)
  })

  it('says why the cloud did not start, with the end of its log', async () => {
    mkdirSync(data, { recursive: true })
    writeFileSync(join(data, 'break'), '')
    const { code, stderr } = await stackyard('up', '--engines', 'fake', '--port', String(port))
    expect(code).toBe(1)
    expect(stderr).toContain('ended while starting (exit code 3)')
    expect(stderr).toContain('nothing works today')
    rmSync(join(data, 'break'))
  })

  it('names a port that is taken', async () => {
    const other = createServer()
    const taken = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve(portOf(other.address())))
    })
    const { code, stderr } = await stackyard('up', '--engines', 'fake', '--port', String(taken))
    other.close()
    expect(code).toBe(1)
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${taken}`)
  })

  it('begins anew on reset, keeping what belongs to the host', async () => {
    mkdirSync(join(data, 'guest'))
    writeFileSync(join(data, 'old'), '')
    const { code, stderr } = await stackyard(
      'reset',
      '--yes',
      '--engines',
      'fake',
      '--port',
      String(port),
    )
    expect(stderr).toContain('Stackyard is up.')
    expect(code).toBe(0)
    expect(readdirSync(data)).toContain('guest')
    expect(readdirSync(data)).not.toContain('old')
    await stackyard('down')
  })

  it('removes nothing without being told so', async () => {
    const { code, stderr } = await stackyard('down', '--purge')
    expect(code).toBe(1)
    expect(stderr).toContain('nothing was removed')
    expect(readFileSync(join(data, 'cloud'), 'utf8')).toBe('abcd')
  })
})

it('every command stands in a file of its name', async () => {
  const files = readdirSync(join(root, 'cli', 'commands'))
  for (const file of files) {
    const module: { default: Command } = await import(join(root, 'cli', 'commands', file))
    expect(module.default.name).toBe(basename(file, '.ts'))
  }
})

it('an unknown command or option is told with what there is', async () => {
  expect((await stackyard('bogus')).stderr).toContain('Commands: ')
  expect((await stackyard('up', '--bogus')).stderr).toContain("Unknown option '--bogus'")
})

async function freePort(): Promise<number> {
  const server = createServer()
  return await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const found = portOf(server.address())
      server.close(() => resolve(found))
    })
  })
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  return typeof address === 'object' && address !== null ? address.port : 0
}
