import { seal, unseal } from './fernet.ts'
import { KeyFolder } from './key-folder.ts'

/** Keeps what must not stand readable in the database. */
export interface Secrets {
  seal(plain: string): string
  /** Throws when the key that sealed it is missing from the key folder. */
  open(sealed: string): string
}

/** Encrypts with the newest key of the folder, which is made when it is missing; older keys still open. */
export function openSecrets(folder: string): Secrets {
  const keys = new KeyFolder(folder, Number.MAX_SAFE_INTEGER)
  return {
    seal: (plain) => seal(keys.primary, Buffer.from(plain), Date.now()),
    open(sealed) {
      const bytes = unseal(keys.all, sealed)
      if (bytes === undefined)
        throw new Error('a secret cannot be decrypted: its key is missing from the key folder')
      return bytes.toString()
    },
  }
}
