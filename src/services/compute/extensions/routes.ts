import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { route, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'

/** The list is no secret. */
export const extensionPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:extensions': '@',
}

/** Parts of the API that old clients look for by alias before they use them. Microversions took over in 2.1: the list never changes. */
const extensions: readonly (readonly [alias: string, name: string, description: string])[] = [
  ['NMN', 'Multinic', 'Several network interfaces on a server.'],
  ['OS-DCF', 'DiskConfig', 'Disk management of servers.'],
  ['OS-EXT-AZ', 'ExtendedAvailabilityZone', 'The availability zone of a server.'],
  ['OS-EXT-IMG-SIZE', 'ImageSize', 'The size of an image.'],
  ['OS-EXT-IPS', 'ExtendedIps', "The type of a server's addresses."],
  ['OS-EXT-IPS-MAC', 'ExtendedIpsMac', 'The MAC addresses of a server.'],
  ['OS-EXT-SRV-ATTR', 'ExtendedServerAttributes', 'What an operator sees of a server.'],
  ['OS-EXT-STS', 'ExtendedStatus', 'Task, VM and power state of a server.'],
  ['OS-FLV-DISABLED', 'FlavorDisabled', 'Whether a flavor is disabled.'],
  ['OS-FLV-EXT-DATA', 'FlavorExtraData', 'Ephemeral disks of flavors.'],
  ['OS-SCH-HNT', 'SchedulerHints', 'Hints to the scheduler.'],
  ['OS-SRV-USG', 'ServerUsage', 'When a server was launched and terminated.'],
  ['os-admin-actions', 'AdminActions', 'Actions on servers for administrators.'],
  ['os-aggregates', 'Aggregates', 'Groups of hosts.'],
  ['os-attach-interfaces', 'AttachInterfaces', 'Network interfaces that come and go.'],
  ['os-availability-zone', 'AvailabilityZone', 'Availability zones.'],
  [
    'os-block-device-mapping',
    'BlockDeviceMapping',
    'Boot from images, with block device mappings.',
  ],
  ['os-config-drive', 'ConfigDrive', 'Metadata laid into the server.'],
  ['os-console-output', 'ConsoleOutput', 'What a server printed.'],
  ['os-consoles', 'Consoles', 'Interactive consoles.'],
  ['os-create-backup', 'CreateBackup', 'Rotating snapshots.'],
  ['os-deferred-delete', 'DeferredDelete', 'Forced delete and restore.'],
  [
    'os-extended-availability-zone',
    'ExtendedAvailabilityZone',
    'The availability zone of a server.',
  ],
  ['os-flavor-access', 'FlavorAccess', 'Who may use a private flavor.'],
  ['os-flavor-extra-specs', 'FlavorExtraSpecs', 'Properties of flavors.'],
  ['os-flavor-manage', 'FlavorManage', 'Creating and deleting flavors.'],
  ['os-floating-ip-pools', 'FloatingIpPools', 'Where floating IPs come from.'],
  ['os-floating-ips', 'FloatingIps', 'Floating IPs.'],
  [
    'os-hide-server-addresses',
    'HideServerAddresses',
    'Addresses are hidden while a server is built.',
  ],
  ['os-hosts', 'Hosts', 'Hosts.'],
  ['os-hypervisors', 'Hypervisors', 'Hypervisors.'],
  ['os-instance-actions', 'InstanceActions', 'What was done to a server.'],
  ['os-instance_usage_audit_log', 'OSInstanceUsageAuditLog', 'Monthly usage audits.'],
  ['os-keypairs', 'Keypairs', 'SSH keys.'],
  ['os-lock-server', 'LockServer', 'Locking servers.'],
  ['os-migrate-server', 'MigrateServer', 'Moving servers.'],
  ['os-migrations', 'Migrations', 'Moves of servers.'],
  ['os-multiple-create', 'MultipleCreate', 'Several servers in one request.'],
  ['os-networks', 'Networks', 'Networks, for administrators.'],
  ['os-pause-server', 'PauseServer', 'Pausing servers.'],
  ['os-personality', 'Personality', 'Files laid into new servers.'],
  ['os-quota-class-sets', 'QuotaClasses', 'Default quotas.'],
  ['os-quota-sets', 'Quotas', 'Quotas.'],
  ['os-rescue', 'Rescue', 'Rescuing servers.'],
  ['os-scheduler-hints', 'SchedulerHints', 'Hints to the scheduler.'],
  ['os-security-groups', 'SecurityGroups', 'Security groups.'],
  ['os-server-diagnostics', 'ServerDiagnostics', 'Measures of a running server.'],
  ['os-server-external-events', 'ServerExternalEvents', 'Events of other services.'],
  ['os-server-groups', 'ServerGroups', 'Groups of servers.'],
  ['os-server-password', 'ServerPassword', 'The password a guest has posted.'],
  ['os-services', 'Services', 'The services of compute.'],
  ['os-shelve', 'Shelve', 'Shelving servers.'],
  ['os-simple-tenant-usage', 'SimpleTenantUsage', 'What projects used.'],
  ['os-suspend-server', 'SuspendServer', 'Suspending servers.'],
  ['os-tenant-networks', 'OSTenantNetworks', 'Networks of a project.'],
  ['os-used-limits', 'UsedLimits', 'Limits with what is used.'],
  ['os-user-data', 'UserData', 'Data for cloud-init.'],
  ['os-volumes', 'Volumes', 'Attachments of volumes.'],
]

/** What there is to use, in the way of before microversions. */
export function extensionRoutes(_deps: ComputeDeps): readonly Route[] {
  const policy = 'os_compute_api:extensions'
  return [
    route({
      method: 'GET',
      path: '/v2.1/extensions',
      policy,
      summary: 'List extensions',
      handle: async () => await Promise.resolve({ extensions: extensions.map(view) }),
    }),
    route({
      method: 'GET',
      path: '/v2.1/extensions/:alias',
      policy,
      summary: 'Show an extension',
      handle: async (_ctx, req) => {
        const { alias } = req.params as { alias: string } // the path has it
        const found = extensions.find(([name]) => name === alias)
        if (found === undefined)
          throw cloudError('notFound', `Extension ${alias.slice(0, 255)} could not be found.`)
        return await Promise.resolve({ extension: view(found) })
      },
    }),
  ]
}

function view([alias, name, description]: (typeof extensions)[number]): Record<string, unknown> {
  return {
    alias,
    name,
    description,
    updated: '2014-12-03T00:00:00Z',
    namespace: `https://docs.openstack.org/api-ref/compute/#${alias}`,
    links: [],
  }
}
