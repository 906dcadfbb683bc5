const owner = 'rule:project-member'
const reader = 'rule:project-reader'
const admin = 'rule:admin'

const verbs = (names: string, rule: string): Record<string, string> =>
  Object.fromEntries(names.split(' ').map((name) => [`container:${name}`, rule]))

/** Zun's rule names below `container:`. What Zun gives to admin-or-owner is split into readers and members, as Keystone's personas have it. */
export const containerPolicies: Readonly<Record<string, string>> = {
  ...verbs(
    'container:create container:delete container:update container:start container:stop container:reboot container:pause ' +
      'container:unpause container:execute container:execute_resize container:kill container:rename container:attach ' +
      'container:resize container:get_archive container:put_archive container:commit container:add_security_group ' +
      'container:remove_security_group container:network_attach container:network_detach container:rebuild ' +
      'container:resize_container container:create:image_pull_policy container:create:published_ports',
    owner,
  ),
  ...verbs(
    'container:get_one container:get_all container:logs container:top container:stats container:actions',
    reader,
  ),
  ...verbs(
    'container:create:runtime container:create:requested_destination container:delete_all_projects container:delete_force ' +
      'container:get_one:host container:get_one:image_pull_policy container:get_one:privileged container:get_one:runtime ' +
      'container:get_one_all_projects container:get_all_all_projects container:action:events',
    admin,
  ),
  ...verbs('build:create build:cancel build:delete', owner),
  ...verbs('build:get_one build:get_all', reader),
  'container:container:create:privileged': 'rule:nobody',
  ...verbs('registry:create registry:update registry:delete', owner),
  ...verbs('registry:get_one registry:get_all availability_zones:get_all', reader),
  ...verbs('capsule:create capsule:delete capsule:update', owner),
  ...verbs('capsule:get capsule:get_all image:search', reader),
  ...verbs(
    'capsule:delete_all_projects capsule:get:host capsule:get_one_all_projects capsule:get_all_all_projects ' +
      'image:pull image:get_all image:get_one image:delete',
    admin,
  ),
  ...verbs('quota:get quota:get_default', reader),
  ...verbs(
    'registry:get_all_all_projects quota:update quota:delete quota_class:get quota_class:update host:get_all host:get ' +
      'zun-service:get_all zun-service:delete zun-service:enable zun-service:disable zun-service:force_down',
    admin,
  ),
  ...verbs('network:create network:delete network:attach_external_network', admin),
}
