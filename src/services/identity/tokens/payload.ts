import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** What a token says. It holds everything a request needs, so that validating asks no database. */
export interface Payload {
  readonly user: Named & { readonly domain: Named }
  readonly project?: Named & { readonly domain: Named; readonly isDomain: boolean }
  readonly domain?: Named
  readonly system: boolean
  /** Implied ones included; domain roles are only steps to others and do not appear. */
  readonly roles: readonly Named[]
  readonly methods: readonly string[]
  /** Own audit id, then that of the first token of the chain when there was one before. */
  readonly auditIds: readonly string[]
  readonly issuedMs: number
  readonly expiresMs: number
  readonly passwordExpiresAt?: string
  readonly applicationCredential?: {
    readonly id: string
    readonly name: string
    readonly restricted: boolean
    readonly accessRules?: readonly AccessRule[]
  }
  readonly trust?: Trust
  readonly oauth?: { readonly accessTokenId: string; readonly consumerId: string }
}

export interface Named {
  readonly id: string
  readonly name: string
}

export interface AccessRule {
  readonly id: string
  readonly service: string
  readonly method: string
  readonly path: string
}

export interface Trust {
  readonly id: string
  readonly impersonation: boolean
  readonly trustorId: string
  readonly trusteeId: string
}

/** Deflated JSON: ids and names repeat, and tokens travel in headers. */
export function packPayload(payload: Payload): Buffer {
  return deflateRawSync(JSON.stringify(payload))
}

export function unpackPayload(bytes: Buffer): Payload | undefined {
  try {
    return JSON.parse(inflateRawSync(bytes, { maxOutputLength: 256 * 1024 }).toString()) as Payload // signed by us, so written by packPayload
  } catch {
    return undefined
  }
}

/** Keystone writes microseconds. */
export function isoMicros(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}
