import { can, projectOf, type Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import type { Req } from '../../../kernel/http/route.ts'
import { onlyQuery, PAGING, queryText, SORTING } from '../wire/query.ts'
import { isoTime } from './iso-time.ts'
import { patternMatcher } from './name-pattern.ts'
import type { ServerParts } from './parts.ts'
import type { ServerQuery, TagFilter } from './store.ts'

/** What a list asks for: the database's part, and what can only be told of a server with its workload and ports. */
export interface ServerFilter {
  readonly query: ServerQuery
  readonly tests: readonly ((parts: ServerParts) => boolean)[]
}

const EVERYBODY = [
  'all_tenants',
  'changes-since',
  'changes-before',
  'name',
  'status',
  'image',
  'flavor',
  'ip',
  'ip6',
  'reservation_id',
  'tags',
  'tags-any',
  'not-tags',
  'not-tags-any',
  'locked',
] as const
/** For administrators, and from 2.83 on for everybody. */
const SINCE_2_83 = [
  'availability_zone',
  'config_drive',
  'key_name',
  'created_at',
  'launched_at',
  'terminated_at',
  'power_state',
  'task_state',
  'vm_state',
  'progress',
  'user_id',
] as const
const ADMIN = [
  'host',
  'node',
  'hostname',
  'project_id',
  'tenant_id',
  'deleted',
  'description',
  'launch_index',
  'uuid',
  'access_ip_v4',
  'access_ip_v6',
  'soft_deleted',
  'auto_disk_config',
  'locked_by',
  'kernel_id',
  'ramdisk_id',
  'root_device_name',
  'image_ref',
  'instance_type_id',
  'display_description',
  'block_device_mapping',
  'services',
  'metadata',
  'system_metadata',
  'info_cache',
  'security_groups',
  'pci_devices',
] as const

/** Since when a filter is known, where that is not from the start. Unknown ones are ignored up to 2.74. */
const SINCE: Readonly<Record<string, string>> = {
  'changes-before': '2.66',
  tags: '2.26',
  'tags-any': '2.26',
  'not-tags': '2.26',
  'not-tags-any': '2.26',
  locked: '2.73',
}

const STATUSES = [
  'ACTIVE',
  'BUILD',
  'DELETED',
  'ERROR',
  'HARD_REBOOT',
  'MIGRATING',
  'PASSWORD',
  'PAUSED',
  'REBOOT',
  'REBUILD',
  'RESCUE',
  'RESIZE',
  'REVERT_RESIZE',
  'SHELVED',
  'SHELVED_OFFLOADED',
  'SHUTOFF',
  'SOFT_DELETED',
  'SUSPENDED',
  'UNKNOWN',
  'VERIFY_RESIZE',
]

/** Reads the query; undefined when nothing can match it. */
export function filterOf(ctx: Ctx, req: Req): ServerFilter | undefined {
  onlyQuery(req, [...EVERYBODY, ...SINCE_2_83, ...ADMIN, ...PAGING, ...SORTING])
  const isAdmin = can(ctx, 'os_compute_api:servers:allow_all_filters')
  const allowed = new Set<string>([
    ...EVERYBODY,
    ...(isAdmin || atLeast(req.version, '2.83') ? SINCE_2_83 : []),
    ...(isAdmin ? ADMIN : []),
  ])
  const text = (key: string): string | undefined => {
    const since = SINCE[key]
    const value =
      allowed.has(key) && (since === undefined || atLeast(req.version, since))
        ? queryText(req, key)
        : undefined
    return value === '' ? undefined : value
  }
  const status = statusTests(ctx, req)
  if (status === undefined) return undefined
  return {
    query: {
      projectId: projectFilter(ctx, req, text),
      deleted: deletedFilter(status.deleted, text),
      equals: equalsOf(text),
      tags: tagFilters(text),
      ...changes(text),
      createdSince: isoTime(text('created_at'), 'created_at'),
      launchedSince: isoTime(text('launched_at'), 'launched_at'),
      terminatedSince: isoTime(text('terminated_at'), 'terminated_at'),
    },
    tests: [...status.tests, ...liveTests(text)],
  }
}

type Text = (key: string) => string | undefined

function projectFilter(ctx: Ctx, req: Req, text: Text): string | undefined {
  const all = req.rawQuery.get('all_tenants')
  if (all === null || (all !== '' && !flag(all, 'all_tenants'))) return projectOf(ctx)
  if (!can(ctx, 'os_compute_api:servers:index:get_all_tenants')) {
    throw cloudError(
      'forbidden',
      "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed.",
    )
  }
  return text('project_id') ?? text('tenant_id')
}

function flag(value: string, key: string): boolean {
  if (/^(1|t|true|on|y|yes)$/i.test(value)) return true
  if (/^(0|f|false|off|n|no)$/i.test(value)) return false
  throw cloudError(
    'badRequest',
    `Invalid input for query parameters ${key}: '${value.slice(0, 40)}' is not a boolean.`,
  )
}

/** A time of change reaches the deleted too, so that a client can follow the list. */
function deletedFilter(byStatus: boolean, text: Text): ServerQuery['deleted'] {
  const asked = text('deleted')
  if (byStatus || (asked !== undefined && flag(asked, 'deleted'))) return 'only'
  return asked === undefined && text('changes-since') !== undefined ? 'both' : 'no'
}

function changes(text: Text): Pick<ServerQuery, 'changedSince' | 'changedBefore'> {
  const changedSince = isoTime(text('changes-since'), 'changes-since')
  const changedBefore = isoTime(text('changes-before'), 'changes-before')
  if (changedSince !== undefined && changedBefore !== undefined && changedSince > changedBefore) {
    throw cloudError(
      'badRequest',
      'The value of changes-since must be less than or equal to changes-before.',
    )
  }
  return { changedSince, changedBefore }
}

const COLUMNS = {
  image: 'image_id',
  image_ref: 'image_id',
  flavor: 'flavor_id',
  host: 'host',
  node: 'host',
  hostname: 'hostname',
  user_id: 'user_id',
  key_name: 'key_name',
  reservation_id: 'reservation_id',
  uuid: 'id',
  description: 'description',
  display_description: 'description',
  access_ip_v4: 'access_ipv4',
  access_ip_v6: 'access_ipv6',
  locked_by: 'locked_by',
} as const

function equalsOf(text: Text): ServerQuery['equals'] {
  const equals: Record<string, string | number> = {}
  for (const [key, column] of Object.entries(COLUMNS)) {
    const value = text(key)
    if (value !== undefined)
      equals[column] = key === 'image' || key === 'flavor' ? (value.split('/').at(-1) ?? '') : value
  }
  for (const [key, column] of [
    ['locked', 'locked'],
    ['config_drive', 'config_drive'],
  ] as const) {
    const value = text(key)
    if (value !== undefined) equals[column] = flag(value, key) ? 1 : 0
  }
  const index = text('launch_index')
  // no server has an index that is no small number
  if (index !== undefined) equals['launch_index'] = /^\d{1,9}$/.test(index) ? Number(index) : -1
  return equals
}

function tagFilters(text: Text): readonly TagFilter[] {
  const kinds = ['tags', 'tags-any', 'not-tags', 'not-tags-any'] as const
  return kinds.flatMap((kind) => {
    const value = text(kind)
    return value === undefined ? [] : [{ kind, tags: value.split(',').slice(0, 50) }]
  })
}

/** Undefined when no server has such a status. */
function statusTests(
  ctx: Ctx,
  req: Req,
): { readonly tests: ServerFilter['tests']; readonly deleted: boolean } | undefined {
  const asked = req.rawQuery
    .getAll('status')
    .filter((value) => value !== '')
    .map((value) => value.toUpperCase())
  if (asked.length === 0) return { tests: [], deleted: false }
  const known = new Set(asked.filter((value) => STATUSES.includes(value)))
  if (known.size === 0) {
    if (atLeast(req.version, '2.38'))
      throw cloudError(
        'badRequest',
        `Invalid status: ${asked.join(', ').slice(0, 100)}; there are: ${STATUSES.join(', ')}.`,
      )
    return undefined
  }
  const deleted = known.has('DELETED')
  if (deleted && !can(ctx, 'os_compute_api:servers:allow_all_filters'))
    throw cloudError('forbidden', 'Only administrators may list deleted instances')
  return { tests: [({ status }) => known.has(status.status)], deleted }
}

type Test = (parts: ServerParts) => boolean

/** Filters on what only the workload and the ports tell, and on names. */
const LIVE: Readonly<Record<string, (value: string) => Test>> = {
  name: (value) => {
    const matches = patternMatcher(value.slice(0, 255))
    return ({ server }) => matches(server.name)
  },
  ip: byAddress(4),
  ip6: byAddress(6),
  vm_state:
    (value) =>
    ({ status }) =>
      status.vmState === value,
  task_state:
    (value) =>
    ({ status }) =>
      status.taskState === value,
  power_state:
    (value) =>
    ({ status }) =>
      String(status.powerState) === value,
  progress: (value) => () => value === '0',
  availability_zone:
    (value) =>
    ({ zone }) =>
      zone === value,
}

function byAddress(version: 4 | 6): (value: string) => Test {
  return (value) => {
    const matches = patternMatcher(value.slice(0, 255))
    return ({ ports }) =>
      ports.some((port) =>
        port.fixedIps.some((ip) => ip.version === version && matches(ip.address)),
      )
  }
}

function liveTests(text: Text): readonly Test[] {
  return Object.entries(LIVE).flatMap(([key, make]) => {
    const value = text(key)
    return value === undefined ? [] : [make(value)]
  })
}
