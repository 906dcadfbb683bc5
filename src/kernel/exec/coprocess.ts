import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'

/**
 * A program kept running with its standard input open, told one thing after another: for tools whose start costs more than
 * their work. After each text a marker is sent that the program is sure to complain about on stderr; what it says there
 * before it complains about the marker belongs to the text. One text at a time, in order. A program that dies or overruns
 * its time fails the text at hand and everything waiting; the next `ask` then throws at once and the owner starts a new one.
 */
export interface CoProcessSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A line that has no effect and makes the program complain, naming the number. */
  marker(number: number): string
  /** Recognises the whole complaint about that line, to its end. */
  complaint(number: number): RegExp
  /** For one text; default 20 s. */
  readonly timeoutMs?: number
}

interface Question {
  readonly text: string
  readonly resolve: (said: string) => void
  readonly reject: (cause: Error) => void
}

export class CoProcess {
  readonly #spec: CoProcessSpec
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting: Question[] = []
  #current: Question | undefined
  #number = 0
  #said = ''
  #timer: NodeJS.Timeout | undefined
  #ended: Error | undefined

  constructor(spec: CoProcessSpec) {
    this.#spec = spec
    this.#child = spawn(spec.command, spec.args, {
      stdio: 'pipe',
      ...(spec.env === undefined ? {} : { env: { ...process.env, ...spec.env } }),
    })
    this.#child.stdout.resume()
    this.#child.stderr.setEncoding('utf8')
    this.#child.stderr.on('data', (chunk: string) => this.#hear(chunk))
    this.#child.stdin.on('error', () => undefined) // 'close' tells the same with a reason
    this.#child.on('error', (cause) =>
      this.#end(new Error(`cannot run ${spec.command}`, { cause })),
    )
    this.#child.on('close', (code) =>
      this.#end(new Error(`${spec.command} ended with ${code}: ${this.#said.trim() || 'no word'}`)),
    )
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get alive(): boolean {
    return this.#ended === undefined
  }

  get idle(): boolean {
    return this.#current === undefined && this.#waiting.length === 0
  }

  /** Sends the text and answers what the program said on stderr about it (empty when all went well). */
  ask(text: string): Promise<string> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject })
      this.#next()
    })
  }

  /** Closes its input; the program ends by itself, or is killed soon after. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin.end()
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), 2000)
    await gone
    clearTimeout(kill)
  }

  #next(): void {
    if (this.#current !== undefined) return
    const question = this.#waiting.shift()
    if (question === undefined) return
    this.#current = question
    this.#number += 1
    this.#timer = setTimeout(() => {
      this.#end(new Error(`${this.#spec.command} overran its time limit`))
      this.#child.kill('SIGKILL')
    }, this.#spec.timeoutMs ?? 20_000)
    this.#child.stdin.write(`${question.text}\n${this.#spec.marker(this.#number)}\n`)
  }

  #hear(chunk: string): void {
    this.#said += chunk
    const question = this.#current
    if (question === undefined) return
    const found = this.#spec.complaint(this.#number).exec(this.#said)
    if (found === null) return
    const answer = this.#said.slice(0, found.index)
    this.#said = this.#said.slice(found.index + found[0].length)
    this.#current = undefined
    clearTimeout(this.#timer)
    question.resolve(answer.trim())
    this.#next()
  }

  #end(reason: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    clearTimeout(this.#timer)
    this.#current?.reject(reason)
    this.#current = undefined
    for (const question of this.#waiting.splice(0)) question.reject(reason)
  }
}
