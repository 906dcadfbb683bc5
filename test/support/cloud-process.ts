import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { purgeDocker } from '../../src/engines/docker/purge.ts'
import { DOCKER_PLUGINS, removeStaleSocket } from '../../src/engines/docker-plugin/keeper.ts'
import { purgeLinuxNetwork } from '../../src/engines/linux/index.ts'
import { launchOf } from '../../src/launch.ts'

const root = resolve(import.meta.dirname, '../..')
const READY_MS = 60_000

/** A cloud in a process of its own, as users run it: it can be killed at any moment. */
export interface CloudProcess {
  readonly url: string
  readonly data: string
  readonly pid: number
  /** Start → `Ready.` */
  readonly readyMs: number
  credentials(user: 'admin' | 'demo'): Credentials
  /** SIGTERM, and the end awaited. */
  stop(): Promise<void>
  /** SIGKILL, and the end awaited. */
  kill(): Promise<void>
}

export interface Credentials {
  readonly authUrl: string
  readonly username: string
  readonly password: string
  readonly project: string
}

export interface CloudProcessOptions {
  readonly data: string
  readonly engines?: 'docker' | 'fake'
  readonly port?: number
  /** Default: any free one. */
  readonly sshPort?: number
  /** Default: one of its own for every data folder, away from a user's own cloud on the same host. */
  readonly floatingRange?: string
  readonly env?: Readonly<Record<string, string>>
}

export function temporaryData(): string {
  return mkdtempSync(join(tmpdir(), 'stackyard-'))
}

export async function startCloudProcess(options: CloudProcessOptions): Promise<CloudProcess> {
  const started = performance.now()
  const port = options.port ?? (await freePort())
  const { args, env } = launchOf(options.data, [
    '--data',
    options.data,
    '--port',
    String(port),
    '--engines',
    options.engines ?? 'docker',
    '--floating-range',
    options.floatingRange ?? rangeOf(options.data),
    '--ssh-port',
    String(options.sshPort ?? 0),
  ])
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, STACKYARD_LOG_LEVEL: 'warn', ...options.env },
  })
  const url = await ready(child, port)
  const readyMs = performance.now() - started
  return {
    url,
    data: options.data,
    pid: child.pid ?? 0,
    readyMs,
    credentials: (user) => credentialsOf(options.data, user),
    stop: async () => await end(child, 'SIGTERM'),
    kill: async () => await end(child, 'SIGKILL'),
  }
}

/** The host has one routing table: two clouds with one range would take each other's packets. */
function rangeOf(data: string): string {
  const [byte = 0] = createHash('sha256').update(data).digest()
  return `172.31.${64 + (byte % 180)}.0/24`
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  return await new Promise((found, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => found(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function ready(child: ChildProcess, port: number): Promise<string> {
  let output = ''
  if (process.env['STACKYARD_TEST_LOG'] === '1') passOn(child)
  return await new Promise((resolveUrl, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`not ready in time:\n${output}`))
    }, READY_MS)
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-8000)
      if (!output.includes('Ready.')) return
      clearTimeout(timer)
      resolveUrl(`http://127.0.0.1:${port}`)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`ended with ${String(code)}:\n${output.slice(-3000)}`))
    })
  })
}

/** For those who look for the reason of a failed test. */
function passOn(child: ChildProcess): void {
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => process.stdout.write(chunk))
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  child.kill(signal)
  await gone
}

interface CloudsFile {
  readonly clouds: Readonly<
    Record<
      string,
      {
        readonly auth: {
          readonly auth_url: string
          readonly username: string
          readonly password: string
          readonly project_name: string
        }
      }
    >
  >
}

/** What first start wrote into `clouds.yaml`. */
export function credentialsOf(data: string, user: 'admin' | 'demo'): Credentials {
  const file = parse(readFileSync(join(data, 'clouds.yaml'), 'utf8')) as CloudsFile // what the cloud wrote
  const auth = file.clouds[user === 'admin' ? 'stackyard-admin' : 'stackyard']?.auth
  if (auth === undefined) throw new Error(`clouds.yaml has no ${user}`)
  return {
    authUrl: auth.auth_url,
    username: auth.username,
    password: auth.password,
    project: auth.project_name,
  }
}

/** Everything that a cloud has on the host, and its data folder. */
export async function purge(data: string): Promise<void> {
  const cloud = readFileSync(join(data, 'cloud'), 'utf8').trim()
  await purgeDocker({ socket: '/var/run/docker.sock', cloud, folder: join(data, 'workloads') })
  await purgeLinuxNetwork(cloud)
  await removeStaleSocket({ plugins: DOCKER_PLUGINS, name: 'kuryr' })
  rmSync(data, { recursive: true, force: true })
}
