import { join } from 'node:path'
import { tryRun, type RunResult } from '../../src/kernel/exec/run.ts'
import { Terminal } from './terminal.ts'

/** The unmodified client from Debian's package, with the system's own Python. */
const PROGRAM = '/usr/bin/openstack'
const PYTHON = '/usr/bin/python3'

/** Runs `openstack …` as somebody; every command and its time is printed. */
export class OpenstackClient {
  readonly #environment: Readonly<Record<string, string>>
  #calls = 0

  /** `environment` says who it is: the client reads nothing else. */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      PYTHONWARNINGS: 'ignore',
      ...environment,
    }
  }

  /** A user of the cloud's own `clouds.yaml`. */
  static ofCloud(data: string, cloud: 'stackyard' | 'stackyard-admin'): OpenstackClient {
    return new OpenstackClient({
      OS_CLIENT_CONFIG_FILE: join(data, 'clouds.yaml'),
      OS_CLOUD: cloud,
    })
  }

  get calls(): number {
    return this.#calls
  }

  /** What it prints; throws with its own words when it fails. Single quotes keep words together. */
  async text(command: string): Promise<string> {
    const result = await this.attempt(command)
    if (result.code !== 0)
      throw new Error(
        `openstack ${command}\nexited with ${result.code}: ${result.stderr}${result.stdout}`,
      )
    return result.stdout.trim()
  }

  /** The same with `-f json`, read. */
  async json<T = Readonly<Record<string, string>>>(command: string): Promise<T> {
    return JSON.parse(await this.text(`${command} -f json`)) as T // the caller names the columns it asked for
  }

  /** For commands that are expected to fail. */
  async attempt(command: string): Promise<RunResult> {
    const began = performance.now()
    const result = await tryRun(PROGRAM, wordsOf(command), {
      env: this.#environment,
      timeoutMs: 180_000,
    })
    this.#calls++
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    process.stdout.write(`${result.code === 0 ? '✓' : '✗'} openstack ${command}  (${seconds} s)\n`)
    return result
  }

  /** For commands that want a terminal, and somebody who types. */
  inTerminal(command: string): Terminal {
    this.#calls++
    process.stdout.write(`… openstack ${command}\n`)
    return new Terminal([PROGRAM, ...wordsOf(command)], { ...this.#environment, TERM: 'dumb' })
  }

  /** A few lines of Python that speak with the client's own library; what they print. */
  async python(lines: string): Promise<string> {
    this.#calls++
    const result = await tryRun(PYTHON, ['-c', lines], {
      env: this.#environment,
      timeoutMs: 60_000,
    })
    if (result.code !== 0) throw new Error(`exited with ${result.code}: ${result.stderr}`)
    return result.stdout.trim()
  }
}

function wordsOf(command: string): readonly string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}
