import { createHash } from 'node:crypto'
import type { Parts } from '../parts.ts'
import { seal, unseal } from '../../../kernel/secrets/fernet.ts'

/** Blobs are encrypted with the newest key of the credential keys. */
export function sealBlob(parts: Parts, blob: string): string {
  return seal(parts.credentialKeys.primary, Buffer.from(blob), Date.now())
}

export function openBlob(parts: Parts, sealed: string): string {
  const bytes = unseal(parts.credentialKeys.all, sealed)
  if (bytes === undefined)
    throw new Error('a credential cannot be decrypted: its key is missing from the key folder')
  return bytes.toString()
}

/** Keystone's id of an EC2 credential: the hash of the access key that it was made with. */
export const idOfAccess = (access: string): string =>
  createHash('sha256').update(access).digest('hex')
