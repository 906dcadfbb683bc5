/**
 * X.509 keypairs, Nova's second type: certificates for guests that are entered with one instead of an SSH key. Node can
 * read certificates but not make them, so the few DER structures of RFC 5280 that a self-signed one needs are written here.
 */
import { createSign, generateKeyPair, randomBytes, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { KeyMaterial } from './ssh-key.ts'

const generate = promisify(generateKeyPair)
const RSA_BITS = 2048
const YEARS = 10

/** A PEM certificate somebody brings; 400 when it is none. */
export function readCertificate(pem: string): KeyMaterial {
  try {
    return { publicKey: pem, fingerprint: sha1Fingerprint(pem) }
  } catch (cause) {
    throw cloudError(
      'badRequest',
      'Keypair data is invalid: failed to generate fingerprint: it is not an X.509 certificate in PEM.',
      { cause },
    )
  }
}

/** A new key with a certificate that names the user twice: as common name and as user principal name. */
export async function generateCertificate(userId: string, now: Date): Promise<KeyMaterial> {
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const signed = sequence(toBeSigned(userId, now, publicKey))
  const signature = createSign('sha256').update(signed).sign(privateKey)
  const der = sequence([
    signed,
    sha256WithRsa(),
    value(0x03, Buffer.concat([Buffer.from([0]), signature])),
  ])
  const pem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END CERTIFICATE-----\n`
  return { publicKey: pem, fingerprint: sha1Fingerprint(pem), privateKey }
}

const sha1Fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint.toLowerCase()

function toBeSigned(userId: string, now: Date, spki: Buffer): readonly Buffer[] {
  const end = new Date(now)
  end.setUTCFullYear(end.getUTCFullYear() + YEARS)
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // positive, and of full length
  const name = sequence([
    value(0x31, sequence([oid([0x55, 4, 3]), value(0x0c, Buffer.from(userId.slice(0, 64)))])),
  ])
  const principal = value(
    0xa0,
    Buffer.concat([
      oid([0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3]),
      value(0xa0, value(0x0c, Buffer.from(`${userId}@localhost`))),
    ]),
  )
  const extensions = [
    extension([0x55, 0x1d, 17], sequence([principal])),
    extension([0x55, 0x1d, 37], sequence([oid([0x2b, 6, 1, 5, 5, 7, 3, 2])])), // for client authentication
  ]
  return [
    value(0xa0, value(0x02, Buffer.from([2]))), // version 3
    value(0x02, serial),
    sha256WithRsa(),
    name,
    sequence([time(now), time(end)]),
    name,
    spki,
    value(0xa3, sequence(extensions)),
  ]
}

const sha256WithRsa = (): Buffer =>
  sequence([oid([0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11]), value(0x05, Buffer.alloc(0))])
const extension = (id: readonly number[], content: Buffer): Buffer =>
  sequence([oid(id), value(0x04, content)])
const oid = (bytes: readonly number[]): Buffer => value(0x06, Buffer.from(bytes))
const sequence = (items: readonly Buffer[]): Buffer => value(0x30, Buffer.concat(items))

/** Two-digit years up to 2049, four digits after (RFC 5280 §4.1.2.5). */
function time(at: Date): Buffer {
  const text = at.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14) + 'Z'
  return at.getUTCFullYear() < 2050
    ? value(0x17, Buffer.from(text.slice(2)))
    : value(0x18, Buffer.from(text))
}

/** Tag, length, content. */
function value(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}
