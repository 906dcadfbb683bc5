import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { fromJson, toJson } from '../../../kernel/db/db.ts'
import { nameTaken, orConflict } from '../not-found.ts'
import { db, type ApplicationCredentialRow } from '../tables.ts'

/** A secret by which a program acts for a user on one project, with some of his roles. */
export interface ApplicationCredential {
  readonly id: string
  readonly userId: string
  readonly projectId: string
  readonly name: string
  readonly secretHash: string
  /** May make further credentials and trusts. */
  readonly unrestricted: boolean
  readonly expiresAt: string | null
  readonly description: string | null
  readonly roleIds: readonly string[]
  /** Null: every request. */
  readonly accessRuleIds: readonly string[] | null
}

const fromRow = (row: ApplicationCredentialRow): ApplicationCredential => ({
  id: row.id,
  userId: row.user_id,
  projectId: row.project_id,
  name: row.name,
  secretHash: row.secret_hash,
  unrestricted: row.unrestricted === 1,
  expiresAt: row.expires_at,
  description: row.description,
  roleIds: fromJson(row.roles_json),
  accessRuleIds: row.access_rules_json === null ? null : fromJson(row.access_rules_json),
})

export async function insertApplicationCredential(
  ctx: Ctx,
  credential: ApplicationCredential,
): Promise<void> {
  const row: ApplicationCredentialRow = {
    id: credential.id,
    user_id: credential.userId,
    project_id: credential.projectId,
    name: credential.name,
    secret_hash: credential.secretHash,
    unrestricted: credential.unrestricted ? 1 : 0,
    expires_at: credential.expiresAt,
    description: credential.description,
    roles_json: toJson(credential.roleIds),
    access_rules_json: credential.accessRuleIds === null ? null : toJson(credential.accessRuleIds),
    created_at: ctx.now().toISOString(),
  }
  await orConflict(
    db(ctx).insertInto('identity_application_credentials').values(row).execute(),
    () => nameTaken('application_credential', credential.name),
  )
}

export async function findApplicationCredential(
  ctx: Ctx,
  id: string,
): Promise<ApplicationCredential | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_application_credentials')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function findApplicationCredentialByName(
  ctx: Ctx,
  userId: string,
  name: string,
): Promise<ApplicationCredential | undefined> {
  const row = await db(ctx)
    .selectFrom('identity_application_credentials')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(row)
}

export async function listApplicationCredentials(
  ctx: Ctx,
  userId: string,
): Promise<ApplicationCredential[]> {
  return (
    await db(ctx)
      .selectFrom('identity_application_credentials')
      .selectAll()
      .where('user_id', '=', userId)
      .orderBy('id')
      .execute()
  ).map(fromRow)
}

/** All of a user, or those on one of his projects; answers the ids, so that their tokens can be revoked. */
export async function removeApplicationCredentials(
  ctx: Ctx,
  what: { readonly id?: string; readonly userId?: string; readonly projectId?: string },
): Promise<string[]> {
  let query = db(ctx).deleteFrom('identity_application_credentials')
  if (what.id !== undefined) query = query.where('id', '=', what.id)
  if (what.userId !== undefined) query = query.where('user_id', '=', what.userId)
  if (what.projectId !== undefined) query = query.where('project_id', '=', what.projectId)
  return (await query.returning('id').execute()).map((row) => row.id)
}
