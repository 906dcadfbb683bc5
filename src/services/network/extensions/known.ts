/** What this service can do beyond networks, subnets and ports; only what is truly there. Names and dates are Neutron's. */
export interface Extension {
  readonly alias: string
  readonly name: string
  readonly updated: string
  readonly description: string
}

export type ExtensionLine = readonly [
  alias: string,
  name: string,
  updated: string,
  description: string,
]

export const extensionsOf = (lines: readonly ExtensionLine[]): readonly Extension[] =>
  lines.map(([alias, name, updated, description]) => ({ alias, name, updated, description }))

const known: readonly ExtensionLine[] = [
  [
    'allowed-address-pairs',
    'Allowed Address Pairs',
    '2013-07-23T10:00:00-00:00',
    'Further addresses that a port may use.',
  ],
  ['binding', 'Port Binding', '2014-02-03T10:00:00-00:00', 'Where and how a port is plugged.'],
  [
    'default-subnetpools',
    'Default Subnetpools',
    '2016-02-18T18:00:00-00:00',
    'Subnet pools that are used when none is named.',
  ],
  [
    'empty-string-filtering',
    'Empty String Filtering Extension',
    '2018-05-01T10:00:00-00:00',
    'Lists can be filtered by empty values.',
  ],
  [
    'ext-gw-mode',
    'Neutron L3 Configurable external gateway mode',
    '2013-03-28T10:00:00-00:00',
    'Source translation of a router can be switched off.',
  ],
  [
    'external-net',
    'Neutron external network',
    '2013-01-14T10:00:00-00:00',
    'Networks that lead outside.',
  ],
  [
    'extra_dhcp_opt',
    'Neutron Extra DHCP options',
    '2013-03-17T12:00:00-00:00',
    'DHCP options kept with a port.',
  ],
  ['extraroute', 'Neutron Extra Route', '2013-02-01T10:00:00-00:00', 'Static routes of a router.'],
  [
    'extraroute-atomic',
    'Atomically add/remove extra routes',
    '2019-07-10T00:00:00+00:00',
    'Single static routes can be added and removed.',
  ],
  [
    'filter-validation',
    'Filter parameters validation',
    '2018-07-04T10:00:00-00:00',
    'Filters that a resource does not have are refused.',
  ],
  [
    'fip-port-details',
    'Floating IP Port Details Extension',
    '2018-04-09T10:00:00-00:00',
    'A floating IP tells about its port.',
  ],
  [
    'floatingip-autodelete-internal',
    'Autodelete floating IPs of internal networks',
    '2019-01-24T00:00:00-00:00',
    'Unused floating IPs go when their network is external no more.',
  ],
  [
    'ip-substring-filtering',
    'IP address substring filtering',
    '2017-11-28T09:00:00-00:00',
    'Ports can be found by part of an address.',
  ],
  ['net-mtu', 'Network MTU', '2015-03-25T10:00:00-00:00', 'A network tells its MTU.'],
  [
    'net-mtu-writable',
    'Network MTU (writable)',
    '2017-07-12T00:00:00-00:00',
    'The MTU of a network can be set.',
  ],
  [
    'network-ip-availability',
    'Network IP Availability',
    '2015-09-24T00:00:00-00:00',
    'How many addresses of each network are left.',
  ],
  [
    'network_availability_zone',
    'Network Availability Zone',
    '2015-01-01T10:00:00-00:00',
    'Zones of networks.',
  ],
  ['pagination', 'Pagination support', '2016-06-12T00:00:00-00:00', 'Lists come in pages.'],
  [
    'port-security',
    'Port Security',
    '2012-07-23T10:00:00-00:00',
    'Filtering of a port can be switched off.',
  ],
  [
    'port-security-groups-filtering',
    'Port filtering on security groups',
    '2018-01-09T09:00:00-00:00',
    'Ports can be found by security group.',
  ],
  [
    'port-mac-address-regenerate',
    'Neutron Port MAC address regenerate',
    '2018-05-03T10:00:00-00:00',
    'A port is given another MAC address when it is set to nothing.',
  ],
  [
    'project-id',
    'project_id field enabled',
    '2016-09-09T09:09:09-09:09',
    'Objects name their owner as project_id.',
  ],
  ['provider', 'Provider Network', '2012-09-07T10:00:00-00:00', 'What a network lies on.'],
  [
    'quota-check-limit',
    'Quota engine limit check',
    '2021-09-08T16:00:00-00:00',
    'A quota is not set below what is used when asked so.',
  ],
  ['quotas', 'Quota management support', '2012-07-29T10:00:00-00:00', 'Limits per project.'],
  [
    'quota_details',
    'Quota details management support',
    '2017-02-10T10:00:00-00:00',
    'How much of each limit is used.',
  ],
  [
    'rbac-address-scope',
    'Add address_scope type to RBAC',
    '2020-02-12T00:00:00-00:00',
    'Address scopes can be shared with single projects.',
  ],
  [
    'rbac-policies',
    'RBAC Policies',
    '2015-06-17T12:15:12-00:00',
    'Networks can be shared with single projects.',
  ],
  [
    'rbac-security-groups',
    'Add security_group type to network RBAC',
    '2019-02-14T00:00:00-00:00',
    'Security groups can be shared with single projects.',
  ],
  [
    'rbac-subnetpool',
    'Add subnetpool type to RBAC',
    '2020-02-05T00:00:00-00:00',
    'Subnet pools can be shared with single projects.',
  ],
  [
    'revision-if-match',
    'If-Match constraints based on revision_number',
    '2016-12-11T00:00:00-00:00',
    'A change can be made of one revision only.',
  ],
  ['router', 'Neutron L3 Router', '2012-07-20T10:00:00-00:00', 'Routers and floating IPs.'],
  [
    'router_availability_zone',
    'Router Availability Zone',
    '2015-01-01T10:00:00-00:00',
    'Zones of routers.',
  ],
  ['security-group', 'security-group', '2012-10-05T10:00:00-00:00', 'Filters of ports.'],
  [
    'security-groups-normalized-cidr',
    'Normalized CIDR field for security group rules',
    '2020-07-28T10:00:00-00:00',
    'A rule tells its prefix without host bits.',
  ],
  [
    'security-groups-shared-filtering',
    'Security group filtering on the shared field',
    '2021-10-05T09:00:00-00:00',
    'Security groups can be found by whether they are shared.',
  ],
  [
    'service-type',
    'Neutron Service Type Management',
    '2013-01-20T00:00:00-00:00',
    'Who provides a service that can be done in several ways.',
  ],
  [
    'sort-key-validation',
    'Sort keys validation',
    '2018-07-04T10:00:00-00:00',
    'Sort keys that a resource does not have are refused.',
  ],
  ['sorting', 'Sorting support', '2016-06-12T00:00:00-00:00', 'Lists can be sorted.'],
  [
    'standard-attr-description',
    'standard-attr-description',
    '2016-02-10T10:00:00-00:00',
    'Objects have a description.',
  ],
  [
    'standard-attr-revisions',
    'Resource revision numbers',
    '2016-04-11T10:00:00-00:00',
    'Objects have a revision number.',
  ],
  [
    'standard-attr-tag',
    'Tag support for resources with standard attribute: port, subnet, subnetpool, network, router, floatingip, security_group',
    '2017-01-01T00:00:00-00:00',
    'Objects can have tags.',
  ],
  [
    'standard-attr-timestamp',
    'Resource timestamps',
    '2016-09-12T10:00:00-00:00',
    'Objects tell when they were made and changed.',
  ],
  [
    'subnet-service-types',
    'Subnet service types',
    '2016-03-15T18:00:00-00:00',
    'Subnets can be kept for some kinds of ports.',
  ],
  [
    'subnet-external-network',
    'Subnet belongs to an external network',
    '2024-02-05T18:00:00-00:00',
    'A subnet tells whether its network is external.',
  ],
  [
    'subnet_allocation',
    'Subnet Allocation',
    '2015-03-30T10:00:00-00:00',
    'Subnets can be taken from pools.',
  ],
  [
    'subnet_onboard',
    'Subnet Onboard',
    '2018-12-18T09:00:00-00:00',
    'Subnets of a network can join a subnet pool afterwards.',
  ],
  [
    'subnetpool-prefix-ops',
    'Subnet Pool Prefix Operations',
    '2019-02-08T10:00:00-00:00',
    'Prefixes of a pool can be added and removed.',
  ],
  ['tag', 'Tag support', '2016-01-01T00:00:00-00:00', 'Networks can have tags.'],
  [
    'tag-ports-during-bulk-creation',
    'Tag Ports During Bulk Creation',
    '2019-12-29T19:00:00-00:00',
    'Ports can be made with tags.',
  ],
]

/** Of networks, subnets, ports, routers and security groups themselves; features declare their own. */
export const coreExtensions: readonly Extension[] = extensionsOf(known)
