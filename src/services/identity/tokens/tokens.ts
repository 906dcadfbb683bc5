import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Who } from '../../../kernel/ctx/who.ts'
import { seal, unseal } from '../../../kernel/secrets/fernet.ts'
import type { KeyFolder } from '../../../kernel/secrets/key-folder.ts'
import { isoMicros, packPayload, unpackPayload, type Payload } from './payload.ts'
import type { Revocations } from './revocations.ts'

const CACHED = 20_000
/** How stale the revocations of another process may be. */
const REFRESH_MS = 3_000
const LONGEST_TOKEN = 16_384

interface Seen {
  readonly payload: Payload
  readonly who: Who
  /** Of the revocations, when this token was last checked against them. */
  version: number
}

/** Makes tokens and says what they mean. Validating reads no database, but for the shared revocations on PostgreSQL. */
export class Tokens {
  readonly #keys: KeyFolder
  readonly #revocations: Revocations
  readonly #seen = new Map<string, Seen>()
  readonly #payloads = new WeakMap<Who, Payload>()

  constructor(config: { readonly keys: KeyFolder; readonly revocations: Revocations }) {
    this.#keys = config.keys
    this.#revocations = config.revocations
  }

  issue(payload: Payload): string {
    return seal(this.#keys.primary, packPayload(payload), payload.issuedMs)
  }

  /**
   * A token that is limited to some requests (access rules of an application credential) is refused here: who asks does not
   * say which request it is for, and taking it for all of them would give more than its owner granted.
   */
  async authenticate(ctx: Ctx, token: string): Promise<Who | undefined> {
    const seen = await this.#look(ctx, token)
    return seen?.payload.applicationCredential?.accessRules === undefined ? seen?.who : undefined
  }

  /** Undefined for what is no token, or one that has expired or was revoked. */
  async payloadOf(ctx: Ctx, token: string): Promise<Payload | undefined> {
    return (await this.#look(ctx, token))?.payload
  }

  /** What stands in the token of the asker: more than `Who` tells. */
  payloadOfWho(who: Who): Payload | undefined {
    return this.#payloads.get(who)
  }

  async #look(ctx: Ctx, token: string): Promise<Seen | undefined> {
    if (ctx.db.dialect === 'postgres') await this.#revocations.refreshIfOlderThan(ctx, REFRESH_MS)
    const seen = this.#seen.get(token) ?? this.#open(token)
    if (seen === undefined || seen.payload.expiresMs <= ctx.now().getTime()) return undefined
    if (seen.version !== this.#revocations.version) {
      if (this.#revocations.isRevoked(seen.payload)) {
        this.#seen.delete(token)
        return undefined
      }
      seen.version = this.#revocations.version
    }
    this.#remember(token, seen)
    return seen
  }

  #open(token: string): Seen | undefined {
    if (token.length > LONGEST_TOKEN) return undefined
    const bytes =
      unseal(this.#keys.all, token) ??
      (this.#keys.reloadIfOlderThan(5_000, Date.now()) ? unseal(this.#keys.all, token) : undefined)
    const payload = bytes === undefined ? undefined : unpackPayload(bytes)
    if (payload === undefined) return undefined
    const who = whoFrom(payload)
    this.#payloads.set(who, payload)
    return { payload, who, version: -1 }
  }

  /** The one used longest ago goes first: a Map keeps the order in which keys were set. */
  #remember(token: string, seen: Seen): void {
    this.#seen.delete(token)
    this.#seen.set(token, seen)
    if (this.#seen.size <= CACHED) return
    const oldest = this.#seen.keys().next()
    if (oldest.done !== true) this.#seen.delete(oldest.value)
  }
}

function whoFrom(payload: Payload): Who {
  const { user, project, domain, applicationCredential } = payload
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: user.domain.id,
    userDomainName: user.domain.name,
    ...(project === undefined
      ? {}
      : {
          projectId: project.id,
          projectName: project.name,
          projectDomainId: project.domain.id,
          projectDomainName: project.domain.name,
        }),
    ...(domain === undefined ? {} : { domainId: domain.id, domainName: domain.name }),
    system: payload.system,
    roles: payload.roles.map((role) => role.name),
    roleIds: payload.roles.map((role) => role.id),
    methods: payload.methods,
    auditIds: payload.auditIds,
    issuedAt: isoMicros(payload.issuedMs),
    expiresAt: isoMicros(payload.expiresMs),
    ...(applicationCredential === undefined
      ? {}
      : { applicationCredentialId: applicationCredential.id }),
  }
}
