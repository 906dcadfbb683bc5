/** Who may do what with servers: Nova's own defaults. `project-member` and `project-reader` count administrators in. */
const member = [
  'servers:create', 'servers:update', 'servers:delete', 'servers:start', 'servers:stop', 'servers:reboot', 'servers:rebuild', 'servers:resize',
  'servers:confirm_resize', 'servers:revert_resize', 'servers:create_image', 'servers:trigger_crash_dump', 'os-pause-server:pause', 'os-pause-server:unpause',
  'os-suspend-server:suspend', 'os-suspend-server:resume', 'os-lock-server:lock', 'os-lock-server:unlock', 'os-shelve:shelve',
  'os-shelve:unshelve', 'os-rescue', 'os-unrescue', 'os-deferred-delete:force', 'os-deferred-delete:restore', 'os-admin-password', 'os-console-output',
  'os-remote-consoles', 'os-create-backup', 'os-security-groups:add', 'os-security-groups:remove', 'os-floating-ips:add', 'os-floating-ips:remove',
  'os-multinic:add', 'os-multinic:remove', 'os-attach-interfaces:create', 'os-attach-interfaces:delete', 'server-metadata:create',
  'server-metadata:update_all', 'server-metadata:update', 'server-metadata:delete', 'os-server-tags:update_all', 'os-server-tags:update',
  'os-server-tags:delete_all', 'os-server-tags:delete', 'os-server-password:clear', 'os-volumes-attachments:create', 'os-volumes-attachments:update',
  'os-volumes-attachments:delete',
]
const reader = [
  'servers:index', 'servers:detail', 'servers:show', 'ips:index', 'ips:show', 'server-metadata:index', 'server-metadata:show', 'os-server-tags:index',
  'os-server-tags:show', 'os-attach-interfaces:list', 'os-attach-interfaces:show', 'os-instance-actions:list', 'os-instance-actions:show',
  'os-server-password:show', 'os-volumes-attachments:index', 'os-volumes-attachments:show',
]
const admin = [
  'servers:index:get_all_tenants', 'servers:allow_all_filters', 'servers:create:forced_host', 'servers:create:requested_destination',
  'servers:show:host_status', 'os-extended-server-attributes', 'os-lock-server:unlock:unlock_override', 'os-admin-actions:reset_state',
  'os-admin-actions:inject_network_info', 'os-admin-actions:reset_network', 'os-migrate-server:migrate', 'os-migrate-server:migrate_live', 'os-evacuate',
  'os-shelve:shelve_offload', 'os-shelve:unshelve_to_host', 'os-instance-actions:events', 'os-instance-actions:events:details',
  'os-server-diagnostics', 'servers:migrations:index', 'servers:migrations:show', 'servers:migrations:delete', 'servers:migrations:force_complete',
]

const rules = (names: readonly string[], rule: string): [string, string][] => names.map((name) => [`os_compute_api:${name}`, rule])

export const serversPolicies: Readonly<Record<string, string>> = Object.fromEntries([
  ...rules(member, 'rule:project-member'),
  ...rules(reader, 'rule:project-reader'),
  ...rules(admin, 'rule:admin'),
  ['compute:server:topology:index', 'rule:project-reader'],
])
