import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'

/** One call that was accepted while the cloud was away. */
export interface Entry {
  readonly method: string
  readonly payload: unknown
  /** The call's own id: the cloud may have done it already, and only its answer was lost. */
  readonly call: string
}

/**
 * Accepted calls, one JSON line each, on disk before they are answered. They are taken out from the front, one by one, as the
 * cloud takes them over; the file is emptied when the last one is through. Dying in between repeats some, which does no harm.
 */
export class Journal {
  readonly #file: number
  readonly #waiting: Entry[]

  constructor(path: string) {
    this.#waiting = existsSync(path) ? entriesOf(readFileSync(path, 'utf8')) : []
    this.#file = openSync(path, 'a', 0o600)
  }

  get length(): number {
    return this.#waiting.length
  }

  first(): Entry | undefined {
    return this.#waiting[0]
  }

  add(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`)
    fsyncSync(this.#file)
    this.#waiting.push(entry)
  }

  dropFirst(): void {
    this.#waiting.shift()
    if (this.#waiting.length === 0) ftruncateSync(this.#file, 0)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** A line that was cut off had not been answered yet. */
function entriesOf(text: string): Entry[] {
  return text.split('\n').flatMap((line) => {
    try {
      const entry: unknown = JSON.parse(line)
      return isEntry(entry) ? [entry] : []
    } catch {
      return []
    }
  })
}

function isEntry(value: unknown): value is Entry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'method' in value &&
    typeof value.method === 'string' &&
    'payload' in value &&
    'call' in value &&
    typeof value.call === 'string'
  )
}
