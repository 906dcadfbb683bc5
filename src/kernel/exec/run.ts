import { spawn } from 'node:child_process'

/** The only door to other programs: no shell, always a time limit, output bounded, errors that say what was run. */
export interface RunOptions {
  readonly input?: string
  /** Default 30 s; the process is killed after it. */
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class CommandFailed extends Error {
  readonly code: number
  readonly stderr: string
  constructor(command: string, result: RunResult) {
    const said = result.stderr.trim() || result.stdout.trim() || 'nothing'
    super(`${command} exited with ${result.code} and said: ${said.slice(0, 600)}`)
    this.code = result.code
    this.stderr = result.stderr
  }
}

const OUTPUT_LIMIT = 32 * 1024 * 1024

/** Runs to the end and answers code and output; throws only when the program cannot be started or overran its time. */
export async function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return await new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      stdio: 'pipe',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let size = 0
    const keep = (list: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length
      if (size < OUTPUT_LIMIT) list.push(chunk)
    }
    child.stdout.on('data', keep(out))
    child.stderr.on('data', keep(err))
    child.on('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })))
    child.on('close', (code, signal) => {
      const stdout = Buffer.concat(out).toString()
      const stderr = Buffer.concat(err).toString()
      if (signal === 'SIGKILL' && child.killed) {
        reject(new Error(`${command} ${args.slice(0, 6).join(' ')} overran its time limit`))
      } else resolve({ code: code ?? 128, stdout, stderr })
    })
    child.stdin.on('error', () => undefined) // the program may end without reading its input
    child.stdin.end(options.input ?? '')
  })
}

/** As `tryRun`, but a non-zero exit throws `CommandFailed`. Answers stdout. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await tryRun(command, args, options)
  if (result.code !== 0) {
    throw new CommandFailed([command, ...args].slice(0, 8).join(' '), result)
  }
  return result.stdout
}
