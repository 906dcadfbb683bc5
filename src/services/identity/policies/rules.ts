/**
 * Keystone's default rules (release Zed): system, domain and project personas. `legacy_admin` is what Keystone calls the
 * deprecated default: role admin on any project rules the whole cloud. An operator who wants scopes enforced sets
 * `identity:legacy_admin: "!"` in policy.yaml; an admin of a domain is held to that domain in both cases.
 */
const LEGACY = 'rule:identity:legacy_admin'
const SYSTEM_READER = '(role:reader and system_scope:all)'
const SYSTEM_ADMIN = '(role:admin and system_scope:all)'

const either = (...parts: readonly string[]): string => parts.join(' or ')
const reader = (...more: readonly string[]): string => either(SYSTEM_READER, LEGACY, ...more)
const admin = (...more: readonly string[]): string => either(SYSTEM_ADMIN, LEGACY, ...more)
const domainReader = (key: string): string => `(role:reader and domain_id:%(${key})s)`
const domainAdmin = (key: string): string => `(role:admin and domain_id:%(${key})s)`
const OWNER = 'user_id:%(target.user.id)s'
// a token of a domain is for administering it: it does not reach its holder's own secrets
const NOT_OF_DOMAIN = '(project_id:%(project_id)s or system_scope:all)'
const CREDENTIAL_OWNER = `(user_id:%(target.credential.user_id)s and ${NOT_OF_DOMAIN})`
const EC2_OWNER = `(user_id:%(target.user.id)s and ${NOT_OF_DOMAIN})`

/** Both the actor and the target of a grant belong to the domain of the token. */
function grantIn(role: string): string {
  const pairs = ['user', 'group'].flatMap((actor) =>
    ['target.project.domain_id', 'target.domain.id'].map(
      (target) =>
        `(role:${role} and domain_id:%(target.${actor}.domain_id)s and domain_id:%(${target})s)`,
    ),
  )
  return `(${pairs.join(' or ')})`
}
const ROLE_FITS = 'domain_id:%(target.role.domain_id)s'

const core = {
  'identity:legacy_admin': 'role:admin and project_id:%(project_id)s',
  'identity:get_auth_catalog': '@',
  'identity:get_auth_projects': '@',
  'identity:get_auth_domains': '@',
  'identity:get_auth_system': '@',
  'identity:check_token': reader('user_id:%(target.token.user_id)s'),
  'identity:validate_token': reader('role:service', 'user_id:%(target.token.user_id)s'),
  'identity:revoke_token': admin('user_id:%(target.token.user_id)s'),

  'identity:get_user': reader(domainReader('target.user.domain_id'), OWNER),
  'identity:list_users': reader(domainReader('target.domain_id')),
  'identity:list_projects_for_user': reader(domainReader('target.user.domain_id'), OWNER),
  'identity:create_user': admin(domainAdmin('target.user.domain_id')),
  'identity:update_user': admin(domainAdmin('target.user.domain_id')),
  'identity:delete_user': admin(domainAdmin('target.user.domain_id')),
  'identity:change_password': '@',

  'identity:get_group': reader(domainReader('target.group.domain_id')),
  'identity:list_groups': reader(domainReader('target.group.domain_id')),
  'identity:list_groups_for_user': reader(domainReader('target.user.domain_id'), OWNER),
  'identity:create_group': admin(domainAdmin('target.group.domain_id')),
  'identity:update_group': admin(domainAdmin('target.group.domain_id')),
  'identity:delete_group': admin(domainAdmin('target.group.domain_id')),
  'identity:list_users_in_group': reader(domainReader('target.group.domain_id')),
  'identity:check_user_in_group': reader(
    `${domainReader('target.group.domain_id')} and domain_id:%(target.user.domain_id)s`,
  ),
  'identity:add_user_to_group': admin(
    `${domainAdmin('target.group.domain_id')} and domain_id:%(target.user.domain_id)s`,
  ),
  'identity:remove_user_from_group': admin(
    `${domainAdmin('target.group.domain_id')} and domain_id:%(target.user.domain_id)s`,
  ),

  'identity:get_domain': reader(
    'domain_id:%(target.domain.id)s',
    'project_domain_id:%(target.domain.id)s',
  ),
  'identity:list_domains': reader(),
  'identity:create_domain': admin(),
  'identity:update_domain': admin(),
  'identity:delete_domain': admin(),
  'identity:create_domain_config': admin(),
  'identity:get_domain_config': reader(),
  'identity:get_domain_config_default': reader(),
  'identity:update_domain_config': admin(),
  'identity:delete_domain_config': admin(),
  'identity:get_security_compliance_domain_config': '@',

  'identity:get_project': reader(
    domainReader('target.project.domain_id'),
    'project_id:%(target.project.id)s',
  ),
  'identity:list_projects': reader(domainReader('target.domain_id')),
  'identity:create_project': admin(domainAdmin('target.project.domain_id')),
  'identity:update_project': admin(domainAdmin('target.project.domain_id')),
  'identity:delete_project': admin(domainAdmin('target.project.domain_id')),
  'identity:list_project_tags': reader(
    domainReader('target.project.domain_id'),
    'project_id:%(target.project.id)s',
  ),
  'identity:get_project_tag': reader(
    domainReader('target.project.domain_id'),
    'project_id:%(target.project.id)s',
  ),
  ...(Object.fromEntries(
    ['update_project_tags', 'create_project_tag', 'delete_project_tags', 'delete_project_tag'].map(
      (name) => [
        `identity:${name}`,
        admin(
          domainAdmin('target.project.domain_id'),
          '(role:admin and project_id:%(target.project.id)s)',
        ),
      ],
    ),
  ) as Record<
    `identity:${'update_project_tags' | 'create_project_tag' | 'delete_project_tags' | 'delete_project_tag'}`,
    string
  >),

  'identity:list_role_assignments': reader(domainReader('target.domain_id')),
  'identity:list_role_assignments_for_tree': reader(
    domainReader('target.project.domain_id'),
    '(role:admin and project_id:%(target.project.id)s)',
  ),
  'identity:check_grant': reader(`${grantIn('reader')} and ${ROLE_FITS}`),
  'identity:list_grants': reader(grantIn('reader')),
  'identity:create_grant': admin(`${grantIn('admin')} and ${ROLE_FITS}`),
  'identity:revoke_grant': admin(`${grantIn('admin')} and ${ROLE_FITS}`),

  'identity:get_application_credential': reader(OWNER),
  'identity:list_application_credentials': reader(OWNER),
  'identity:create_application_credential': OWNER,
  'identity:delete_application_credential': admin(OWNER),
  'identity:get_access_rule': reader(OWNER),
  'identity:list_access_rules': reader(OWNER),
  'identity:delete_access_rule': admin(OWNER),
  'identity:get_credential': reader(CREDENTIAL_OWNER),
  'identity:list_credentials': reader(CREDENTIAL_OWNER),
  'identity:create_credential': admin(CREDENTIAL_OWNER),
  'identity:update_credential': admin(CREDENTIAL_OWNER),
  'identity:delete_credential': admin(CREDENTIAL_OWNER),
  'identity:ec2_get_credential': reader(CREDENTIAL_OWNER),
  'identity:ec2_list_credentials': reader(EC2_OWNER),
  'identity:ec2_create_credential': admin(EC2_OWNER),
  'identity:ec2_delete_credential': admin(CREDENTIAL_OWNER),

  'identity:list_trusts': reader(),
  'identity:list_trusts_for_trustor': reader('user_id:%(target.trust.trustor_user_id)s'),
  'identity:list_trusts_for_trustee': reader('user_id:%(target.trust.trustee_user_id)s'),
  ...(Object.fromEntries(
    ['get_trust', 'list_roles_for_trust', 'get_role_for_trust'].map((name) => [
      `identity:${name}`,
      reader(
        'user_id:%(target.trust.trustor_user_id)s',
        'user_id:%(target.trust.trustee_user_id)s',
      ),
    ]),
  ) as Record<`identity:${'get_trust' | 'list_roles_for_trust' | 'get_role_for_trust'}`, string>),
  'identity:create_trust': 'user_id:%(target.trust.trustor_user_id)s',
  'identity:delete_trust': admin('user_id:%(target.trust.trustor_user_id)s'),

  'identity:get_limit': reader(
    'domain_id:%(target.limit.domain_id)s',
    'domain_id:%(target.limit.project_domain_id)s',
    'project_id:%(target.limit.project_id)s',
  ),
  'identity:get_limit_model': '@',
  'identity:list_limits': '@',
  'identity:create_limits': admin(),
  'identity:update_limit': admin(),
  'identity:delete_limit': admin(),
  'identity:get_registered_limit': '@',
  'identity:list_registered_limits': '@',
  'identity:get_region': '@',
  'identity:list_regions': '@',
  'identity:authorize_request_token': '@',
  'identity:get_access_token': reader(OWNER),
  'identity:list_access_tokens': reader(OWNER),
  'identity:delete_access_token': admin(OWNER),
} as const

const readNames = [
  'get_service',
  'list_services',
  'get_endpoint',
  'list_endpoints',
  'get_policy',
  'list_policies',
  'get_role',
  'list_roles',
  'get_domain_role',
  'list_domain_roles',
  'get_implied_role',
  'list_implied_roles',
  'check_implied_role',
  'list_role_inference_rules',
  'list_system_grants_for_user',
  'check_system_grant_for_user',
  'list_system_grants_for_group',
  'check_system_grant_for_group',
  'get_identity_provider',
  'list_identity_providers',
  'get_mapping',
  'list_mappings',
  'get_protocol',
  'list_protocols',
  'get_service_provider',
  'list_service_providers',
  'get_consumer',
  'list_consumers',
  'get_endpoint_group',
  'list_endpoint_groups',
  'list_endpoint_groups_for_project',
  'get_endpoint_group_in_project',
  'list_endpoints_associated_with_endpoint_group',
  'list_projects_associated_with_endpoint_group',
  'list_projects_for_endpoint',
  'check_endpoint_in_project',
  'list_endpoints_for_project',
  'check_policy_association_for_endpoint',
  'check_policy_association_for_service',
  'check_policy_association_for_region_and_service',
  'get_policy_for_endpoint',
  'list_endpoints_for_policy',
] as const

const writeNames = [
  'create_service',
  'update_service',
  'delete_service',
  'create_endpoint',
  'update_endpoint',
  'delete_endpoint',
  'create_region',
  'update_region',
  'delete_region',
  'create_policy',
  'update_policy',
  'delete_policy',
  'create_role',
  'update_role',
  'delete_role',
  'create_domain_role',
  'update_domain_role',
  'delete_domain_role',
  'create_implied_role',
  'delete_implied_role',
  'create_system_grant_for_user',
  'revoke_system_grant_for_user',
  'create_system_grant_for_group',
  'revoke_system_grant_for_group',
  'create_identity_provider',
  'update_identity_provider',
  'delete_identity_provider',
  'create_mapping',
  'update_mapping',
  'delete_mapping',
  'create_protocol',
  'update_protocol',
  'delete_protocol',
  'create_service_provider',
  'update_service_provider',
  'delete_service_provider',
  'create_consumer',
  'update_consumer',
  'delete_consumer',
  'create_registered_limits',
  'update_registered_limit',
  'delete_registered_limit',
  'create_endpoint_group',
  'update_endpoint_group',
  'delete_endpoint_group',
  'add_endpoint_group_to_project',
  'remove_endpoint_group_from_project',
  'add_endpoint_to_project',
  'remove_endpoint_from_project',
  'create_policy_association_for_endpoint',
  'delete_policy_association_for_endpoint',
  'create_policy_association_for_service',
  'delete_policy_association_for_service',
  'create_policy_association_for_region_and_service',
  'delete_policy_association_for_region_and_service',
] as const

export type Rule =
  | keyof typeof core
  | `identity:${(typeof readNames)[number] | (typeof writeNames)[number]}`

const all = {
  ...core,
  ...Object.fromEntries(readNames.map((name) => [`identity:${name}`, reader()])),
  ...Object.fromEntries(writeNames.map((name) => [`identity:${name}`, admin()])),
}

/** Every rule, and the open gate of each (see guarded.ts). */
export const identityRules: Readonly<Record<string, string>> = {
  ...all,
  ...Object.fromEntries(Object.keys(all).map((name) => [`${name}:request`, '@'])),
}
