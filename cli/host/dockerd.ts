import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isAlive, startDetached, waitUntilGone } from '../../src/kernel/exec/child.ts'
import { run } from '../../src/kernel/exec/run.ts'
import { CommandError } from '../command.ts'
import { dockerApi } from '../docker-api.ts'
import { fileSize, lastLines } from '../log-file.ts'
import { areCgroupsMounted, findProgram } from './packages.ts'

/**
 * The Docker Engine of this host. Where systemd runs, it starts Docker; elsewhere (containers, small virtual machines) we start
 * `dockerd` ourselves, note its process id in the data folder, and only then is it ours to stop.
 */
const START_LIMIT_MS = 60_000
const GOING_AWAY_MS = 15_000
const DEFAULT_SOCKET = '/var/run/docker.sock'

const ourPidFile = (data: string): string => join(data, 'dockerd.pid')
const ourLog = (data: string): string => join(data, 'dockerd.log')

/** Returns the version of an engine that answers on `socket`, started if need be. */
export async function ensureDocker(
  socket: string,
  data: string,
  note: (text: string) => void,
): Promise<string> {
  const running = await dockerApi(socket).version()
  if (running !== undefined) return running
  if (socket !== DEFAULT_SOCKET) {
    throw new CommandError(`no Docker Engine answers on ${socket}`, [
      'Start it, or leave --docker-socket out',
    ])
  }
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'docker'], { timeoutMs: START_LIMIT_MS })
    return await waitForEngine(socket, new Promise<never>(() => undefined), 'journalctl -u docker')
  }
  const old = await waitForOldDaemon(socket, note)
  if (old !== undefined) return old
  if (!areCgroupsMounted()) await run('cgroupfs-mount', [])
  return await startDaemon(socket, data).catch(async () => {
    // A daemon that was killed leaves a containerd behind, which the first start after it may trip over.
    note('once more')
    await wait(2000)
    return await startDaemon(socket, data)
  })
}

/** Stops the dockerd that we started; one that is not ours is left alone. */
export async function stopOurDocker(data: string): Promise<boolean> {
  const pid = readPid(ourPidFile(data))
  if (pid === undefined || !isDockerd(pid)) return false
  process.kill(pid, 'SIGTERM')
  if (!(await waitUntilGone(pid, START_LIMIT_MS))) {
    throw new CommandError(`dockerd (process ${pid}) did not end; its log: ${ourLog(data)}`)
  }
  rmSync(ourPidFile(data), { force: true })
  return true
}

async function startDaemon(socket: string, data: string): Promise<string> {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const dockerd = findProgram('dockerd') ?? 'dockerd'
  // Containers outlive a restart of the daemon. Somebody's own daemon.json decides for itself: naming an option twice is an error.
  const options = existsSync('/etc/docker/daemon.json') ? [] : ['--live-restore']
  const before = fileSize(ourLog(data))
  const child = await startDetached(dockerd, options, { logFile: ourLog(data) })
  writeFileSync(ourPidFile(data), `${child.pid}\n`, { mode: 0o600 })
  const ended = child.exited.then((code) => {
    rmSync(ourPidFile(data), { force: true })
    const advice = [...lastLines(ourLog(data), 8, before), `The whole log: ${ourLog(data)}`]
    throw new CommandError(`dockerd ended while starting (exit code ${code})`, advice)
  })
  ended.catch(() => undefined) // after a successful start nobody awaits it any more
  return await waitForEngine(socket, ended, ourLog(data))
}

async function waitForEngine(socket: string, ended: Promise<never>, log: string): Promise<string> {
  const deadline = Date.now() + START_LIMIT_MS
  while (Date.now() < deadline) {
    const version = await Promise.race([dockerApi(socket).version(), ended])
    if (version !== undefined) return version
    await Promise.race([wait(100), ended])
  }
  throw new CommandError(`Docker did not answer within ${START_LIMIT_MS / 1000} seconds`, [
    `Its log: ${log}`,
  ])
}

/** A daemon that is coming up answers soon; one that is going away must be gone before the next can start. */
async function waitForOldDaemon(
  socket: string,
  note: (text: string) => void,
): Promise<string | undefined> {
  const pid = readPid('/var/run/docker.pid')
  if (pid === undefined || !isDockerd(pid)) return undefined
  note(`waiting for dockerd (process ${pid})`)
  const deadline = Date.now() + GOING_AWAY_MS
  while (isAlive(pid) && Date.now() < deadline) {
    const version = await dockerApi(socket).version()
    if (version !== undefined) return version
    await wait(200)
  }
  if (!isAlive(pid)) return undefined
  throw new CommandError(`dockerd runs (process ${pid}) but does not answer on ${socket}`, [
    'Look at its log, or end it and run this again',
  ])
}

function readPid(file: string): number | undefined {
  if (!existsSync(file)) return undefined
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
  return Number.isInteger(pid) ? pid : undefined
}

/** Process ids are used again: only a process of this name counts. */
function isDockerd(pid: number): boolean {
  const file = `/proc/${pid}/comm`
  return existsSync(file) && readFileSync(file, 'utf8').trim() === 'dockerd'
}
