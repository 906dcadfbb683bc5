import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/**
 * Keys as Keystone keeps them: files named by numbers; `0` is staged (the next primary, so that other processes know it
 * before it is used), the highest signs, the others still validate. The folder may be shared by several processes.
 */
export class KeyFolder {
  readonly #path: string
  readonly #maxKeys: number
  #keys: readonly { readonly index: number; readonly key: Buffer }[] = []
  #readAt = 0

  /** Makes the folder and the first two keys when there are none. */
  constructor(path: string, maxKeys = 4) {
    this.#path = path
    this.#maxKeys = maxKeys
    mkdirSync(path, { recursive: true, mode: 0o700 })
    chmodSync(path, 0o700)
    if (indexes(path).length === 0) {
      this.#write(0)
      this.#write(1)
    }
    this.reload()
  }

  /** Signs and encrypts what is new. */
  get primary(): Buffer {
    const key = this.#keys[0]?.key
    if (key === undefined) throw new Error(`no token key in ${this.#path}`)
    return key
  }

  /** Primary first. */
  get all(): readonly Buffer[] {
    return this.#keys.map(({ key }) => key)
  }

  /** The staged key becomes primary, a new one is staged, the oldest goes. Tokens of the remaining keys stay valid. */
  rotate(): void {
    const highest = this.#keys[0]?.index ?? 0
    const next = join(this.#path, String(highest + 1))
    renameSync(join(this.#path, '0'), next)
    utimesSync(next, new Date(), new Date()) // its age counts from here, not from when it was staged
    this.#write(0)
    const old = indexes(this.#path).filter((index) => index > 0)
    for (const index of old.slice(0, Math.max(0, old.length + 1 - this.#maxKeys)))
      rmSync(join(this.#path, String(index)), { force: true })
    this.reload()
  }

  /** Another process may have rotated: called when a token fits no key, at most once in a while. */
  reloadIfOlderThan(ms: number, now: number): boolean {
    if (now - this.#readAt < ms) return false
    this.reload()
    return true
  }

  primaryAgeMs(now: number): number {
    const highest = this.#keys[0]?.index ?? 0
    return now - statSync(join(this.#path, String(highest))).mtimeMs
  }

  reload(): void {
    this.#readAt = Date.now()
    this.#keys = indexes(this.#path)
      .toSorted((a, b) => b - a)
      .map((index) => ({ index, key: read(join(this.#path, String(index))) }))
  }

  /** Written under another name first: a reader never sees half a key. */
  #write(index: number): void {
    const temporary = join(this.#path, `.new-${randomBytes(4).toString('hex')}`)
    writeFileSync(temporary, randomBytes(32).toString('base64url'), { mode: 0o600, flush: true })
    renameSync(temporary, join(this.#path, String(index)))
  }
}

function indexes(path: string): number[] {
  return readdirSync(path)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b)
}

function read(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64url')
  if (key.length !== 32) throw new Error(`${file} does not hold a key of 32 bytes in base64`)
  return key
}
