import { createHmac, timingSafeEqual } from 'node:crypto'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'

/** OAuth 1.0 (RFC 5849): the parameters of an `Authorization: OAuth …` header. */
export type OauthParams = Readonly<Record<string, string>>

export function oauthParams(authorization: string | undefined): OauthParams {
  if (authorization === undefined || !/^OAuth\s/i.test(authorization)) {
    throw cloudError('unauthorized', 'The request needs an OAuth Authorization header.')
  }
  const pairs = [...authorization.slice(6).matchAll(/([A-Za-z_]+)="([^"]*)"/g)].map(
    (match) => [match[1] ?? '', decode(match[2] ?? '')] as const,
  )
  return Object.fromEntries(pairs)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw cloudError(
      'badRequest',
      'The OAuth Authorization header is not percent-encoded as it should be.',
    )
  }
}

/** RFC 5849 §3.6: everything but letters, digits and `-._~`. */
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** §3.4: HMAC-SHA1 over method, URL and sorted parameters, or PLAINTEXT: the secrets themselves. */
export function isSigned(
  params: OauthParams,
  request: { readonly method: string; readonly url: string },
  secrets: { readonly consumer: string; readonly token: string },
): boolean {
  const key = `${encode(secrets.consumer)}&${encode(secrets.token)}`
  const sent = params['oauth_signature'] ?? ''
  if (params['oauth_signature_method'] === 'PLAINTEXT')
    return areSame(Buffer.from(sent), Buffer.from(key))
  if (params['oauth_signature_method'] !== 'HMAC-SHA1') return false
  const url = new URL(request.url)
  const pairs = [
    ...url.searchParams,
    ...Object.entries(params).filter(([key]) => key !== 'oauth_signature' && key !== 'realm'),
  ]
    .map(([key, value]) => [encode(key), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
  const text = [
    request.method,
    encode(url.origin + url.pathname),
    encode(pairs.map((pair) => pair.join('=')).join('&')),
  ].join('&')
  return areSame(Buffer.from(sent, 'base64'), createHmac('sha1', key).update(text).digest())
}

const areSame = (sent: Buffer, wanted: Buffer): boolean =>
  sent.length === wanted.length && timingSafeEqual(sent, wanted)

const FRESH_SECONDS = 600
const seenNonces = new Map<string, number>()

/** Each nonce once, and only while it is fresh: a recorded request cannot be sent again. */
export function isFresh(params: OauthParams, nowMs: number): boolean {
  const seconds = Number(params['oauth_timestamp'])
  const nonce = `${params['oauth_consumer_key'] ?? ''}|${params['oauth_token'] ?? ''}|${params['oauth_nonce'] ?? ''}`
  if (
    !Number.isFinite(seconds) ||
    Math.abs(nowMs / 1000 - seconds) > FRESH_SECONDS ||
    seenNonces.has(nonce)
  )
    return false
  for (const [known, until] of seenNonces) {
    // oldest first
    if (until > nowMs) break
    seenNonces.delete(known)
  }
  seenNonces.set(nonce, nowMs + 2 * FRESH_SECONDS * 1000)
  return true
}
