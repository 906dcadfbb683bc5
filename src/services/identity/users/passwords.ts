import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/** Cost of new hashes: some 40 ms and 16 MiB each. A hash names its own cost, so it can be raised later. */
const COST = { N: 16_384, r: 8, p: 1 } as const
const AT_ONCE = 2
const MOST_WAITING = 500

let running = 0
const waiting: (() => void)[] = []

/** `scrypt$N$r$p$salt$hash` */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, 32, COST)
  return [
    'scrypt',
    COST.N,
    COST.r,
    COST.p,
    salt.toString('base64url'),
    hash.toString('base64url'),
  ].join('$')
}

/** Takes as long when there is no such user or no password: the time must not tell which names exist. */
export async function verifyPassword(
  password: string,
  stored: string | null | undefined,
): Promise<boolean> {
  const [scheme, n, r, p, salt, hash] = (stored ?? NOBODYS).split('$')
  if (scheme !== 'scrypt' || salt === undefined || hash === undefined) return false
  const wanted = Buffer.from(hash, 'base64url')
  const found = await derive(password, Buffer.from(salt, 'base64url'), wanted.length, {
    N: Number(n),
    r: Number(r),
    p: Number(p),
  })
  return timingSafeEqual(found, wanted) && stored !== null && stored !== undefined
}

const NOBODYS = [
  'scrypt',
  COST.N,
  COST.r,
  COST.p,
  randomBytes(16).toString('base64url'),
  randomBytes(32).toString('base64url'),
].join('$')

async function derive(
  password: string,
  salt: Buffer,
  size: number,
  cost: ScryptOptions,
): Promise<Buffer> {
  await enter()
  try {
    return await new Promise((resolve, reject) => {
      scrypt(
        password.normalize('NFC'),
        salt,
        size,
        { ...cost, maxmem: 128 * 1024 * 1024 },
        (error, key) => (error === null ? resolve(key) : reject(error)),
      )
    })
  } finally {
    running--
    waiting.shift()?.()
  }
}

/** Two at once leave the machine to others; a queue without end would be an invitation. */
async function enter(): Promise<void> {
  if (running >= AT_ONCE) {
    if (waiting.length >= MOST_WAITING)
      throw cloudError('tooManyRequests', 'Too many logins at once: try again in a few seconds.', {
        headers: { 'Retry-After': '5' },
      })
    await new Promise<void>((resolve) => waiting.push(resolve))
  }
  running++
}
