import { Type } from '../../../kernel/schema/type.ts'
import { can, whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { allow, guarded, type Target } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { newId } from '../new-id.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { getUser } from '../users/store.ts'
import { IdParams, IdText, NullableId, openBody } from '../wire.ts'
import { idOfAccess, openBlob, sealBlob } from './blob.ts'
import {
  findCredential,
  insertCredential,
  listCredentials,
  removeCredentials,
  saveCredential,
  type Credential,
} from './store.ts'

const Kind = Type.String({ minLength: 1, maxLength: 255 })
const Blob = Type.String({ maxLength: 65_536 })
const Create = openBody('credential', {
  type: Kind,
  blob: Blob,
  user_id: Type.Optional(IdText),
  project_id: Type.Optional(NullableId),
})
const Update = openBody(
  'credential',
  {
    type: Type.Optional(Kind),
    blob: Type.Optional(Blob),
    user_id: Type.Optional(IdText),
    project_id: Type.Optional(NullableId),
  },
  { minProperties: 1 },
)

const targetOf = (credential: Credential | undefined): Target =>
  credential === undefined ? {} : { 'target.credential.user_id': credential.user_id }
const target = async (
  ctx: Ctx,
  { params }: { readonly params: { readonly id: string } },
): Promise<Target> => targetOf(await findCredential(ctx, params.id))

async function getCredential(ctx: Ctx, id: string): Promise<Credential> {
  const credential = await findCredential(ctx, id)
  if (credential === undefined) throw notFound('credential', id)
  return credential
}

const view = (
  parts: Parts,
  req: Req,
  one: Credential,
): Record<string, unknown> & { id: string } => ({
  id: one.id,
  user_id: one.user_id,
  project_id: one.project_id,
  type: one.type,
  blob: openBlob(parts, one.blob),
  links: { self: `${req.serviceUrl}/v3/credentials/${one.id}` },
})

/** /v3/credentials: secrets of users (EC2 keys, TOTP seeds, certificates), encrypted at rest. */
export function credentialRoutes(parts: Parts): readonly Route[] {
  return [...collectionRoutes(parts), ...ofOneCredential(parts)]
}

/** A new credential, and the list. */
function collectionRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: '/v3/credentials',
      policy: 'identity:create_credential',
      body: Create,
      status: 201,
      target: async (ctx, { body }) =>
        await Promise.resolve({
          'target.credential.user_id': body.credential.user_id ?? whoOf(ctx).userId,
        }),
      handle: async (ctx, req) => ({
        credential: view(parts, req, await create(ctx, parts, req.body.credential)),
      }),
    }),
    guarded({
      method: 'GET',
      path: '/v3/credentials',
      policy: 'identity:list_credentials',
      // who may see his own may list; what he may not see is left out by `list`
      target: async (ctx) =>
        await Promise.resolve({ 'target.credential.user_id': whoOf(ctx).userId }),
      handle: async (ctx, req) => await list(ctx, parts, req),
    }),
  ]
}

/** A credential by its id. */
function ofOneCredential(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: '/v3/credentials/:id',
      policy: 'identity:get_credential',
      params: IdParams,
      target,
      handle: async (ctx, req) => ({
        credential: view(parts, req, await getCredential(ctx, req.params.id)),
      }),
    }),
    guarded({
      method: 'PATCH',
      path: '/v3/credentials/:id',
      policy: 'identity:update_credential',
      params: IdParams,
      body: Update,
      target,
      handle: async (ctx, req) => ({
        credential: view(parts, req, await update(ctx, parts, req.params.id, req.body.credential)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: '/v3/credentials/:id',
      policy: 'identity:delete_credential',
      params: IdParams,
      target,
      handle: async (ctx, { params }) =>
        await removeCredentials(ctx, { id: (await getCredential(ctx, params.id)).id }),
    }),
  ]
}

async function list(ctx: Ctx, parts: Parts, req: Req): Promise<unknown> {
  const [userId, type] = [req.rawQuery.get('user_id'), req.rawQuery.get('type')]
  const found = await listCredentials(ctx, {
    ...(userId === null ? {} : { userId }),
    ...(type === null ? {} : { type }),
  })
  const mine = found.filter((one) => can(ctx, 'identity:list_credentials', targetOf(one)))
  return listBody(
    req,
    'credentials',
    mine.map((one) => view(parts, req, one)),
    10_000,
  )
}

interface Wish {
  readonly type?: string
  readonly blob?: string
  readonly user_id?: string
  readonly project_id?: string | null
}

async function create(
  ctx: Ctx,
  parts: Parts,
  wish: Wish & { readonly type: string; readonly blob: string },
): Promise<Credential> {
  const userId = wish.user_id ?? whoOf(ctx).userId
  await getUser(ctx, userId)
  const projectId = wish.project_id ?? null
  if (wish.type === 'ec2' && projectId === null)
    throw cloudError('badRequest', 'A credential of type ec2 needs a project_id.')
  // a delegated login must be able to make a key only for its own project, with what it may itself
  const token = parts.tokens.payloadOfWho(whoOf(ctx))
  if (
    wish.type === 'ec2' &&
    (token?.trust ?? token?.applicationCredential) !== undefined &&
    projectId !== whoOf(ctx).projectId
  ) {
    throw cloudError(
      'forbidden',
      'With a token of a trust or an application credential, EC2 keys can be made for its own project only.',
    )
  }
  const access = wish.type === 'ec2' ? accessOf(wish.blob) : null
  const credential: Credential = {
    id: access === null ? newId() : idOfAccess(access),
    user_id: userId,
    project_id: projectId,
    type: wish.type,
    blob: sealBlob(parts, wish.blob),
    access,
    trust_id: token?.trust?.id ?? null,
    app_cred_id: token?.applicationCredential?.id ?? null,
  }
  await insertCredential(ctx, credential)
  return credential
}

/** The access key that an EC2 credential's blob names. */
function accessOf(blob: string): string {
  try {
    const parsed: unknown = JSON.parse(blob)
    if (
      typeof parsed === 'object' &&
      parsed !== null &&
      'access' in parsed &&
      typeof parsed.access === 'string' &&
      parsed.access !== ''
    )
      return parsed.access
  } catch {
    // falls through to the same complaint
  }
  throw cloudError(
    'badRequest',
    'Invalid blob in credential: for the type ec2 it must be JSON with access and secret.',
  )
}

async function update(ctx: Ctx, parts: Parts, id: string, wish: Wish): Promise<Credential> {
  const before = await getCredential(ctx, id)
  const changed: Credential = {
    ...before,
    type: wish.type ?? before.type,
    user_id: wish.user_id ?? before.user_id,
    project_id: wish.project_id === undefined ? before.project_id : wish.project_id,
    blob: wish.blob === undefined ? before.blob : sealBlob(parts, wish.blob),
  }
  // nobody may hand his credential to another user and so act as him
  allow(ctx, 'identity:update_credential', targetOf(changed))
  if (changed.user_id !== before.user_id) await getUser(ctx, changed.user_id)
  if (changed.type === 'ec2' && changed.project_id === null)
    throw cloudError('badRequest', 'A credential of type ec2 needs a project_id.')
  const access = changed.type === 'ec2' ? accessOf(wish.blob ?? openBlob(parts, before.blob)) : null
  await saveCredential(ctx, { ...changed, access })
  return { ...changed, access }
}
