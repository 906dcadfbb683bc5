import { randomBytes } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import type { Who } from '../../../kernel/ctx/who.ts'
import { inTx } from '../../../kernel/db/db.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { reply, type Reply, type Req, type Route } from '../../../kernel/http/route.ts'
import { guarded, type Target } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { getProject } from '../projects/store.ts'
import {
  findRecord,
  insertRecord,
  listRecords,
  putRecord,
  removeRecord,
  type StoredRecord,
} from '../records/store.ts'
import { allRoles } from '../roles/store.ts'
import { roleView } from '../roles/view.ts'
import { expiryMs, expiryOf } from '../time-text.ts'
import { unauthenticated } from '../tokens/refusals.ts'
import { revocationOf } from '../tokens/revocations.ts'
import { isFresh, isSigned, oauthParams, type OauthParams } from './signature.ts'

const Word = Type.String({ maxLength: 255 })
const Authorization = Type.Object({
  roles: Type.Array(Type.Union([Type.Object({ id: Word }), Type.Object({ name: Word })]), {
    minItems: 1,
    maxItems: 100,
  }),
})
const REQUEST_TOKEN_MS = 8 * 3_600_000
const ACCESS_TOKEN_MS = 24 * 3_600_000
const clash = (): Error =>
  cloudError('conflict', 'The token was just made by another request: try again.')
const secret = (): string => randomBytes(24).toString('hex')

/**
 * OAuth 1.0a, as the API has it: a consumer asks for a request token, a user authorizes it with some of his roles, the
 * consumer exchanges it for an access token, and with that signs his logins.
 */
export function oauthTokenRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: '/v3/OS-OAUTH1/request_token',
      policy: null,
      summary: 'Ask for a request token (signed by a consumer)',
      handle: async (ctx, req) => await requestToken(ctx, req),
    }),
    guarded({
      method: 'PUT',
      path: '/v3/OS-OAUTH1/authorize/:id',
      policy: 'identity:authorize_request_token',
      params: Type.Object({ id: Type.String() }),
      body: Authorization,
      handle: async (ctx, { params, body }) => ({
        token: {
          oauth_verifier: await authorize(ctx, parts, params.id, body.roles),
        },
      }),
    }),
    guarded({
      method: 'POST',
      path: '/v3/OS-OAUTH1/access_token',
      policy: null,
      summary: 'Exchange an authorized request token for an access token',
      handle: async (ctx, req) => await accessToken(ctx, req),
    }),
    ...accessTokenRoutes(parts),
    ...rolesOfAccessToken,
  ]
}

/** The values are hex digits and times: nothing in them needs encoding, and clients read the colons of a time as they are. */
const formReply = (values: Record<string, string>): Reply =>
  reply(
    201,
    Object.entries(values)
      .map((pair) => pair.join('='))
      .join('&'),
    { 'content-type': 'application/x-www-form-urlencoded' },
  )

/** Checks the signature of the consumer, with the secret of the token where one is named. */
async function signedBy(
  ctx: Ctx,
  req: Req,
  tokenSecret: (params: OauthParams) => Promise<string>,
): Promise<{ consumer: StoredRecord; params: OauthParams }> {
  const params = oauthParams(req.headers.authorization)
  const consumer = await findRecord(ctx, 'consumer', params['oauth_consumer_key'] ?? '')
  if (consumer === undefined) throw unauthenticated('oauth: no such consumer')
  const secrets = { consumer: String(consumer.body['secret']), token: await tokenSecret(params) }
  if (!isSigned(params, { method: 'POST', url: req.serviceUrl + req.url }, secrets))
    throw unauthenticated('oauth: signature')
  if (!isFresh(params, ctx.now().getTime())) throw unauthenticated('oauth: timestamp or nonce')
  return { consumer, params }
}

async function requestToken(ctx: Ctx, req: Req): Promise<Reply> {
  const { consumer } = await signedBy(ctx, req, async () => await Promise.resolve(''))
  const projectId = req.headers['requested-project-id']
  if (typeof projectId !== 'string')
    throw cloudError('badRequest', 'The header Requested-Project-Id is missing.')
  const project = await getProject(ctx, projectId)
  const [id, tokenSecret, expiresAt] = [newId(), secret(), timeAfter(ctx, REQUEST_TOKEN_MS)]
  await insertRecord(
    ctx,
    'request-token',
    {
      id,
      owner: '',
      body: {
        consumer_id: consumer.id,
        project_id: project.id,
        secret: tokenSecret,
        expires_at: expiresAt,
      },
    },
    clash,
  )
  return formReply({
    oauth_token: id,
    oauth_token_secret: tokenSecret,
    oauth_expires_at: `${expiresAt}Z`,
  })
}

const timeAfter = (ctx: Ctx, ms: number): string =>
  expiryOf(ctx, new Date(ctx.now().getTime() + ms).toISOString()) ?? ''

async function liveRequestToken(ctx: Ctx, id: string): Promise<StoredRecord> {
  const token = await findRecord(ctx, 'request-token', id)
  if (token === undefined || expiryMs(String(token.body['expires_at'])) <= ctx.now().getTime())
    throw notFound('request token', id)
  return token
}

/** A user hands on roles that his own token has on the project that the consumer asked for. */
async function authorize(
  ctx: Ctx,
  parts: Parts,
  id: string,
  roles: readonly RoleRef[],
): Promise<string> {
  const who = whoOf(ctx)
  const mine = parts.tokens.payloadOfWho(who)
  if ((mine?.trust ?? mine?.applicationCredential ?? mine?.oauth) !== undefined)
    throw cloudError('forbidden', 'A request token cannot be authorized with a delegated token.')
  const token = await liveRequestToken(ctx, id)
  if (token.body['project_id'] !== who.projectId)
    throw cloudError('forbidden', 'The request token is for another project than your token.')
  if (token.body['verifier'] !== undefined)
    throw cloudError('conflict', 'The request token has been authorized already.')
  const roleIds = roles.map((role) => ownRole(who, role))
  const verifier = randomBytes(6).toString('hex')
  await putRecord(ctx, 'request-token', {
    id,
    owner: who.userId,
    body: { ...token.body, verifier, role_ids: roleIds },
  })
  return verifier
}

type RoleRef = { readonly id: string } | { readonly name: string }

/** The id of a role that the token has. */
function ownRole({ roles, roleIds }: Who, asked: RoleRef): string {
  const id = 'id' in asked ? asked.id : roleIds[roles.indexOf(asked.name)]
  if (id !== undefined && roleIds.includes(id)) return id
  const word = 'id' in asked ? asked.id : asked.name
  throw cloudError('unauthorized', `Your token does not have the role ${word.slice(0, 64)}.`)
}

async function accessToken(ctx: Ctx, req: Req): Promise<Reply> {
  const { consumer, params } = await signedBy(ctx, req, async (sent) =>
    String((await liveRequestToken(ctx, sent['oauth_token'] ?? '')).body['secret']),
  )
  const request = await liveRequestToken(ctx, params['oauth_token'] ?? '')
  if (request.body['consumer_id'] !== consumer.id)
    throw unauthenticated('oauth: token of another consumer')
  if (
    request.body['verifier'] === undefined ||
    request.body['verifier'] !== params['oauth_verifier']
  )
    throw cloudError(
      'badRequest',
      'The oauth_verifier does not fit, or the request token has not been authorized.',
    )
  const [id, tokenSecret, expiresAt] = [newId(), secret(), timeAfter(ctx, ACCESS_TOKEN_MS)]
  const body = {
    consumer_id: consumer.id,
    project_id: request.body['project_id'],
    role_ids: request.body['role_ids'],
    secret: tokenSecret,
    expires_at: expiresAt,
  }
  await inTx(ctx, async (tx) => {
    if (!(await removeRecord(tx, 'request-token', request.id)))
      throw notFound('request token', request.id) // it can be exchanged once
    await insertRecord(tx, 'access-token', { id, owner: request.owner, body }, clash)
  })
  return formReply({
    oauth_token: id,
    oauth_token_secret: tokenSecret,
    oauth_expires_at: `${expiresAt}Z`,
  })
}

const PATH = '/v3/users/:user_id/OS-OAUTH1/access_tokens'
const Owner = Type.Object({ user_id: Type.String() })
const One = Type.Object({ user_id: Type.String(), id: Type.String() })
const OneRole = Type.Object({ user_id: Type.String(), id: Type.String(), role_id: Type.String() })
const ownerTarget = async (
  _ctx: Ctx,
  { params }: { readonly params: { readonly user_id: string } },
): Promise<Target> => await Promise.resolve({ 'target.user.id': params.user_id })

/** What a user has let consumers do: he sees it and takes it back. */
function accessTokenRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: PATH,
      policy: 'identity:list_access_tokens',
      params: Owner,
      target: ownerTarget,
      handle: async (ctx, req) =>
        listBody(
          req,
          'access_tokens',
          (await listRecords(ctx, 'access-token', req.params.user_id)).map((token) =>
            view(req, token),
          ),
          10_000,
        ),
    }),
    guarded({
      method: 'GET',
      path: `${PATH}/:id`,
      policy: 'identity:get_access_token',
      params: One,
      target: ownerTarget,
      handle: async (ctx, req) => ({ access_token: view(req, await mustFind(ctx, req.params)) }),
    }),
    guarded({
      method: 'DELETE',
      path: `${PATH}/:id`,
      policy: 'identity:delete_access_token',
      params: One,
      target: ownerTarget,
      handle: async (ctx, { params }) => await takeBack(ctx, parts, await mustFind(ctx, params)),
    }),
  ]
}

/** The roles that came with an access token. */
const rolesOfAccessToken: readonly Route[] = [
  guarded({
    method: 'GET',
    path: `${PATH}/:id/roles`,
    policy: 'identity:get_access_token',
    params: One,
    target: ownerTarget,
    handle: async (ctx, req) =>
      listBody(req, 'roles', await rolesOf(ctx, req, await mustFind(ctx, req.params)), 10_000),
  }),
  guarded({
    method: 'GET',
    path: `${PATH}/:id/roles/:role_id`,
    policy: 'identity:get_access_token',
    params: OneRole,
    target: ownerTarget,
    handle: async (ctx, req) => {
      const role = (await rolesOf(ctx, req, await mustFind(ctx, req.params))).find(
        (one) => one.id === req.params.role_id,
      )
      if (role === undefined) throw notFound('role', req.params.role_id)
      return { role }
    },
  }),
]

async function takeBack(ctx: Ctx, parts: Parts, token: StoredRecord): Promise<void> {
  await inTx(ctx, async (tx) => {
    await removeRecord(tx, 'access-token', token.id)
    await parts.revocations.add(tx, [revocationOf.accessToken(token.id)])
  })
}

async function mustFind(
  ctx: Ctx,
  { user_id, id }: { readonly user_id: string; readonly id: string },
): Promise<StoredRecord> {
  const token = await findRecord(ctx, 'access-token', id)
  if (token === undefined || token.owner !== user_id) throw notFound('access token', id)
  return token
}

async function rolesOf(
  ctx: Ctx,
  req: Req,
  token: StoredRecord,
): Promise<(Record<string, unknown> & { id: string })[]> {
  const roles = await allRoles(ctx)
  const ids = token.body['role_ids'] as readonly string[] // written as a list by `authorize`
  return ids.flatMap((id) => {
    const role = roles.get(id)
    return role === undefined ? [] : [roleView(req, role)]
  })
}

/** Never with its secret: that is shown once. */
function view(req: Req, token: StoredRecord): Record<string, unknown> & { id: string } {
  const self = `${req.serviceUrl}/v3/users/${token.owner}/OS-OAUTH1/access_tokens/${token.id}`
  return {
    id: token.id,
    consumer_id: token.body['consumer_id'],
    project_id: token.body['project_id'],
    authorizing_user_id: token.owner,
    expires_at: `${String(token.body['expires_at'])}Z`,
    links: { self, roles: `${self}/roles` },
  }
}
