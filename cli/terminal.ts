import { createInterface } from 'node:readline/promises'
import { environment } from '../src/kernel/config/environment.ts'

/**
 * What the commands print. Progress goes to stderr and results to stdout, so that `eval "$(./stackyard openrc)"` and pipes
 * get the result alone. Colours and the spinner appear on a terminal only.
 */
const isTerminal = process.stderr.isTTY
const hasColour = isTerminal && (environment()['NO_COLOR'] ?? '') === ''
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const SPIN_MS = 80

export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const yellow = paint(33)
export const cyan = paint(36)

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function say(line = ''): void {
  process.stderr.write(`${line}\n`)
}

export function warn(line: string): void {
  say(`${yellow('!')} ${line}`)
}

/** One line of progress: what is done, then how long it took. `note` changes what stands behind the title meanwhile. */
export async function step<T>(
  title: string,
  work: (note: (text: string) => void) => Promise<T>,
): Promise<T> {
  const began = performance.now()
  const spinner = spin(title)
  try {
    const result = await work(spinner.note)
    spinner.stop()
    say(`${green('✓')} ${title} ${dim(seconds(performance.now() - began))}`)
    return result
  } catch (error) {
    spinner.stop()
    say(`${red('✗')} ${title} ${dim(seconds(performance.now() - began))}`)
    throw error
  }
}

export interface Spinner {
  readonly note: (text: string) => void
  readonly stop: () => void
}

/** A turning sign in front of `title`; nothing where stderr is no terminal. */
export function spin(title: string): Spinner {
  if (!isTerminal) return { note: () => undefined, stop: () => undefined }
  let turn = 0
  let note = ''
  const draw = (): void => {
    const sign = cyan(SPINNER[turn++ % SPINNER.length] ?? '')
    process.stderr.write(`\r\u001b[K${sign} ${title} ${dim(note)}`)
  }
  draw()
  const timer = setInterval(draw, SPIN_MS)
  const stop = (): void => {
    clearInterval(timer)
    process.stderr.write('\r\u001b[K')
  }
  return { note: (text) => (note = text), stop }
}

/** Yes or no. Where nobody can be asked, the answer is `unasked`. */
export async function ask(question: string, unasked: boolean): Promise<boolean> {
  if (!isTerminal || !process.stdin.isTTY) return unasked
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`${bold(question)} [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}

export function seconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  return `${(milliseconds / 1000).toFixed(1)} s`
}

function paint(code: number): (text: string) => string {
  return (text) => (hasColour ? `\u001b[${code}m${text}\u001b[0m` : text)
}
