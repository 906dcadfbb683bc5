import type { Kysely } from 'kysely'
import type { Ctx } from '../../kernel/ctx/ctx.ts'
import { tables } from '../../kernel/db/db.ts'

/** Rows of identity's tables. `''` stands for "none" in columns that belong to a unique index; JSON columns end in `_json`. */

export interface ProjectRow {
  id: string
  name: string
  /** '' for a domain, which is a project that acts as one. */
  domain_id: string
  parent_id: string
  /** `/<domain>/<project>/…/<own id>/`: ancestors never change, so the subtree is a prefix. */
  path: string
  is_domain: number
  enabled: number
  description: string | null
  options_json: string
  extra_json: string
}

export interface ProjectTagRow {
  project_id: string
  name: string
}

export interface UserRow {
  id: string
  name: string
  domain_id: string
  enabled: number
  default_project_id: string | null
  password_hash: string | null
  password_changed_at: string | null
  password_expires_at: string | null
  failed_logins: number
  failed_at: string | null
  options_json: string
  extra_json: string
}

export interface PastPasswordRow {
  user_id: string
  changed_at: string
  hash: string
}

export interface GroupRow {
  id: string
  name: string
  domain_id: string
  description: string
  extra_json: string
}

export interface MemberRow {
  group_id: string
  user_id: string
}

export interface RoleRow {
  id: string
  name: string
  /** '' for a role of the whole cloud. */
  domain_id: string
  description: string | null
  options_json: string
  extra_json: string
}

export interface ImpliedRoleRow {
  prior_id: string
  implied_id: string
}

export interface AssignmentRow {
  actor_type: 'user' | 'group'
  actor_id: string
  target_type: 'project' | 'domain' | 'system'
  /** `system` for the system. */
  target_id: string
  role_id: string
  /** Holds for the projects below the target, not for the target itself. */
  inherited: number
}

/** Small things that are read whole: services, endpoints, regions, policies, federation …; the body holds what the API shows. */
export interface RecordRow {
  kind: string
  id: string
  /** Unique within the kind when it is set. */
  unique_key: string | null
  /** What it belongs to, for look-ups: a user, a project, an identity provider. */
  owner: string
  body_json: string
  created_at: string
}

export interface ApplicationCredentialRow {
  id: string
  user_id: string
  project_id: string
  name: string
  secret_hash: string
  unrestricted: number
  expires_at: string | null
  description: string | null
  /** Role ids. */
  roles_json: string
  /** Ids of access rules; null when every request is allowed. */
  access_rules_json: string | null
  created_at: string
}

export interface CredentialRow {
  id: string
  user_id: string
  project_id: string | null
  type: string
  /** Encrypted. */
  blob: string
  /** For look-ups of EC2 credentials. */
  access: string | null
  trust_id: string | null
  app_cred_id: string | null
}

export interface TrustRow {
  id: string
  trustor_user_id: string
  trustee_user_id: string
  project_id: string | null
  impersonation: number
  expires_at: string | null
  remaining_uses: number | null
  redelegation_count: number
  allow_redelegation: number
  redelegated_trust_id: string | null
  roles_json: string
  deleted_at: string | null
  extra_json: string
}

export interface RevocationRow {
  /** `user:<id>`, `audit:<id>` …: see tokens/revocations.ts. */
  key: string
  /** ms since the epoch: tokens issued up to then are revoked. */
  issued_before: number
  /** ms since the epoch: no token that it concerns lives longer. */
  expires_at: number
  /** Place in the order of writing, so that other processes read only what is new. */
  seq: number
}

export interface IdentityTables {
  identity_projects: ProjectRow
  identity_project_tags: ProjectTagRow
  identity_users: UserRow
  identity_past_passwords: PastPasswordRow
  identity_groups: GroupRow
  identity_members: MemberRow
  identity_roles: RoleRow
  identity_implied_roles: ImpliedRoleRow
  identity_assignments: AssignmentRow
  identity_records: RecordRow
  identity_application_credentials: ApplicationCredentialRow
  identity_credentials: CredentialRow
  identity_trusts: TrustRow
  identity_revocations: RevocationRow
}

/** The tables of this room; only stores call it. */
export function db(ctx: Ctx): Kysely<IdentityTables> {
  return tables<IdentityTables>(ctx)
}
