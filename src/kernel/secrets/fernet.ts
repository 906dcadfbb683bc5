import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

/**
 * Fernet (https://github.com/fernet/spec): version 0x80, time, IV, AES-128-CBC, HMAC-SHA256 over all of it, in URL-safe
 * base64. A key is 32 bytes: the first half signs, the second half encrypts.
 */
const VERSION = 0x80
const HEAD = 1 + 8 + 16
const MAC = 32

export function seal(key: Buffer, plain: Buffer, nowMs: number): string {
  const head = Buffer.alloc(9)
  head[0] = VERSION
  head.writeBigUInt64BE(BigInt(Math.floor(nowMs / 1000)), 1)
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv)
  const body = Buffer.concat([head, iv, cipher.update(plain), cipher.final()])
  // no padding characters: some clients put tokens into URLs
  return Buffer.concat([body, macOf(key, body)]).toString('base64url')
}

/** Undefined when no key of the ring has made it. */
export function unseal(keys: readonly Buffer[], token: string): Buffer | undefined {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length < HEAD + 16 + MAC || bytes[0] !== VERSION) return undefined
  const body = bytes.subarray(0, -MAC)
  const mac = bytes.subarray(-MAC)
  const key = keys.find((candidate) => timingSafeEqual(macOf(candidate, body), mac))
  if (key === undefined) return undefined
  const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), body.subarray(9, HEAD))
  try {
    return Buffer.concat([decipher.update(body.subarray(HEAD)), decipher.final()])
  } catch {
    return undefined // signed but not decryptable: made by a key whose other half differs
  }
}

function macOf(key: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', key.subarray(0, 16)).update(body).digest()
}
