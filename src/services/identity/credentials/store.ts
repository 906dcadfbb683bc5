import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { orConflict } from '../not-found.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { db, type CredentialRow } from '../tables.ts'

/** Rows as they are: the blob stays encrypted until somebody may see it. */
export type Credential = Readonly<CredentialRow>

export async function insertCredential(ctx: Ctx, credential: Credential): Promise<void> {
  await orConflict(db(ctx).insertInto('identity_credentials').values(credential).execute(), () =>
    cloudError(
      'conflict',
      `Conflict occurred attempting to store credential - Duplicate entry: ${credential.id}.`,
    ),
  )
}

export async function saveCredential(ctx: Ctx, credential: Credential): Promise<void> {
  const { id, ...changes } = credential
  await orConflict(
    db(ctx).updateTable('identity_credentials').set(changes).where('id', '=', id).execute(),
    () =>
      cloudError(
        'conflict',
        'Conflict occurred attempting to store credential - the access key is taken.',
      ),
  )
}

export async function findCredential(ctx: Ctx, id: string): Promise<Credential | undefined> {
  return await db(ctx)
    .selectFrom('identity_credentials')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

/** By an EC2 access key. */
export async function findCredentialByAccess(
  ctx: Ctx,
  access: string,
): Promise<Credential | undefined> {
  return await db(ctx)
    .selectFrom('identity_credentials')
    .selectAll()
    .where('access', '=', access)
    .executeTakeFirst()
}

export async function listCredentials(
  ctx: Ctx,
  filter: { readonly userId?: string; readonly type?: string },
): Promise<readonly Credential[]> {
  let query = db(ctx).selectFrom('identity_credentials').selectAll()
  if (filter.userId !== undefined) query = query.where('user_id', '=', filter.userId)
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  return await query.orderBy('id').execute()
}

export async function removeCredentials(
  ctx: Ctx,
  what: { readonly id: string } | { readonly userId: string } | { readonly projectId: string },
): Promise<void> {
  const remove = db(ctx).deleteFrom('identity_credentials')
  if ('id' in what) await remove.where('id', '=', what.id).execute()
  else if ('userId' in what) await remove.where('user_id', '=', what.userId).execute()
  else await remove.where('project_id', '=', what.projectId).execute()
}
