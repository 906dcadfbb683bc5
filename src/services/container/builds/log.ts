import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { isOver } from './schema.ts'
import { findBuild, insertLines, linesAfter } from './store.ts'

const FLUSH_MS = 200
const MOST_LINES = 20_000
const LONGEST_LINE = 8_000
const LOOK_MS = 200

/** What a build says, written down some lines at a time. A build that never stops talking is cut off, and told so. */
export class BuildLog {
  readonly #ctx: Ctx
  readonly #id: string
  #waiting: string[] = []
  #written = 0
  #flushing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(ctx: Ctx, id: string) {
    this.#ctx = ctx
    this.#id = id
  }

  add(line: string): void {
    const count = this.#written + this.#waiting.length
    if (count > MOST_LINES) return
    // PostgreSQL stores no null characters
    const text = line.replaceAll('\0', '').slice(0, LONGEST_LINE)
    this.#waiting.push(count === MOST_LINES ? '… more was said than is kept' : text)
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS)
  }

  /** Writes what waits. A line that cannot be written is no reason for the build to fail. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const lines = this.#waiting
    this.#waiting = []
    const first = this.#written + 1
    this.#written += lines.length
    this.#flushing = this.#flushing
      .then(async () => await insertLines(this.#ctx, this.#id, first, lines))
      .catch((error: unknown) =>
        this.#ctx.log.warn({ err: error, build: this.#id }, 'writing the log of a build'),
      )
    await this.#flushing
  }
}

/** The log as text; with `follow` until the build is over. Reads the database, so it works whichever process builds. */
export function readLog(ctx: Ctx, id: string, follow: boolean): Readable {
  return Readable.from(chunks(ctx, id, follow), { objectMode: false })
}

async function* chunks(ctx: Ctx, id: string, follow: boolean): AsyncGenerator<string> {
  let last = 0
  for (;;) {
    // looked at before the lines: what is written until then is read below
    const build = await findBuild(ctx, id)
    let lines = await linesAfter(ctx, id, last)
    while (lines.length > 0) {
      last = lines.at(-1)?.number ?? last
      yield lines.map(({ text }) => `${text}\n`).join('')
      lines = await linesAfter(ctx, id, last)
    }
    const over = build === undefined || isOver(build.status)
    if (over || !follow || ctx.signal.aborted || ctx.stopping.aborted) return
    await sleep(LOOK_MS)
  }
}
