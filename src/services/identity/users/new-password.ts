import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Parts } from '../parts.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import { pastPasswords, rememberPassword, type UserRecord } from './store.ts'

type PasswordColumns = Pick<UserRecord, 'passwordHash' | 'passwordChangedAt' | 'passwordExpiresAt'>

/** Hashes a password that the operator's rules allow. Slow, so outside of any transaction. */
export async function newPassword(
  ctx: Ctx,
  parts: Parts,
  password: string,
  options: Readonly<Record<string, unknown>>,
): Promise<PasswordColumns> {
  const { pattern, expiresDays } = parts.passwordRules
  if (pattern?.regex.test(password) === false) {
    throw cloudError(
      'badRequest',
      `The password does not match the requirements: ${pattern.description}.`,
    )
  }
  const now = ctx.now()
  const expires = expiresDays > 0 && options['ignore_password_expiry'] !== true
  return {
    passwordHash: await hashPassword(password),
    passwordChangedAt: now.toISOString(),
    passwordExpiresAt: expires
      ? new Date(now.getTime() + expiresDays * 86_400_000).toISOString().replace('Z', '000')
      : null,
  }
}

/** 400 for one of the last passwords; holds for people who change their own, not for an admin's reset. */
export async function refuseUsedBefore(
  ctx: Ctx,
  parts: Parts,
  user: UserRecord,
  password: string,
): Promise<void> {
  const count = parts.passwordRules.uniqueLast
  if (count < 1) return
  for (const hash of new Set([user.passwordHash, ...(await pastPasswords(ctx, user.id, count))])) {
    if (hash !== null && (await verifyPassword(password, hash))) {
      throw cloudError(
        'badRequest',
        `The new password cannot be identical to a previous password. The total number which includes the new password must be unique is: ${count}.`,
      )
    }
  }
}

export async function remember(
  ctx: Ctx,
  parts: Parts,
  userId: string,
  hash: string | null,
): Promise<void> {
  const count = parts.passwordRules.uniqueLast
  if (count > 0 && hash !== null) await rememberPassword(ctx, userId, hash, count)
}
