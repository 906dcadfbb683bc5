import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDetached, waitUntilGone } from '../../src/kernel/exec/child.ts'
import { run, tryRun, type RunResult } from '../../src/kernel/exec/run.ts'
import { until } from './session.ts'

/**
 * A Docker Engine of the test's own, with a bridge of its own and everything in a temporary folder: it can be stopped, killed and
 * started while others of this host work on.
 */
export class DockerDaemon {
  readonly socket: string
  readonly #folder: string
  /** Below /run, as every daemon's: what it mounts there is seen by processes that began before. */
  readonly #exec = mkdtempSync('/run/sy-dockerd-')
  readonly #bridge = `sytd${randomBytes(3).toString('hex')}`
  #pid = 0

  private constructor(folder: string) {
    this.#folder = folder
    this.socket = join(folder, 'docker.sock')
  }

  static async start(): Promise<DockerDaemon> {
    const daemon = new DockerDaemon(mkdtempSync(join(tmpdir(), 'sy-dockerd-')))
    await run('ip', ['link', 'add', daemon.#bridge, 'type', 'bridge'])
    await run('ip', ['addr', 'add', '192.0.2.1/28', 'dev', daemon.#bridge])
    await daemon.up()
    return daemon
  }

  /** How long it took until it answered, in ms. */
  async up(): Promise<number> {
    const started = performance.now()
    const at = (name: string): string => join(this.#folder, name)
    const words =
      `--host unix://${this.socket} --pidfile ${at('pid')} --bridge ${this.#bridge} ` +
      `--data-root ${at('data')} --exec-root ${this.#exec} --userland-proxy=false ` +
      '--iptables=false --ip-masq=false --ip-forward=false --ip6tables=false'
    const { pid } = await startDetached('dockerd', words.split(' '), { logFile: at('log') })
    this.#pid = pid
    const answers = async (): Promise<number> => (await this.tryDocker('version')).code
    await until(answers, (code) => code === 0, {
      what: 'dockerd to answer',
      timeoutMs: 90_000,
      everyMs: 100,
    })
    return performance.now() - started
  }

  async stop(): Promise<void> {
    process.kill(this.#pid, 'SIGTERM')
    if (!(await waitUntilGone(this.#pid, 90_000))) throw new Error('dockerd does not end')
  }

  /** What `docker` prints; throws with its own words when it fails. */
  async docker(...words: readonly string[]): Promise<string> {
    const options = { timeoutMs: 120_000 }
    return (await run('docker', ['--host', `unix://${this.socket}`, ...words], options)).trim()
  }

  async tryDocker(...words: readonly string[]): Promise<RunResult> {
    const options = { timeoutMs: 120_000 }
    return await tryRun('docker', ['--host', `unix://${this.socket}`, ...words], options)
  }

  /** For good. */
  async remove(): Promise<void> {
    await this.stop()
    await run('ip', ['link', 'del', 'dev', this.#bridge])
    await tryRun('umount', [join(this.#folder, 'data')])
    for (const folder of [this.#folder, this.#exec])
      rmSync(folder, { recursive: true, force: true })
  }
}
