import type { Ctx } from '../../../kernel/ctx/ctx.ts'
import { cloudError } from '../../../kernel/errors/cloud-error.ts'
import { atLeast } from '../../../kernel/http/microversion.ts'
import { pageOf } from '../../../kernel/http/paging.ts'
import { route, type Req, type Route } from '../../../kernel/http/route.ts'
import type { ComputeDeps } from '../deps.ts'
import { nextLink } from '../wire/links.ts'
import { onlyQuery, PAGING, queryText } from '../wire/query.ts'
import { novaTime } from '../wire/times.ts'
import {
  findMigration,
  listMigrations,
  type MigrationQuery,
  type ServerMigration,
} from './store.ts'

/** For admins: moves are the operator's affair. */
export const osMigrationPolicies: Readonly<Record<string, string>> = {
  'os_compute_api:os-migrations:index': 'rule:admin',
}

/** Filter → the first version that has it; up to 2.74 unknown ones are ignored. */
const filters: Readonly<Record<string, string>> = {
  host: '2.1',
  hidden: '2.1',
  instance_uuid: '2.1',
  source_compute: '2.1',
  status: '2.1',
  migration_type: '2.1',
  'changes-since': '2.59',
  'changes-before': '2.66',
  user_id: '2.80',
  project_id: '2.80',
}

/** Moves of servers between hosts, and resizes, which Nova counts among them. */
export function osMigrationRoutes(_deps: ComputeDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v2.1/os-migrations',
      policy: 'os_compute_api:os-migrations:index',
      summary: 'List migrations',
      handle: list,
    }),
  ]
}

async function list(ctx: Ctx, req: Req): Promise<unknown> {
  const paged = atLeast(req.version, '2.59')
  const known = Object.keys(filters).filter((name) => atLeast(req.version, filters[name] ?? ''))
  onlyQuery(req, [...known, ...(paged ? PAGING : [])])
  const { limit, marker } = pageOf(paged ? req.rawQuery : new URLSearchParams(), {
    sortable: [],
    defaultSort: [],
  })
  const before = marker === undefined ? undefined : await markerOf(ctx, marker)
  const found = asksForOthers(req)
    ? []
    : await listMigrations(ctx, { ...queryOf(req), before }, limit + 1)
  const items = found.slice(0, limit)
  return {
    migrations: items.map((migration) => migrationView(req, migration)),
    ...(paged ? nextLink(req, 'migrations_links', items.at(-1)?.uuid, found.length > limit) : {}),
  }
}

async function markerOf(ctx: Ctx, marker: string): Promise<number> {
  const migration = await findMigration(ctx, marker)
  if (migration === undefined)
    throw cloudError('badRequest', `Marker ${marker.slice(0, 80)} could not be found.`)
  return migration.number
}

/** Every move here is a resize, and none is hidden. */
function asksForOthers(req: Req): boolean {
  const type = queryText(req, 'migration_type')
  const hidden = queryText(req, 'hidden')
  return (
    (type !== undefined && type !== 'resize') ||
    (hidden !== undefined && /^(true|1|on|yes|t|y)$/i.test(hidden))
  )
}

function queryOf(req: Req): MigrationQuery {
  const text = (key: string): string | undefined =>
    atLeast(req.version, filters[key] ?? '') ? queryText(req, key) : undefined
  const host = text('host')
  const source = text('source_compute')
  return {
    serverId: text('instance_uuid'),
    // both are the one host that the server stayed on
    host: host !== undefined && source !== undefined && host !== source ? '' : (host ?? source),
    status: text('status'),
    projectId: text('project_id'),
    userId: text('user_id'),
    changedSince: timeIn(text('changes-since'), 'changes-since'),
    changedBefore: timeIn(text('changes-before'), 'changes-before'),
  }
}

function timeIn(text: string | undefined, key: string): string | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  if (!Number.isNaN(time.getTime())) return time.toISOString()
  throw cloudError(
    'badRequest',
    `Invalid input for query parameters ${key}: it is not an ISO 8601 time.`,
  )
}

function migrationView(req: Req, migration: ServerMigration): Record<string, unknown> {
  const since = (version: string): boolean => atLeast(req.version, version)
  return {
    id: migration.number,
    ...(since('2.59') ? { uuid: migration.uuid } : {}),
    instance_uuid: migration.serverId,
    status: migration.status,
    source_compute: migration.host,
    source_node: migration.host,
    dest_compute: migration.host,
    dest_node: migration.host,
    dest_host: null,
    // Nova's internal numbers of flavors: flavors have none here
    old_instance_type_id: null,
    new_instance_type_id: null,
    created_at: novaTime(migration.createdAt),
    updated_at: migration.updatedAt === null ? null : novaTime(migration.updatedAt),
    ...(since('2.23') ? { migration_type: 'resize' } : {}),
    ...(since('2.80') ? { user_id: migration.userId, project_id: migration.projectId } : {}),
  }
}
