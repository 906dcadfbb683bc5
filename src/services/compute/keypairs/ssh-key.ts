import { createHash, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/** A pair of which the cloud keeps the public half only: the private one is shown once. */
export interface KeyMaterial {
  readonly publicKey: string
  readonly fingerprint: string
  readonly privateKey?: string
}

const generate = promisify(generateKeyPair)
const RSA_BITS = 2048

/** A new RSA pair: the public half as OpenSSH has it, the private one as PEM (PKCS #1, which every SSH client reads). */
export async function generateSshKey(): Promise<KeyMaterial> {
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const blob = sshRsaBlob(publicKey)
  return {
    publicKey: `ssh-rsa ${blob.toString('base64')} Generated-by-Stackyard`,
    fingerprint: md5Fingerprint(blob),
    privateKey,
  }
}

/** How many fields follow the type's name in the blob, by type (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH's PROTOCOL.u2f). */
const fieldsOf: Readonly<Record<string, number>> = {
  'ssh-rsa': 2,
  'ssh-ed25519': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
}

/** An OpenSSH public key line, checked for being well formed; 400 otherwise. */
export function readSshKey(line: string): KeyMaterial {
  const [type = '', base64 = ''] = line.trim().split(/\s+/)
  const wanted = Object.hasOwn(fieldsOf, type) ? fieldsOf[type] : undefined
  if (wanted === undefined)
    throw unreadable(`its type must be one of ${Object.keys(fieldsOf).join(', ')}`)
  const blob = Buffer.from(base64, 'base64')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0)
    throw unreadable('its second word is not base64')
  const fields = splitFields(blob)
  if (
    fields?.[0]?.toString('latin1') !== type ||
    fields.length !== wanted + 1 ||
    !fieldsFit(type, fields)
  ) {
    throw unreadable(`its content is not that of an ${type} key`)
  }
  return { publicKey: line, fingerprint: md5Fingerprint(blob) }
}

const unreadable = (why: string): Error =>
  cloudError('badRequest', `Keypair data is invalid: failed to generate fingerprint: ${why}.`)

/** Length-prefixed fields; undefined when the lengths do not add up. */
function splitFields(blob: Buffer): readonly Buffer[] | undefined {
  const fields: Buffer[] = []
  let at = 0
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return undefined
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}

function fieldsFit(type: string, fields: readonly Buffer[]): boolean {
  const [, first = Buffer.alloc(0), second = Buffer.alloc(0)] = fields
  if (type === 'ssh-rsa') return second.length >= 128 && first.length > 0 // 1024 bits at least
  if (type.includes('ed25519')) return first.length === 32
  const curve = /nistp\d+/.exec(type)?.[0]
  return first.toString('latin1') === curve && second[0] === 4 // an uncompressed point
}

/** MD5 in pairs with colons: what Nova and old OpenSSH show. A name for people, not a safeguard. */
export function md5Fingerprint(blob: Buffer): string {
  return createHash('md5')
    .update(blob)
    .digest('hex')
    .replaceAll(/(..)(?=.)/g, '$1:')
}

/** Reads modulus and exponent out of the DER of an RSA public key and writes them the SSH way. */
function sshRsaBlob(spki: Buffer): Buffer {
  const [outer] = derItems(spki)
  const bits = derItems(outer ?? Buffer.alloc(0))[1] ?? Buffer.alloc(0)
  const [pair] = derItems(bits.subarray(1)) // a bit string begins with its count of unused bits
  const [modulus, exponent] = derItems(pair ?? Buffer.alloc(0))
  if (modulus === undefined || exponent === undefined)
    throw new Error('the generated RSA key has an unknown form')
  return Buffer.concat([Buffer.from('ssh-rsa'), exponent, modulus].map(lengthPrefixed))
}

function lengthPrefixed(content: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}

/** Contents of the DER values that stand one after another in `der`. */
function derItems(der: Buffer): readonly Buffer[] {
  const items: Buffer[] = []
  let at = 0
  while (at + 2 <= der.length) {
    const first = der.readUInt8(at + 1)
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    items.push(der.subarray(start, start + length))
    at = start + length
  }
  return items
}
