import { randomBytes } from 'node:crypto'
import { Type } from '../../../kernel/schema/type.ts'
import { whoOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import type { Req, Route } from '../../../kernel/http/route.ts'
import { guarded, type Target } from '../guarded.ts'
import { listBody } from '../list-query.ts'
import { notFound } from '../not-found.ts'
import type { Parts } from '../parts.ts'
import { getProject } from '../projects/store.ts'
import { getUser } from '../users/store.ts'
import { idOfAccess, openBlob, sealBlob } from './blob.ts'
import {
  findCredentialByAccess,
  insertCredential,
  listCredentials,
  removeCredentials,
  type Credential,
} from './store.ts'

const Owner = Type.Object({ user_id: Type.String() })
const One = Type.Object({ user_id: Type.String(), access: Type.String() })
const PATH = '/v3/users/:user_id/credentials/OS-EC2'

const ownerTarget = async (
  _ctx: Ctx,
  { params }: { readonly params: { readonly user_id: string } },
): Promise<Target> => await Promise.resolve({ 'target.user.id': params.user_id })
const credentialTarget = async (
  ctx: Ctx,
  { params }: { readonly params: { readonly access: string } },
): Promise<Target> => {
  const credential = await findCredentialByAccess(ctx, params.access)
  if (credential === undefined) throw notFound('credential', params.access) // keys cannot be guessed: the 404 gives nothing away
  return { 'target.credential.user_id': credential.user_id }
}

async function getEc2(
  ctx: Ctx,
  params: { readonly user_id: string; readonly access: string },
): Promise<Credential> {
  const credential = await findCredentialByAccess(ctx, params.access)
  if (
    credential === undefined ||
    credential.type !== 'ec2' ||
    credential.user_id !== params.user_id
  )
    throw notFound('credential', params.access)
  return credential
}

function view(
  parts: Parts,
  req: Req,
  one: Credential,
): Record<string, unknown> & { readonly id: string } {
  const blob = fromJson<Record<string, string>>(openBlob(parts, one.blob))
  const self = `${req.serviceUrl}/v3/users/${one.user_id}/credentials/OS-EC2/${blob['access'] ?? ''}`
  return {
    id: one.id,
    user_id: one.user_id,
    tenant_id: one.project_id,
    access: blob['access'],
    secret: blob['secret'],
    trust_id: one.trust_id,
    links: { self },
  }
}

/** Alone, a pair is shown without the id by which lists are paged. */
function viewOfOne(parts: Parts, req: Req, one: Credential): Record<string, unknown> {
  const { id: _id, ...rest } = view(parts, req, one)
  return rest
}

/** Pairs of access key and secret, as the EC2 and S3 APIs know them. */
export function ec2Routes(parts: Parts): readonly Route[] {
  return [...collectionRoutes(parts), ...ofOnePair(parts)]
}

/** Those of one user: a new pair, and the list. */
function collectionRoutes(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'POST',
      path: PATH,
      policy: 'identity:ec2_create_credential',
      params: Owner,
      body: Type.Object({ tenant_id: Type.String({ minLength: 1, maxLength: 64 }) }),
      status: 201,
      target: ownerTarget,
      handle: async (ctx, req) => ({
        credential: viewOfOne(
          parts,
          req,
          await create(ctx, parts, req.params.user_id, req.body.tenant_id),
        ),
      }),
    }),
    guarded({
      method: 'GET',
      path: PATH,
      policy: 'identity:ec2_list_credentials',
      params: Owner,
      target: ownerTarget,
      handle: async (ctx, req) => {
        const { id } = await getUser(ctx, req.params.user_id)
        return listBody(
          req,
          'credentials',
          (await listCredentials(ctx, { userId: id, type: 'ec2' })).map((one) =>
            view(parts, req, one),
          ),
          10_000,
        )
      },
    }),
  ]
}

/** A pair by its access key. */
function ofOnePair(parts: Parts): readonly Route[] {
  return [
    guarded({
      method: 'GET',
      path: `${PATH}/:access`,
      policy: 'identity:ec2_get_credential',
      params: One,
      target: credentialTarget,
      handle: async (ctx, req) => ({
        credential: viewOfOne(parts, req, await getEc2(ctx, req.params)),
      }),
    }),
    guarded({
      method: 'DELETE',
      path: `${PATH}/:access`,
      policy: 'identity:ec2_delete_credential',
      params: One,
      target: credentialTarget,
      handle: async (ctx, { params }) =>
        await removeCredentials(ctx, { id: (await getEc2(ctx, params)).id }),
    }),
  ]
}

async function create(
  ctx: Ctx,
  parts: Parts,
  userId: string,
  projectId: string,
): Promise<Credential> {
  const [user, project] = [await getUser(ctx, userId), await getProject(ctx, projectId)]
  const token = parts.tokens.payloadOfWho(whoOf(ctx))
  if (
    (token?.trust ?? token?.applicationCredential) !== undefined &&
    project.id !== whoOf(ctx).projectId
  ) {
    throw cloudError(
      'forbidden',
      'With a token of a trust or an application credential, EC2 keys can be made for its own project only.',
    )
  }
  const [access, secret] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
  const trustId = token?.trust?.id ?? null
  const credential: Credential = {
    id: idOfAccess(access),
    user_id: user.id,
    project_id: project.id,
    type: 'ec2',
    access,
    blob: sealBlob(parts, toJson({ access, secret, trust_id: trustId })),
    trust_id: trustId,
    app_cred_id: token?.applicationCredential?.id ?? null,
  }
  await insertCredential(ctx, credential)
  return credential
}
