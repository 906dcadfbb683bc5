import type { KeyFolder } from '../../kernel/secrets/key-folder.ts'
import type { Revocations } from './tokens/revocations.ts'
import type { Tokens } from './tokens/tokens.ts'

/** What the resources of this room share; made once in index.ts and handed in. */
export interface Parts {
  readonly tokens: Tokens
  readonly revocations: Revocations
  readonly tokenKeys: KeyFolder
  /** For credentials' blobs at rest. */
  readonly credentialKeys: KeyFolder
  readonly tokenMs: number
  readonly passwordRules: PasswordRules
}

/** What an operator may ask of passwords and logins; 0 turns a rule off. Keystone's `[security_compliance]`. */
export interface PasswordRules {
  /** Wrong passwords in a row after which the account is locked … */
  readonly lockoutAttempts: number
  /** … for so long. */
  readonly lockoutSeconds: number
  /** How many of the last passwords must not be used again, the present one included. */
  readonly uniqueLast: number
  readonly expiresDays: number
  /** A regular expression that new passwords must match, and its words for people. */
  readonly pattern?: { readonly regex: RegExp; readonly description: string }
}

export const noPasswordRules: PasswordRules = {
  lockoutAttempts: 0,
  lockoutSeconds: 1800,
  uniqueLast: 0,
  expiresDays: 0,
}
