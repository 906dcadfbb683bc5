import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** Reading a log file's end and following it, as `tail` does. */
const FOLLOW_MS = 200
const TAIL_BYTES = 1024 * 1024

/** The last lines, of those written after the first `from` bytes. */
export function lastLines(file: string, count: number, from = 0): string[] {
  const size = fileSize(file)
  if (size <= from) return []
  const text = readRange(file, Math.max(from, size - TAIL_BYTES), size)
  return text.trimEnd().split('\n').slice(-count)
}

export function fileSize(file: string): number {
  return existsSync(file) ? statSync(file).size : 0
}

/** Yields what is added to the file from now on; starts over when the file is cut or replaced by a shorter one. */
export async function* follow(file: string): AsyncGenerator<string> {
  let seen = fileSize(file)
  for (;;) {
    const size = fileSize(file)
    if (size < seen) seen = 0
    if (size > seen) yield readRange(file, seen, size)
    seen = size
    await wait(FOLLOW_MS)
  }
}

function readRange(file: string, from: number, to: number): string {
  if (from === 0 && to < TAIL_BYTES) return readFileSync(file, 'utf8')
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(to - from)
    const length = readSync(descriptor, buffer, 0, buffer.length, from)
    return buffer.toString('utf8', 0, length)
  } finally {
    closeSync(descriptor)
  }
}
