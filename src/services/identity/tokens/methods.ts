import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import {
  findApplicationCredential,
  findApplicationCredentialByName,
  type ApplicationCredential,
} from '../application-credentials/store.ts'
import { proveOauth, type OauthProof } from '../oauth1/login.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { findDomain, findProjectByName, type ProjectRecord } from '../projects/store.ts'
import { verifyPassword } from '../users/passwords.ts'
import {
  clearFailedLogins,
  countFailedLogin,
  findUser,
  findUserByName,
  type UserRecord,
} from '../users/store.ts'
import { expiryMs } from '../time-text.ts'
import type { Payload } from './payload.ts'
import { unauthenticated } from './refusals.ts'
import type { AuthRequest, DomainRef, UserRef } from './request.ts'

/** Who the methods of a login have proven to be there. */
export interface Proof {
  readonly user: UserRecord
  readonly userDomain: ProjectRecord
  readonly methods: readonly string[]
  /** The token that was shown, for the method `token`. */
  readonly token?: Payload
  readonly applicationCredential?: ApplicationCredential
  readonly oauth?: OauthProof
}

/** What a login needs beyond its body: OAuth signs the request itself. */
export interface LoginRequest {
  readonly url: string
  readonly authorization: string | undefined
}

type Part = Omit<Proof, 'userDomain' | 'methods' | 'user'> & {
  readonly user: UserRecord | undefined
}

/** Every method named must hold, and all for the same user. */
export async function prove(
  ctx: Ctx,
  parts: Parts,
  identity: AuthRequest['identity'],
  request: LoginRequest,
): Promise<Proof> {
  const methods = [...new Set(identity.methods)]
  const proofs: Part[] = []
  for (const method of methods) proofs.push(await proveOne(ctx, parts, method, identity, request))
  const user = proofs[0]?.user
  if (user === undefined || proofs.some((proof) => proof.user?.id !== user.id))
    throw unauthenticated('methods disagree')
  const userDomain = await findDomain(ctx, user.domainId)
  if (!user.enabled || userDomain?.enabled !== true)
    throw unauthenticated('user or domain disabled')
  const merged: Part = Object.assign({}, ...proofs)
  const all = [...new Set([...methods, ...(merged.token?.methods ?? [])])]
  requireFactors(user, all)
  return { ...merged, user, userDomain, methods: all }
}

async function proveOne(
  ctx: Ctx,
  parts: Parts,
  method: string,
  identity: AuthRequest['identity'],
  request: LoginRequest,
): Promise<Part> {
  switch (method) {
    case 'password':
      if (identity.password === undefined) throw payloadMissing(method)
      return {
        user: await byPassword(ctx, parts, identity.password.user, identity.password.user.password),
      }
    case 'token': {
      if (identity.token === undefined) throw payloadMissing(method)
      const token = await parts.tokens.payloadOf(ctx, identity.token.id)
      if (token === undefined) throw notFound('token', 'it is unknown, expired or revoked') // 404 as in Keystone
      // with impersonation the token's user is the trustor; rescoping such tokens is refused anyway
      return { user: await findUser(ctx, token.user.id), token }
    }
    case 'application_credential':
      if (identity.application_credential === undefined) throw payloadMissing(method)
      return await byApplicationCredential(ctx, identity.application_credential)
    case 'oauth1': {
      const oauth = await proveOauth(ctx, request)
      return { user: await findUser(ctx, oauth.userId), oauth }
    }
    default:
      throw cloudError(
        'unauthorized',
        `Attempted to authenticate with an unsupported method: ${method.slice(0, 40)}.`,
      )
  }
}

function payloadMissing(method: string): Error {
  return cloudError(
    'badRequest',
    `Expecting to find ${method} in identity. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.`,
  )
}

export async function domainOfRef(
  ctx: Ctx,
  ref: DomainRef | undefined,
): Promise<ProjectRecord | undefined> {
  if (ref?.id !== undefined) return await findDomain(ctx, ref.id)
  if (ref?.name !== undefined) return await findProjectByName(ctx, '', ref.name)
  throw cloudError(
    'badRequest',
    'Expecting to find domain, with its id or name. The client is assumed to be in error.',
  )
}

async function userOfRef(ctx: Ctx, ref: UserRef): Promise<UserRecord | undefined> {
  if (ref.id !== undefined) return await findUser(ctx, ref.id)
  if (ref.name === undefined)
    throw cloudError(
      'badRequest',
      'Expecting to find id or name in user. The client is assumed to be in error.',
    )
  const domain = await domainOfRef(ctx, ref.domain)
  return domain === undefined ? undefined : await findUserByName(ctx, domain.id, ref.name)
}

async function byPassword(
  ctx: Ctx,
  parts: Parts,
  ref: UserRef,
  password: string,
): Promise<UserRecord> {
  const user = await userOfRef(ctx, ref)
  const { lockoutAttempts } = parts.passwordRules
  const counted = lockoutAttempts > 0 && user?.options['ignore_lockout_failure_attempts'] !== true
  // checked before the lock is looked at: a locked account must take as long as any other
  const right = await verifyPassword(password, user?.passwordHash)
  if (user === undefined) throw unauthenticated('no such user')
  if (counted && isLocked(ctx, parts, user)) throw unauthenticated('account locked')
  if (!right) {
    if (counted) await countFailedLogin(ctx, user.id)
    throw unauthenticated('wrong password')
  }
  if (user.failedLogins > 0) await clearFailedLogins(ctx, user.id)
  if (
    user.passwordExpiresAt !== null &&
    Date.parse(user.passwordExpiresAt) <= ctx.now().getTime()
  ) {
    throw cloudError(
      'unauthorized',
      `The password is expired and needs to be changed for user: ${user.id}.`,
    )
  }
  return user
}

function isLocked(ctx: Ctx, parts: Parts, user: UserRecord): boolean {
  const { lockoutAttempts, lockoutSeconds } = parts.passwordRules
  return (
    user.failedLogins >= lockoutAttempts &&
    user.failedAt !== null &&
    Date.parse(user.failedAt) + lockoutSeconds * 1000 > ctx.now().getTime()
  )
}

async function byApplicationCredential(
  ctx: Ctx,
  sent: NonNullable<AuthRequest['identity']['application_credential']>,
): Promise<Part> {
  const credential = await applicationCredentialOf(ctx, sent)
  const right = await verifyPassword(sent.secret, credential?.secretHash)
  if (credential === undefined || !right) throw unauthenticated('application credential')
  if (credential.expiresAt !== null && expiryMs(credential.expiresAt) <= ctx.now().getTime())
    throw unauthenticated('application credential expired')
  return { user: await findUser(ctx, credential.userId), applicationCredential: credential }
}

async function applicationCredentialOf(
  ctx: Ctx,
  sent: NonNullable<AuthRequest['identity']['application_credential']>,
): Promise<ApplicationCredential | undefined> {
  if (sent.id !== undefined) return await findApplicationCredential(ctx, sent.id)
  if (sent.name === undefined || sent.user === undefined) {
    throw cloudError(
      'badRequest',
      'An application credential is named by its id, or by its name and user. The client is assumed to be in error.',
    )
  }
  const user = await userOfRef(ctx, sent.user)
  return user === undefined
    ? undefined
    : await findApplicationCredentialByName(ctx, user.id, sent.name)
}

/** Multi-factor rules: one of the user's lists of methods must be fulfilled; a token carries the methods it came by. */
function requireFactors(user: UserRecord, methods: readonly string[]): void {
  const rules = user.options['multi_factor_auth_rules']
  if (
    user.options['multi_factor_auth_enabled'] !== true ||
    !Array.isArray(rules) ||
    rules.length === 0
  )
    return
  const fulfilled = rules.some(
    (rule) => Array.isArray(rule) && rule.every((method) => methods.includes(String(method))),
  )
  if (!fulfilled) throw unauthenticated('more factors needed')
}
