import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { reasonOf } from '../src/kernel/errors/cloud-error.ts'
import { isAlive, startDetached, waitUntilGone } from '../src/kernel/exec/child.ts'
import { launchOf, type Launch } from '../src/launch.ts'
import { CommandError } from './command.ts'
import { fileSize, lastLines } from './log-file.ts'
import { settingsFromMainArgs, type Settings } from './settings.ts'

/** The cloud's process, seen from outside: is it there, is it ready, start it, stop it. */
export interface RunningCloud {
  readonly pid: number
  readonly settings: Settings
}

/** What `GET /readyz` says. `ready` is the status code's word; the rest is whatever the cloud tells about itself. */
export interface Readiness {
  readonly ready: boolean
  readonly details: Readonly<Record<string, unknown>>
}

const READY_LIMIT_MS = 180_000
const STOP_LIMIT_MS = 60_000

export const logFile = (data: string): string => join(data, 'stackyard.log')
const pidFile = (data: string): string => join(data, 'stackyard.pid')

/** The cloud that uses this data folder; undefined when none runs. */
export function findCloud(data: string): RunningCloud | undefined {
  for (const name of ['lock', 'stackyard.pid']) {
    const file = join(data, name)
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN
    const argv = Number.isInteger(pid) ? commandLine(pid) : []
    // A process id may be used again after a reboot: only a process that runs our main file counts.
    const at = argv.findIndex((word) => word.endsWith('/src/main.ts'))
    if (at >= 0) return { pid, settings: settingsFromMainArgs(data, argv.slice(at + 1)) }
  }
  return undefined
}

export function baseUrl(settings: Settings): string {
  const { host, port } = settings.config.listen
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** Undefined when nobody answers. */
export async function readiness(settings: Settings): Promise<Readiness | undefined> {
  try {
    const response = await fetch(`${baseUrl(settings)}/readyz`, {
      signal: AbortSignal.timeout(5000),
    })
    const details: unknown = await response.json().catch(() => ({}))
    const known = typeof details === 'object' && details !== null ? { ...details } : {}
    return { ready: response.status === 200, details: known }
  } catch {
    return undefined
  }
}

/** A port that somebody else uses is told apart from every other reason for not starting, before anything is done. */
export async function checkPortIsFree(settings: Settings): Promise<void> {
  const { host, port } = settings.config.listen
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, resolve)
    })
  } catch (cause) {
    const advice = [`Choose another: ./stackyard up --port ${port + 1}`]
    throw new CommandError(`cannot listen on ${host}:${port}`, advice, cause)
  } finally {
    server.close()
  }
}

/** The command line of the cloud's process, for Node's own executable, and what its environment needs. */
export const launchFor = ({ data, mainArgs }: Settings): Launch => launchOf(data, mainArgs)

/** Starts the cloud in the background and returns when it is ready. */
export async function startCloud(
  settings: Settings,
  note: (text: string) => void,
): Promise<RunningCloud> {
  const log = logFile(settings.data)
  const before = fileSize(log)
  const { args, env } = launchFor(settings)
  const child = await startDetached(process.execPath, args, { logFile: log, env })
  writePid(settings.data, child.pid)
  const ended = child.exited.then((code) => {
    forgetPid(settings.data)
    throw new CommandError(`the cloud ended while starting (exit code ${code})`, [
      ...lastLines(log, 12, before),
      `The whole log: ${log}`,
    ])
  })
  const stop = new AbortController()
  try {
    await Promise.race([ended, waitUntilReady(settings, note, stop.signal)])
  } finally {
    stop.abort()
    // After a successful start nobody awaits this promise any more.
    ended.catch(() => undefined)
  }
  return { pid: child.pid, settings }
}

/** Polls until ready; used for a cloud that another `up` is starting, too. */
export async function waitUntilReady(
  settings: Settings,
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + READY_LIMIT_MS
  while (Date.now() < deadline) {
    const seen = await readiness(settings)
    if (seen?.ready === true || signal?.aborted === true) return
    const reason = seen?.details['reason'] ?? seen?.details['status']
    if (typeof reason === 'string') note(reason)
    await wait(100)
  }
  throw new CommandError(`the cloud was not ready after ${READY_LIMIT_MS / 1000} seconds`, [
    ...lastLines(logFile(settings.data), 12),
    `The whole log: ${logFile(settings.data)}`,
  ])
}

/** SIGTERM, and patience: the cloud finishes what it is answering. */
export async function stopCloud(cloud: RunningCloud): Promise<void> {
  try {
    process.kill(cloud.pid, 'SIGTERM')
  } catch (cause) {
    if (!isAlive(cloud.pid)) return
    throw new CommandError(`cannot stop process ${cloud.pid}: ${reasonOf(cause)}`)
  }
  if (!(await waitUntilGone(cloud.pid, STOP_LIMIT_MS))) {
    throw new CommandError(
      `process ${cloud.pid} did not end within ${STOP_LIMIT_MS / 1000} seconds`,
      [`kill -9 ${cloud.pid} is safe: nothing that was answered is lost`],
    )
  }
  forgetPid(cloud.settings.data)
}

export function writePid(data: string, pid: number): void {
  writeFileSync(pidFile(data), `${pid}\n`, { mode: 0o600 })
}

export function forgetPid(data: string): void {
  rmSync(pidFile(data), { force: true })
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
