import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { until } from './session.ts'

/** A program in a terminal of its own (`script` of util-linux), for those that want somebody to type. */
export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<number>
  #shown = ''

  constructor(words: readonly string[], environment: Readonly<Record<string, string>>) {
    const line = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
    this.#child = spawn('script', ['-qefc', line, '/dev/null'], { env: { ...environment } })
    const hear = (chunk: Buffer): void => {
      this.#shown += chunk.toString()
    }
    this.#child.stdout.on('data', hear)
    this.#child.stderr.on('data', hear)
    this.#child.stdin.on('error', () => undefined) // the program ended meanwhile: its exit code says so
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code) => resolve(code ?? -1))
    })
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Waits until it has shown this, and answers everything shown so far. */
  async shows(text: string | RegExp): Promise<string> {
    return await until(
      () => Promise.resolve(this.#shown),
      (all) => (typeof text === 'string' ? all.includes(text) : text.test(all)),
      { what: `${String(text)} in the terminal` },
    )
  }

  /** Its exit code. */
  async ended(): Promise<number> {
    return await this.#ended
  }

  /** Nobody sits in front of it any more. */
  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}
