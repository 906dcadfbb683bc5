import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { db } from '../tables.ts'
import type { Payload } from './payload.ts'

/**
 * What ends tokens before their time: "everything of user X issued up to now". An event is one key with a time; a token
 * is revoked when any of its keys has an event not older than the token. Kept in the database, mirrored in memory.
 */
export class Revocations {
  readonly #lifeMs: number
  readonly #events = new Map<string, number>()
  /** Grows with each change: a token looked at under the same version needs no second look. */
  version = 0
  #lastSeq = 0
  #readAt = 0
  #reading: Promise<void> | undefined

  /** `lifeMs`: the longest that a token lives. */
  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs
  }

  /** Revokes all tokens with one of these keys. Inside a transaction it takes effect with the commit. */
  async add(ctx: Ctx, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    const now = ctx.now().getTime()
    for (let at = 0; at < keys.length; at += 200)
      await this.#write(ctx, [...new Set(keys.slice(at, at + 200))], now)
    const apply = (): void => keys.forEach((key) => this.#take(key, now))
    if (ctx.db.afterCommit === undefined) apply()
    else ctx.db.afterCommit.push(apply)
  }

  async #write(ctx: Ctx, keys: readonly string[], now: number): Promise<void> {
    await db(ctx)
      .insertInto('identity_revocations')
      .values(
        keys.map((key) => ({ key, issued_before: now, expires_at: now + this.#lifeMs, seq: now })),
      )
      .onConflict((conflict) =>
        conflict
          .column('key')
          .doUpdateSet({ issued_before: now, expires_at: now + this.#lifeMs, seq: now }),
      )
      .execute()
  }

  /** Reads what other processes wrote since the last time; a little overlap covers commits that came late. */
  async refresh(ctx: Ctx): Promise<void> {
    this.#readAt = Date.now()
    const rows = await db(ctx)
      .selectFrom('identity_revocations')
      .select(['key', 'issued_before', 'seq'])
      .where('seq', '>', this.#lastSeq - 30_000)
      .execute()
    for (const row of rows) {
      this.#take(row.key, row.issued_before)
      this.#lastSeq = Math.max(this.#lastSeq, row.seq)
    }
  }

  /** With several processes on one database: refreshes when the mirror is older than `ms`. One reading at a time. */
  async refreshIfOlderThan(ctx: Ctx, ms: number): Promise<void> {
    if (Date.now() - this.#readAt < ms) return
    this.#reading ??= this.refresh(ctx).finally(() => (this.#reading = undefined))
    await this.#reading
  }

  isRevoked(payload: Payload): boolean {
    return keysOf(payload).some((key) => (this.#events.get(key) ?? -1) >= payload.issuedMs)
  }

  /** Forgets events whose last token has expired. */
  async prune(ctx: Ctx): Promise<void> {
    const now = ctx.now().getTime()
    await db(ctx).deleteFrom('identity_revocations').where('expires_at', '<', now).execute()
    for (const [key, before] of this.#events)
      if (before + this.#lifeMs < now) this.#events.delete(key)
  }

  #take(key: string, issuedBefore: number): void {
    if ((this.#events.get(key) ?? -1) >= issuedBefore) return
    this.#events.set(key, issuedBefore)
    this.version++
  }
}

export const revocationOf = {
  user: (id: string): string => `user:${id}`,
  project: (id: string): string => `project:${id}`,
  domain: (id: string): string => `domain:${id}`,
  role: (id: string): string => `role:${id}`,
  audit: (id: string): string => `audit:${id}`,
  applicationCredential: (id: string): string => `appcred:${id}`,
  trust: (id: string): string => `trust:${id}`,
  accessToken: (id: string): string => `oauth:${id}`,
  /** A user's tokens on one target: `project:<id>`, `domain:<id>` or `system`. */
  userOn: (userId: string, target: string): string => `user:${userId}@${target}`,
} as const

/** Every key under which a token may be revoked. */
function keysOf(payload: Payload): string[] {
  const { user, project, domain, trust, applicationCredential, oauth } = payload
  const keys = [revocationOf.user(user.id), revocationOf.domain(user.domain.id)]
  keys.push(
    ...payload.auditIds.slice(0, 1).map(revocationOf.audit),
    ...payload.roles.map((role) => revocationOf.role(role.id)),
  )
  if (project !== undefined) {
    keys.push(
      revocationOf.project(project.id),
      revocationOf.domain(project.domain.id),
      revocationOf.userOn(user.id, `project:${project.id}`),
    )
  }
  if (domain !== undefined)
    keys.push(revocationOf.domain(domain.id), revocationOf.userOn(user.id, `domain:${domain.id}`))
  if (payload.system) keys.push(revocationOf.userOn(user.id, 'system'))
  if (applicationCredential !== undefined)
    keys.push(revocationOf.applicationCredential(applicationCredential.id))
  if (oauth !== undefined) keys.push(revocationOf.accessToken(oauth.accessTokenId))
  if (trust !== undefined) {
    keys.push(
      revocationOf.trust(trust.id),
      revocationOf.user(trust.trustorId),
      revocationOf.user(trust.trusteeId),
    )
    if (project !== undefined)
      keys.push(revocationOf.userOn(trust.trustorId, `project:${project.id}`))
  }
  return keys
}
