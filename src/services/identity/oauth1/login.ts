import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { findRecord } from '../records/store.ts'
import { expiryMs } from '../time-text.ts'
import { unauthenticated } from '../tokens/refusals.ts'
import { isFresh, isSigned, oauthParams } from './signature.ts'

/** What a request signed with an access token proves. */
export interface OauthProof {
  readonly accessTokenId: string
  readonly consumerId: string
  readonly userId: string
  readonly projectId: string
  readonly roleIds: readonly string[]
  readonly expiresAt: string | null
}

/** The login method `oauth1`: the request for the token is itself signed. */
export async function proveOauth(
  ctx: Ctx,
  request: { readonly url: string; readonly authorization: string | undefined },
): Promise<OauthProof> {
  const params = oauthParams(request.authorization)
  const [consumer, token] = [
    await findRecord(ctx, 'consumer', params['oauth_consumer_key'] ?? ''),
    await findRecord(ctx, 'access-token', params['oauth_token'] ?? ''),
  ]
  if (consumer === undefined || token === undefined || token.body['consumer_id'] !== consumer.id)
    throw unauthenticated('oauth: no such token')
  const secrets = { consumer: String(consumer.body['secret']), token: String(token.body['secret']) }
  if (
    !isSigned(params, { method: 'POST', url: request.url }, secrets) ||
    !isFresh(params, ctx.now().getTime())
  )
    throw unauthenticated('oauth: signature')
  const expiresAt = typeof token.body['expires_at'] === 'string' ? token.body['expires_at'] : null
  if (expiresAt !== null && expiryMs(expiresAt) <= ctx.now().getTime())
    throw unauthenticated('oauth: token expired')
  return {
    accessTokenId: token.id,
    consumerId: consumer.id,
    userId: token.owner,
    projectId: String(token.body['project_id']),
    roleIds: token.body['role_ids'] as readonly string[],
    expiresAt, // written as a list by token-routes.ts
  }
}
