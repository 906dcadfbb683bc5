import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** Programs that outlive this process or share its terminal. What ends by itself and is only listened to is for `run`. */
export interface Detached {
  readonly pid: number
  /** Its exit code, or 128 when a signal ended it. Does not keep this process alive. */
  readonly exited: Promise<number>
}

/** Starts a program in a session of its own, output appended to `logFile`; it goes on when we and our terminal end. */
export function startDetached(
  command: string,
  args: readonly string[],
  options: {
    readonly logFile: string
    readonly cwd?: string
    readonly env?: Readonly<Record<string, string>>
  },
): Promise<Detached> {
  const log = openSync(options.logFile, 'a', 0o600)
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
  })
  closeSync(log)
  child.unref()
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? 128))
  })
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })))
    child.once('spawn', () => {
      if (child.pid !== undefined) resolve({ pid: child.pid, exited })
    })
  })
}

/** Runs a program on our own terminal and answers its exit code. SIGINT and SIGTERM are passed on to it. */
export function runAttached(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string
    readonly env?: Readonly<Record<string, string>>
    readonly started?: (pid: number) => void
  } = {},
): Promise<number> {
  const child = spawn(command, args, {
    stdio: 'inherit',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
  })
  const passOn = (signal: NodeJS.Signals): boolean => child.kill(signal)
  process.on('SIGINT', passOn).on('SIGTERM', passOn)
  return new Promise<number>((resolve, reject) => {
    child.once('spawn', () => {
      if (child.pid !== undefined) options.started?.(child.pid)
    })
    child.once('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })))
    child.once('exit', (code) => resolve(code ?? 128))
  }).finally(() => {
    process.off('SIGINT', passOn).off('SIGTERM', passOn)
  })
}

/** True when no process of this id is left before the time is over. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false
    await wait(50)
  }
  return true
}

/** A process that has ended counts as gone even while nobody has collected it: in containers, process 1 may never do so. */
export function isAlive(pid: number): boolean {
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')
    return !afterName.startsWith('Z')
  } catch {
    return false
  }
}
